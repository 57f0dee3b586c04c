# SPDX-License-Identifier: Apache-2.0
"""Between Nuke and the engine: the connection, the open shots, and their turns.

All is done in the main thread, in small pieces: `Bridge.pump` takes what came and returns.
A timer calls it where Nuke has windows; elsewhere a script calls `Bridge.wait`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nuke

from . import graph
from .background import Background
from .engine import Engine
from .following import follow
from .host import NukeHost
from .host_frame import Frames, Put
from .shared.client import Pending
from .shared.commands import Shot
from .shared.errors import (
    Cancelled,
    DeadlineExceeded,
    EngineUnreachable,
    UsageError,
    XmemppError,
)
from .shared.messages import GetLayers, Layers, PutFrames
from .shared.tick import tick
from .timer import Timer
from .values import hidden_undo, put, text

__all__ = ["Bridge", "current", "ours"]

log = logging.getLogger(__name__)

BUDGET = 0.008  # seconds of a turn
BUSY, IDLE = 0.02, 0.2  # seconds between two turns
_SENDING = 120.0  # seconds that one frame may take until the engine has it on disk
_LOOK = 0.2  # seconds between two looks whether anything goes on, or is cancelled

_current: list[Bridge] = []


def current() -> Bridge:
    """The bridge of this Nuke, made when it is needed first."""
    if not _current:
        _current.append(Bridge())
    return _current[0]


def ours() -> list[nuke.Group]:
    """All XMem++ nodes of the script."""
    found = nuke.allNodes("Group", nuke.root(), True)
    return [node for node in found if isinstance(node, nuke.Group) and graph.is_ours(node)]


class Bridge:
    """The engine of this Nuke, and the shots that are open in it.

    Attributes:
        engine: it; there may be none.
        work: told of further things to do in each turn, such as an installation.
        error: what went wrong with the engine last.
    """

    def __init__(self) -> None:
        self.engine = Engine()
        self._background = Background()
        self._timer = Timer(self.turn)
        self._open: dict[str, tuple[Shot, NukeHost]] = {}
        self._shown: dict[str, str] = {}
        self._pumping = False
        self.work: list[Callable[[], bool]] = []
        self.error: XmemppError | None = None

    # The engine

    @property
    def state(self) -> str:
        """Of the engine: ``stopped``, ``starting``, ``connecting``, or ``connected``."""
        return self.engine.state

    @property
    def turns_by_itself(self) -> bool:
        """Whether a timer runs."""
        return self._timer.runs

    def start_engine(self, program: str, options: list[str]) -> None:
        """Starts an engine, as `Engine.start`; sessions that the script remembers go on."""
        self.engine.start(program, options)
        self._connected()

    def connect(self, connection_file: Path) -> None:
        """Connects to one, as `Engine.connect`; sessions that the script remembers go on."""
        self.engine.connect(connection_file)
        self._connected()

    def stop_engine(self, *, wait: bool = False) -> None:
        """Leaves the shots and the engine, as `Engine.stop`."""
        self.leave()
        self.engine.stop(wait=wait)
        self._show_state()

    def _connected(self) -> None:
        self.error = None
        self.start_turns()
        for group in ours():
            if text(group, "session") and text(group, "token") not in self._open:
                self.open(group)
        self._show_state()

    # Shots

    def open(self, group: nuke.Group) -> None:
        """Opens a node's shot, or takes its session up; its state tells when it is there.

        Raises:
            EngineUnreachable: no engine is started.
            UsageError: nothing is connected, or the node is a copy of one that is open.
        """
        if self.engine.client is None:
            raise EngineUnreachable("There is no engine yet.", hint="Start it, or connect to one.")
        token = text(group, "token")
        if token not in self._open:
            host = NukeHost(
                group, Frames(self._putter(token)), self._asker(token), self._background.submit
            )
            self._open[token] = Shot(self.engine.client, host), host
        shot, host = self._found(group)
        host.forget_error()
        if shot.state is None:
            shot.open()

    def close(self, group: nuke.Group) -> None:
        """Leaves a node's session; its workspace stays."""
        shot, host = self._open.get(text(group, "token"), (None, None))
        if shot is not None and host is not None and host.group() == group:
            del self._open[host.token]
            shot.close()
            with hidden_undo():  # a node that comes back by undo must not tell of a job
                put(group, "state", self.state)

    def leave(self) -> None:
        """Leaves all sessions: another script is opened, or the engine is left."""
        for shot, _ in self._open.values():
            shot.close()
        self._open.clear()

    def shot(self, group: nuke.Group) -> Shot:
        """The commands of a node; ``UsageError`` if it is not open."""
        return self._found(group)[0]

    def host(self, group: nuke.Group) -> NukeHost:
        """A node as the commands see it; ``UsageError`` if it is not open."""
        return self._found(group)[1]

    def _found(self, group: nuke.Group) -> tuple[Shot, NukeHost]:
        found = self._open.get(text(group, "token"))
        if found is None:
            raise UsageError("The shot is not open.", hint="Press Open Shot first.")
        if found[1].group() != group:
            raise UsageError(
                f"{group.name()} is a copy of {found[1].group().name()}, which is open.",
                hint="Work there, or press Start Anew here.",
            )
        return found

    # Turns

    def start_turns(self) -> None:
        """From now on a timer turns, if Nuke has windows."""
        self._timer.start()

    def turn(self) -> float:
        """One turn of the timer; seconds until the next.

        A mistake of ours must not end the connection. While Nuke renders, by us or by the
        artist, it lets timers run, but no node may be changed.
        """
        if nuke.executing():
            return BUSY
        try:
            self.pump()
        except Exception as error:
            log.exception("a turn failed")
            self.show_error(XmemppError(f"The plugin failed: {error}.", hint="Please report this."))
        return IDLE if self.idle else BUSY

    def pump(self) -> None:
        """Takes what came, without waiting.

        Nuke may let its timers run while something is done here: such a turn does nothing.
        """
        if self._pumping:
            return
        self._pumping = True
        try:
            self._background.deliver(BUDGET)
            if self.engine.client is not None:
                tick(self.engine.client, [shot for shot, _ in self._open.values()], BUDGET)
                for shot, host in self._open.values():
                    follow(shot, host)
            self.work = [step for step in self.work if step()]
            self._look_after()
            self._show_state()
        except XmemppError as error:
            self.show_error(error)
        finally:
            self._pumping = False

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way and no job runs."""
        jobs = any(shot.job is not None or host.mattes.busy for shot, host in self._open.values())
        return not (self.engine.is_busy or jobs or self.work or self._background.busy)

    def wait(self, finished: Callable[[], bool] | None = None, seconds: float = 600.0) -> None:
        """Turns until something is so, or nothing is left to do; for scripts.

        Args:
            finished: what is waited for.
            seconds: that may pass without any progress; long shots take as long as they take.

        Raises:
            DeadlineExceeded: nothing went on for so long.
        """
        done = finished or (lambda: self.idle)
        moved, end = self._how_far(), time.monotonic() + seconds
        while not self._turned_until(done, min(seconds, _LOOK)):
            if self.work or moved != self._how_far():
                moved, end = self._how_far(), time.monotonic() + seconds
            elif time.monotonic() > end:
                raise DeadlineExceeded(f"Nothing went on for {seconds:g} s.")

    def _turned_until(self, finished: Callable[[], bool], seconds: float) -> bool:
        """Turns until something is so; whether it is after so many seconds at most."""
        end = time.monotonic() + seconds
        self.pump()
        while not finished():
            if time.monotonic() > end:
                return False
            time.sleep(0.002)
            self.pump()
        return True

    def _how_far(self) -> list[object]:
        """What changes while anything goes on."""
        shots = ((shot.job, host.mattes.left) for shot, host in self._open.values())
        return [self.state, *shots]

    def show_error(self, error: XmemppError) -> None:
        """Shows a sentence in all XMem++ nodes."""
        self.error = error
        log.warning("%s", error)
        with hidden_undo():
            for group in ours():
                put(group, "message", str(error))

    def _look_after(self) -> None:
        """The engine's process, nodes that were deleted, and buttons to cancel."""
        self._watch()
        for shot, host in [*self._open.values()]:
            if not host.is_there:
                del self._open[host.token]
                shot.close()
            elif shot.job is not None and host.progress.wants_cancel():
                shot.cancel()

    def _watch(self) -> None:
        try:
            self.engine.watch()
        except XmemppError:
            self.stop_engine()
            raise
        client = self.engine.client
        refusal = None if client is None else client.refusal
        if refusal is not None and refusal is not self.error:
            self.show_error(refusal)

    def _show_state(self) -> None:
        """What each node tells of the engine and its shot, where that changed.

        All nodes are looked for only when the engine's state changed: that takes long in a
        large script.
        """
        told = {token: self._words(shot, host) for token, (shot, host) in self._open.items()}
        told[""] = self.state
        if told == self._shown:
            return
        everywhere = told[""] != self._shown.get("") or told.keys() != self._shown.keys()
        self._shown = told
        nodes = ours() if everywhere else [host.group() for _, host in self._open.values()]
        with hidden_undo():
            for group in nodes:
                put(group, "state", told.get(text(group, "token"), self.state))

    def _words(self, shot: Shot, host: NukeHost) -> str:
        if shot.state is None:
            return self.state
        state = shot.state
        told = f"{self.state}: {state.name}, {state.width} x {state.height}, {state.model}"
        return f"{told}; {shot.job.work}: {host.progress.words}" if shot.job is not None else told

    # What hosts need of the engine

    def _asker(self, token: str) -> Any:
        def ask(
            request: GetLayers, then: Callable[[Layers], object], ends: Callable[[], object]
        ) -> None:
            shot, host = self._open[token]

            def settled(pending: Pending[Layers]) -> None:
                if token not in self._open:
                    return
                try:
                    then(pending.result())
                except XmemppError as error:
                    host.show_error(error)
                ends()

            if self.engine.client is not None and shot.state is not None:
                self.engine.client.submit(request, shot.state.session, then=settled)

        return ask

    def _putter(self, token: str) -> Put:
        return lambda request, stopped: self._put(token, request, stopped)

    def _put(self, token: str, request: PutFrames, stopped: Callable[[], bool]) -> None:
        """Sends a frame and waits, looking after the engine and the artist meanwhile.

        Raises:
            Cancelled: the artist does not want to wait.
            DeadlineExceeded: it took too long. And what the engine answers.
        """
        state = self._open[token][0].state
        if self.engine.client is None or state is None:
            raise EngineUnreachable("There is no engine any more.")
        pending = self.engine.client.submit(request, state.session)
        end = time.monotonic() + _SENDING
        while not self._turned_until(lambda: pending.done or self.engine.client is None, _LOOK):
            if stopped():
                raise Cancelled("Sending the plate was cancelled.", hint="What was sent stays.")
            if time.monotonic() > end:
                raise DeadlineExceeded(f"The engine did not take a frame for {_SENDING:g} s.")
        if self.engine.client is None and not pending.done:
            raise EngineUnreachable("There is no engine any more.")
        pending.result()
