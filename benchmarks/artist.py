# SPDX-License-Identifier: Apache-2.0
"""A scripted artist, who remembers everything that the engine confirmed."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine_server.session.workspace import History, ProjectFolder, read_matte
from engine_server.session.workspace.edit_log import read_edits
from shared.client import Client
from shared.codec import Envelope
from shared.image import RawImage
from shared.messages import (
    AddObject,
    AddReference,
    JobDone,
    JobFailed,
    LockFrames,
    MatteReady,
    PaintedMatte,
    Propagate,
    Redo,
    RemoveReference,
    RenameObject,
    Reply,
    Request,
    Undo,
    UnlockFrames,
)

__all__ = ["Artist", "Gone", "State", "on_disk", "raw_matte"]

R = TypeVar("R", bound=Reply)
FIRST, COUNT, SIZE = 1001, 8, (48, 80)


@dataclass
class State:
    """What there is, as far as an artist can tell.

    Attributes:
        names: by object.
        painted: bytes of float32 mattes by frame and object.
        locked: frames.
        mattes: confidence by frame and object.
    """

    names: dict[int, str] = field(default_factory=dict)
    painted: dict[tuple[int, int], bytes] = field(default_factory=dict)
    locked: set[int] = field(default_factory=set)
    mattes: dict[tuple[int, int], float] = field(default_factory=dict)


def raw_matte(pixels: NDArray[np.floating[Any]]) -> RawImage:
    """A float32 matte, H x W, for a message."""
    data = np.ascontiguousarray(pixels, np.float32)
    return RawImage("float32", data.shape, ("A",), "data", data.data.cast("B"))


class Gone(Exception):
    """The engine is not there any more."""


def on_disk(folder: ProjectFolder) -> State:
    """What a project holds, read without an engine."""
    contents = History(read_edits(folder.log)[0]).contents
    found = State(dict(contents.names), locked=set(contents.locked))
    for frame, told in contents.references.items():
        for obj, stored in told.items():
            found.painted[frame, obj] = read_matte(folder.path / stored.file).tobytes()
    for frame, told in contents.mattes.items():
        found.mattes.update({(frame, obj): stored.confidence for obj, stored in told.items()})
    return found


class Artist:
    """Works in one session, and knows what must be there after a crash.

    Args:
        client: of the engine.
        session: id of an open one.
        seed: of what is done.
        alive: whether the engine's process is there.

    Attributes:
        sure: what was confirmed.
        perhaps: what it is if the request on its way was done as well.
        running: whether a propagation runs; then frames may be finished that were not heard of.
        heard: frames and objects that the running propagation was heard to finish.
        asked: how many requests were confirmed.
    """

    def __init__(self, client: Client, session: str, seed: int, alive: Callable[[], bool]) -> None:
        self.client, self.session, self.alive = client, session, alive
        self.random = random.Random(seed)  # noqa: S311 no secret
        self.sure, self.perhaps = State(), State()
        self.past: list[State] = []
        self.future: list[State] = []
        self.running, self.heard = False, set[tuple[int, int]]()
        self.came: list[Envelope] = []
        self.asked = 0

    def agrees(self, found: State) -> bool:
        """Whether what is there is what was confirmed, with or without what was on its way."""
        return any(self._is(found, state) for state in (self.sure, self.perhaps))

    def _is(self, found: State, state: State) -> bool:
        same = (found.names, found.painted, found.locked) == (
            state.names,
            state.painted,
            state.locked,
        )
        if not self.running:
            return same and found.mattes == state.mattes
        kept = {*state.mattes} <= {*found.mattes}
        return same and kept and all(found.mattes[k] == state.mattes[k] for k in self.heard)

    def work(self) -> None:
        """Works until the engine is gone."""
        self._edit(AddObject("one"), lambda s: s.names.update({1: "one"}))
        self._edit(AddObject("two"), lambda s: s.names.update({2: "two"}))
        while True:
            self.random.choice(
                [self._paint] * 4
                + [self._propagate] * 2
                + [self._undo, self._redo, self._rename, self._lock, self._unlock, self._unpaint]
            )()

    def _paint(self) -> None:
        frame = self.random.randrange(FIRST, FIRST + COUNT)
        seed = self.random.randrange(2**31)
        soft = self.random.random() < 0.5
        pixels = np.random.default_rng(seed).random(SIZE, np.float32)
        matte = pixels if soft else (pixels > 0.5).astype(np.float32)
        objects = [obj for obj in (1, 2) if obj in self.sure.names]
        told = tuple(PaintedMatte(obj, "painted", raw_matte(matte)) for obj in objects)

        def painted(state: State) -> None:
            _unpainted(state, frame)
            state.painted.update({(frame, obj): matte.tobytes() for obj in objects})

        if told and frame not in self.sure.locked:
            self._edit(AddReference(frame, told), painted)

    def _unpaint(self) -> None:
        frames = sorted({f for f, _ in self.sure.painted} - self.sure.locked)
        if frames:
            frame = self.random.choice(frames)
            self._edit(RemoveReference(frame), lambda s: _unpainted(s, frame))

    def _rename(self) -> None:
        if 1 in self.sure.names:
            name = f"one {self.random.randrange(10**9)}"
            self._edit(RenameObject(1, name), lambda s: s.names.update({1: name}))

    def _lock(self) -> None:
        frame = self.random.randrange(FIRST, FIRST + COUNT)
        self._edit(LockFrames(((frame, frame),)), lambda s: s.locked.add(frame))

    def _unlock(self) -> None:
        frame = self.random.randrange(FIRST, FIRST + COUNT)
        self._edit(UnlockFrames(((frame, frame),)), lambda s: s.locked.discard(frame))

    def _undo(self) -> None:
        self._step(Undo(), self.past, self.future)

    def _redo(self) -> None:
        self._step(Redo(), self.future, self.past)

    def _step(self, request: Request[Any], source: list[State], target: list[State]) -> None:
        if source:
            self.perhaps = source[-1]
            self._ask(request)
            target.append(self.sure)
            self.sure = source.pop()

    def _propagate(self) -> None:
        if not self.sure.painted:
            return
        before = copy.deepcopy(self.sure)
        self.perhaps, self.running = self.sure, True
        self.heard.clear()
        job = self._ask(Propagate(flow=False)).job
        self.past.append(before)
        self.future.clear()
        while not self._heard(job):
            time.sleep(0.002)
            self._look()
        self.running = False

    def _heard(self, job: str) -> bool:
        """Takes in what is finished; whether the job is over."""
        came, self.came = self.came + self.client.pump(), []
        for envelope in came:
            message = envelope.message
            if isinstance(message, MatteReady):
                ready = {(c.frame, c.object): c.value for c in message.confidence}
                self.sure.mattes.update(ready)
                self.heard.update(ready)
            elif isinstance(message, (JobDone, JobFailed)) and message.job == job:
                return True
        return False

    def _edit(self, request: Request[Any], change: Callable[[State], object]) -> None:
        after = copy.deepcopy(self.sure)
        change(after)
        self.perhaps = after
        self._ask(request)
        self.past.append(self.sure)
        self.future.clear()
        self.sure = after

    def _ask(self, request: Request[R]) -> R:
        pending = self.client.submit(request, self.session)
        while not pending.done:
            self.came += self.client.pump()
            time.sleep(0.001)
            self._look()
        self.asked += 1
        return pending.result()

    def _look(self) -> None:
        if not self.alive():
            raise Gone


def _unpainted(state: State, frame: int) -> None:
    for key in [key for key in state.painted if key[0] == frame]:
        del state.painted[key]
