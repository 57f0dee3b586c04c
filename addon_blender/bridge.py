# SPDX-License-Identifier: GPL-3.0-or-later
"""Between Blender and the engine: the connection, the open clips, and the timer.

All is done in the main thread, in small pieces: `Bridge.pump` takes what came and returns.
A timer calls it; without a window no timer runs, and a script calls `Bridge.wait`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import bpy

from . import quiet
from .background import Background
from .engine import OwnEngine
from .host import BlenderHost, redraw
from .plate_files import Sent
from .set_aside import make_independent
from .shared.client import Client, Introduction
from .shared.connection import Connection, read_connection
from .shared.errors import (
    Busy,
    DeadlineExceeded,
    EngineUnreachable,
    NotFound,
    UsageError,
    XmemppError,
)
from .shared.hosts import Remembered
from .shared.steps import SteppedShot
from .shared.tick import tick

__all__ = ["Bridge", "current", "start", "stop"]

log = logging.getLogger(__name__)

BUDGET = 0.008  # seconds of a turn
BUSY, IDLE = 0.02, 0.2  # seconds between two turns

_current: list[Bridge] = []


class Bridge:
    """The engine of this Blender, and the clips that are open in it.

    Args:
        version: of the add-on.

    Attributes:
        error: what went wrong with the engine last, until it is put away.
        each_turn: called in every turn.
        at_leaving: called with a clip that is left or saved.
    """

    def __init__(self, version: str) -> None:
        self._who = Introduction("blender", version)
        self._background = Background()
        self._maker = Background()  # of references: it may wait for a second Blender
        self._engine: OwnEngine | None = None
        self._client: Client | None = None
        self._open: dict[str, tuple[SteppedShot, BlenderHost]] = {}
        self._shown = ""
        self.error: XmemppError | None = None
        self.each_turn: list[Callable[[], object]] = []
        self.at_leaving: list[Callable[[SteppedShot, BlenderHost], object]] = []

    # The engine

    @property
    def state(self) -> str:
        """``stopped``, ``starting``, ``connecting``, or ``connected``."""
        if self._client is None:
            return "stopped"
        if self._client.welcome is not None:
            return "connected"
        own = self._engine
        return "starting" if own is not None and own.state != "running" else "connecting"

    def start_engine(self, program: str, options: list[str]) -> None:
        """Starts an engine that ends with this Blender, and connects to it."""
        if self._client is not None:
            raise UsageError("An engine is in use already.", hint="Stop or leave it first.")
        self._engine = OwnEngine(program, options)
        self._connect(self._engine.connection)

    def connect(self, connection_file: Path) -> None:
        """Connects to a running engine, here or elsewhere.

        Raises:
            EngineUnreachable, InsecureConnection, ProtocolError: of the connection file.
        """
        if self._client is not None:
            raise UsageError("An engine is in use already.", hint="Stop or leave it first.")
        read_connection(connection_file)
        self._connect(lambda: read_connection(connection_file))

    def stop_engine(self, *, wait: bool = False) -> None:
        """Leaves the engine, and ends it if this Blender started it."""
        self.leave_clips()
        if self._client is not None:
            self._client.close()
        if self._engine is not None:
            self._engine.stop(wait=wait)
        self._client = self._engine = None
        redraw()

    def close(self) -> None:
        """Ends everything; for the end of the add-on."""
        self.stop_engine(wait=True)
        self._background.close()
        self._maker.close()

    # Clips

    def open(self, clip: bpy.types.MovieClip) -> None:
        """Opens a clip in the engine, or takes its session up; its state tells when it is there.

        A copy of a clip that is open is opened for itself, as a plate that is loaded twice.

        Raises:
            EngineUnreachable: no engine is started.
            NotFound: the plate is not there.
        """
        if self._client is None:
            raise EngineUnreachable("There is no engine yet.", hint="Start it, or connect to one.")
        if self._is_copy(clip):
            make_independent(clip.xmempp)
        if clip.xmempp.token not in self._open:
            host = BlenderHost(clip, self._background.submit, self._maker.submit)
            self._open[host.token] = SteppedShot(self._client, host), host
        shot, host = self._open[clip.xmempp.token]
        host.error = None
        if shot.state is None:
            host.sent = Sent()  # the engine may see the plate by now
            shot.open()

    def close_clip(self, clip: bpy.types.MovieClip) -> None:
        """Leaves a clip's session; its workspace stays."""
        if self.find(clip) is not None:
            self.settle_edits(clip.xmempp.token)
            self._leave(self._open.pop(clip.xmempp.token)[0])

    def leave_clips(self) -> None:
        """Leaves all sessions: another file is loaded, or the engine is left."""
        self.settle_edits(*self._open)
        for shot, _ in self._open.values():
            self._leave(shot)
        self._open.clear()

    def _leave(self, shot: SteppedShot) -> None:
        if self._maker.busy and not shot.settled:
            text = "A reference was still being made, and the engine has not got it."
            self.show_error(Busy(text, hint="Open the clip, and add it again."))
        shot.close()

    def settle_edits(self, *tokens: str) -> None:
        """Asks at once for edits of clips that are otherwise waited with for a while."""
        for token in tokens or [*self._open]:
            for tell in self.at_leaving:
                tell(*self._open[token])

    def take_up(self) -> None:
        """Opens all clips that remember a session, if there is an engine."""
        for clip in bpy.data.movieclips:
            if self._client is not None and clip.xmempp.session and not self._is_copy(clip):
                self.open(clip)

    def restore(self) -> None:
        """Undo and redo brought back older copies of what the engine told; puts them right.

        Edits that were made with a step of Blender's undo are taken back or done again with it.
        """
        for shot, host in self._open.values():
            try:
                _restore(shot, host)
            except NotFound:  # the clip is not there at this step
                log.info("the clip of session %s was undone", shot.state and shot.state.session)

    def shots(self) -> list[tuple[SteppedShot, BlenderHost]]:
        """All that are open."""
        return [*self._open.values()]

    def find(self, clip: bpy.types.MovieClip) -> tuple[SteppedShot, BlenderHost] | None:
        """What is open of a clip, or None; for drawing."""
        return None if self._is_copy(clip) else self._open.get(clip.xmempp.token)

    def shot(self, clip: bpy.types.MovieClip) -> SteppedShot:
        """The commands of a clip.

        Raises:
            UsageError: it is not open.
        """
        return self._found(clip)[0]

    def host(self, clip: bpy.types.MovieClip) -> BlenderHost:
        """A clip as the commands see it; ``UsageError`` if it is not open."""
        return self._found(clip)[1]

    def _found(self, clip: bpy.types.MovieClip) -> tuple[SteppedShot, BlenderHost]:
        found = self.find(clip)
        if found is None:
            raise UsageError("The clip is not open.", hint="Open it in the engine first.")
        return found

    def _is_copy(self, clip: bpy.types.MovieClip) -> bool:
        found = self._open.get(clip.xmempp.token)
        return found is not None and found[1].movie_clip() != clip

    # Turns

    def pump(self) -> float:
        """Takes what came; returns seconds until it should be called again."""
        try:
            self._background.deliver(BUDGET)
            self._maker.deliver(BUDGET)
            if self._client is not None:
                tick(self._client, [shot for shot, _ in self._open.values()], BUDGET)
            self._look_at_engine()
            for look in self.each_turn:
                look()
        except XmemppError as error:
            self.show_error(error)
        if self.state != self._shown:
            self._shown = self.state
            redraw()
        return IDLE if self.idle else BUSY

    def settle(self, *, leaves: bool = False) -> None:
        """Waits until all that was painted is in Blender's data, which are saved.

        Args:
            leaves: they are left: references that are being made are waited for as well.
        """
        for work in (self._background, *([self._maker] if leaves else [])):
            while work.busy:
                work.wait()
                try:
                    work.deliver(BUDGET)
                except XmemppError as error:
                    self.show_error(error)

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way and no job runs."""
        waiting = self._client is not None and not self._client.idle
        jobs = any(shot.job is not None or not shot.settled for shot, _ in self._open.values())
        coming = self.state in ("starting", "connecting")
        return not (waiting or jobs or coming or self._background.busy or self._maker.busy)

    def wait(self, finished: Callable[[], bool] | None = None, seconds: float = 600.0) -> None:
        """Turns until something is so, or nothing is left to do; for scripts.

        Raises:
            DeadlineExceeded: it took longer.
        """
        end = time.monotonic() + seconds
        done = finished or (lambda: self.idle)
        self.pump()
        while not done():
            if time.monotonic() > end:
                raise DeadlineExceeded(f"It is not done after {seconds:g} s.")
            with quiet.going_on():
                time.sleep(0.002)
            self.pump()

    def show_error(self, error: XmemppError) -> None:
        """Shows a sentence in the panel."""
        self.error = error
        redraw()

    def _connect(self, source: Callable[[], Connection]) -> None:
        self.error = None
        self._client = Client(source, who=self._who)
        self.take_up()

    def _look_at_engine(self) -> None:
        if self._engine is not None and self._engine.error is not None:
            error = self._engine.error
            self.stop_engine()
            raise error
        if self._client is not None and self._client.refusal is not None:
            self.error = self._client.refusal


def _restore(shot: SteppedShot, host: BlenderHost) -> None:
    if shot.state is not None:
        host.remember(Remembered(shot.state.session, shot.state.workspace))
        host.show_session(shot.state)
        host.show_candidates(shot.candidates)
        host.paintings.forget()
        shot.follow()


def start(version: str) -> None:
    """Makes the bridge of this Blender and its timer."""
    _current.append(Bridge(version))
    bpy.app.timers.register(_turn, first_interval=IDLE, persistent=True)


def stop() -> None:
    """Ends it."""
    if bpy.app.timers.is_registered(_turn):
        bpy.app.timers.unregister(_turn)
    _current.pop().close()


def current() -> Bridge:
    """The bridge of this Blender."""
    return _current[-1]


def _turn() -> float:
    """A timer that raises is never called again: a mistake of ours must not end the connection."""
    try:
        return current().pump()
    except Exception as error:
        log.exception("a turn failed")
        hint = "Please report this, with what Blender's console shows."
        current().show_error(XmemppError(f"The add-on failed: {error}.", hint=hint))
        return IDLE
