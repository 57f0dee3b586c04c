# SPDX-License-Identifier: Apache-2.0
"""A host that undoes, and a small engine that has a history."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from shared.client import Client
from shared.codec import Envelope
from shared.errors import NothingToUndo, UsageError
from shared.messages import (
    Cancel,
    CancelReply,
    EditReply,
    GetSession,
    GetSuggestions,
    JobStarted,
    LockFrames,
    Locks,
    OpenClip,
    Propagate,
    Redo,
    Reply,
    Suggest,
    Suggestions,
    Undo,
)
from shared.steps import SteppedShot
from shared.tick import tick

from .fake_host import FakeHost
from .pumping import wait
from .router import Router, state


@dataclasses.dataclass
class SteppedHost(FakeHost):
    """One whose undo is a list of tokens."""

    step: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.stack = [self.step]
        self.at = 0

    def push(self) -> None:
        """What a host does after each operator."""
        self.stack = [*self.stack[: self.at + 1], self.step]
        self.at += 1

    def go(self, by: int) -> None:
        self.at += by
        self.step = self.stack[self.at]


class Engine:
    """Requests that are in effect, and those that were taken back."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.done: list[str] = []
        self.undone: list[str] = []
        self.words: list[str] = []
        self.found: tuple[int, ...] = ()
        router.answers |= {
            OpenClip: self.now,
            GetSession: self.now,
            LockFrames: self.lock,
            Propagate: self.start,
            Suggest: self.start,
            Cancel: self.cancel,
            GetSuggestions: lambda _: Suggestions(self.found, 3, stale=False),
            Undo: lambda asked: self.move(asked, self.done, self.undone),
            Redo: lambda asked: self.move(asked, self.undone, self.done),
        }

    def now(self, _: Envelope) -> Reply:
        return dataclasses.replace(state(), references=(1001,))

    def edited(self, asked: Envelope) -> None:
        self.words.append(asked.message.type)
        self.done.append(asked.id)
        self.undone.clear()

    def lock(self, asked: Envelope) -> Reply:
        self.edited(asked)
        return Locks((), 1)

    def start(self, asked: Envelope) -> Reply:
        if isinstance(asked.message, Propagate):
            self.edited(asked)
        return JobStarted(asked.id[:16], 10)

    def cancel(self, asked: Envelope) -> Reply:
        assert isinstance(asked.message, Cancel)
        self.words.append("cancel")
        return CancelReply((asked.message.job or "",))

    def move(self, asked: Envelope, source: list[str], target: list[str]) -> Reply:
        named = asked.message.request  # type: ignore[attr-defined]
        self.words.append(asked.message.type)
        if named in target:
            raise NothingToUndo("It is so already.")
        if not source or named not in (None, source[-1]):
            raise UsageError("Something else was edited since.")
        target.append(source.pop())
        return EditReply("", 1, 1, 1)


@dataclasses.dataclass
class Desk:
    """A host with its shot, a client, and the engine."""

    host: SteppedHost
    shot: SteppedShot
    client: Client
    engine: Engine

    def until(self, finished: Callable[[], bool]) -> None:
        wait(finished, lambda: tick(self.client, [self.shot], 0.002))

    def settle(self) -> None:
        self.until(lambda: self.shot.settled and self.client.idle)

    def lock(self) -> str:
        self.shot.lock((1001, 1002))
        self.host.push()
        return self.host.step

    def go(self, by: int) -> None:
        self.host.go(by)
        self.shot.follow()
