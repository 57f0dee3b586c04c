# SPDX-License-Identifier: Apache-2.0
"""Edits that follow the undo of the host they are made in.

The host keeps a *token* among its data, so that its own undo and redo bring back another one.
Every edit has a token, which is the id of its request too: the engine's log knows it. The token
that the host has tells which edits are to be in effect. The others are taken back, or done again,
one after the other: each waits for the answer to the one before. The engine is told which edit
is meant, so that it never takes back what somebody else did; nothing is guessed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from .client import Client
from .codec import Envelope, new_id
from .commands import Shot
from .errors import NothingToUndo, UsageError, XmemppError
from .hosts import Host, JobShown
from .messages import (
    AddReference,
    Cancel,
    EditReply,
    GetSuggestions,
    Propagate,
    Redo,
    Request,
    SessionState,
    Suggest,
    Undo,
    UpdateReference,
)

__all__ = ["Step", "SteppedHost", "SteppedShot"]

_Then = Callable[[], object]
_JOB_DIGITS = 16  # of its request's id are the id of a job


class SteppedHost(Host, Protocol):
    """A clip in a host with an undo of its own.

    Attributes:
        step: token of the last edit; undo and redo of the host bring back another.
    """

    step: str


@dataclass(eq=False)
class Step:
    """An edit; made by `SteppedShot.begin`.

    Attributes:
        token: of the edit.
        before: token that the host had until then.
        prepare: called when it is asked for, or again; makes what is called once it is made.
        back: called once it is taken back.
        work: of a job, else empty.
        paints: whether it gives a reference.
        request: what is asked; None until that is known, and once it is on its way.
        waits: whether the engine has not answered it yet.
        failed: whether nothing came of it.
        again: begins anew what was undone before it was known; None if it was known.
        seen: candidates before a search for others; then those that it found.
    """

    token: str
    before: str
    prepare: Callable[[], _Then]
    back: _Then
    work: str = ""
    paints: bool = False
    request: Request[Any] | None = None
    waits: bool = True
    failed: bool = False
    again: _Then | None = None
    seen: tuple[int, ...] = ()

    @property
    def job(self) -> str:
        """The id of its job."""
        return self.token[:_JOB_DIGITS]


@dataclass(eq=False)
class _Turn:
    """What is to be done about a step, in its turn: ``do``, ``undo`` or ``redo``."""

    what: str
    step: Step
    then: _Then


def _nothing() -> None:
    """What follows most edits."""


class SteppedShot(Shot):
    """A clip whose edits follow the host's undo.

    Args:
        client, host: as of `Shot`.
    """

    def __init__(self, client: Client, host: SteppedHost) -> None:
        super().__init__(client, host)
        self._tokens = host
        self._steps: list[Step] = []
        self._reached = 0  # how many of them are in effect when all turns are over
        self._turns: deque[_Turn] = deque()
        self._asking = False
        self._ending: Step | None = None  # whose job was told to end

    @property
    def settled(self) -> bool:
        """Whether nothing waits for its turn."""
        return not (self._turns or self._asking)

    def close(self) -> None:
        """As of `Shot`; edits that waited for their turn are asked for without waiting."""
        for turn in self._turns if self.state else ():
            self._ask_unheard(turn)
        super().close()
        self._steps, self._reached, self._asking = [], 0, False
        self._turns.clear()

    def _ask_unheard(self, turn: _Turn) -> None:
        """No job is begun, and what is not made yet is left out."""
        step, request = turn.step, turn.step.request
        if step.failed or step.work == "suggest" or (turn.what == "do" and step.work):
            return
        if turn.what != "do":
            self._send((Undo if turn.what == "undo" else Redo)(step.token), lambda _: None)
        elif request is not None:
            self._send(request, lambda _: None, name=step.token)

    # Edits

    def begin(
        self,
        prepare: Callable[[], _Then] = lambda: _nothing,
        back: _Then = _nothing,
        *,
        paints: bool = False,
    ) -> Step:
        """An edit that belongs to the host's next step of undo, and may be asked for later.

        Either `give` or `leave` has to follow: edits that are begun after it wait for that.

        Args:
            prepare, back, paints: as of `Step`.
        """
        self._session()
        if self._places()[self._reached :][:1] != [self._tokens.step]:
            self._steps, self._reached = [], 0  # the host is where nothing is known of
        step = Step(new_id(), self._tokens.step, prepare, back, paints=paints)
        self._steps = [*self._steps[: self._reached], step]
        self._reached += 1
        self._tokens.step = step.token
        self._turns.append(_Turn("do", step, prepare()))
        return step

    def give(self, step: Step, request: Request[Any]) -> None:
        """Tells what is to be asked."""
        step.request = request
        self._go_on()

    def leave(self, step: Step) -> None:
        """There is nothing to be asked after all."""
        step.failed = True
        self._leave_jobs(step)
        self._go_on()

    def is_there(self, step: Step) -> bool:
        """Whether the host is where it has this edit, or after that."""
        return step in self._steps[: self._reached]

    def put_off(self, step: Step, again: _Then) -> None:
        """The host has undone it before it was known what to ask; redo calls ``again``."""
        step.again = again
        self.leave(step)

    def edit(self, request: Request[Any], then: _Then = _nothing) -> None:
        """As of `Shot`, as a step."""
        paints = isinstance(request, (AddReference, UpdateReference))
        self.give(self.begin(lambda: then, paints=paints), request)

    def edit_aside(self, request: Request[Any]) -> None:
        """An edit that the host's undo has nothing to do with."""
        super().edit(request)

    def _start(self, request: Any, work: str) -> None:
        """As of `Shot`; a job that is being taken back is waited for."""
        if not isinstance(request, (Propagate, Suggest)):
            super()._start(request, work)
            return
        if (self.job is not None and not self._job_leaves()) or self._job_waits():
            raise UsageError("A job is running already.", hint="Wait for it, or cancel it.")
        step = self.begin()
        step.work, step.seen = work, self._suggested
        if self.job is None:
            self._show_job(JobShown("", work))
        self.give(step, request)

    def _check_painted(self) -> None:
        """As of `Shot`; a reference that is being made is waited for."""
        if not self._reference_comes():
            super()._check_painted()

    def _reference_comes(self) -> bool:
        """Whether one is to be there, though the session may not be known to have it yet."""
        known = self.settled and not self._refreshing
        there = self._steps[: self._reached]
        return not known and any(step.paints and not step.failed for step in there)

    def _leave_jobs(self, failed: Step) -> None:
        """Jobs that waited for a reference end with it; its own error tells why."""
        there = self.state is not None and self.state.references
        if not failed.paints or there or self._reference_comes():
            return
        for step in [turn.step for turn in self._turns if turn.what == "do" and turn.step.work]:
            step.failed = True
            if failed.again is not None and step.request is not None:
                step.again = partial(self.give, step, step.request)
            self._show_job(None)

    def _job_leaves(self) -> bool:
        undone = [turn.step for turn in self._turns if turn.what == "undo" and turn.step.work]
        return any(step.waits or self._runs(step) for step in undone)

    def _job_waits(self) -> bool:
        there = self._steps[: self._reached]
        return any(
            turn.what == "do" and turn.step.work for turn in self._turns if turn.step in there
        )

    # The host's undo

    def follow(self) -> None:
        """The host went to another step of its undo; the engine follows, where that is known."""
        places = self._places()
        if self._tokens.step not in places:
            return
        goal = places.index(self._tokens.step)
        for step in reversed(self._steps[goal : self._reached]):
            self._turns.append(_Turn("undo", step, step.back))
        for step in self._steps[self._reached : goal]:
            self._turns.append(self._turn_again(step))
        begun, self._reached = self._steps[self._reached : goal], goal
        for step in begun:
            again, step.again = step.again, None
            if again is not None:
                again()
        self._go_on()

    def _turn_again(self, step: Step) -> _Turn:
        if step.again is None:
            return _Turn("redo", step, step.prepare())
        step.failed, step.waits = False, True
        return _Turn("do", step, step.prepare())

    def _places(self) -> list[str]:
        """Tokens that the host may have: before the first step, and after each."""
        return [step.before for step in self._steps[:1]] + [step.token for step in self._steps]

    # Turns

    def take(self, envelope: Envelope) -> None:
        """As of `Shot`; the end of a job may be waited for."""
        super().take(envelope)
        self._go_on()

    def _resumed(self, state: SessionState) -> None:
        self._ending = None
        super()._resumed(state)

    def _go_on(self) -> None:
        while self._turns and not self._asking and self.state and self._ready(self._turns[0]):
            self._asking = True
            turn = self._turns.popleft()
            if turn.what == "do":
                self._do(turn)
            elif turn.step.failed:
                self._over()
            elif turn.step.work == "suggest":
                self._search_again(turn)
            else:
                self._go_back(turn)

    def _ready(self, turn: _Turn) -> bool:
        step = turn.step
        if turn.what == "do":
            return step.failed or step.request is not None
        if self._runs(step) and self._ending is not step:
            self._ending = step
            self._send(Cancel(step.job), lambda _: None, fails=lambda _: None)  # it may be over
        return not self._runs(step)

    def _runs(self, step: Step) -> bool:
        return self.job is not None and self.job.job == step.job

    def _over(self) -> None:
        self._asking = False
        self._go_on()

    def _ask(
        self,
        request: Request[Any],
        then: Callable[[Any], object],
        fails: Callable[[XmemppError], object],
        name: str = "",
    ) -> None:
        """Asks for what it is the turn of; the next one's comes after the answer."""

        def told(take: Callable[[Any], object], said: Any) -> None:
            try:
                take(said)
            except XmemppError as error:  # of the host
                self._host.show_error(error)
            finally:
                self._over()

        self._send(
            request,
            lambda reply: told(then, reply),
            fails=lambda error: told(fails, error),
            name=name,
        )

    def _do(self, turn: _Turn) -> None:
        step, request = turn.step, turn.step.request
        step.request = None  # it may be large, and the engine does it again by its token
        if step.failed or request is None:
            step.waits = False
            self._over()
            return
        if step.work:
            self._show_job(JobShown("", step.work))

        def made(reply: Any) -> None:
            step.waits = False
            if step.work:
                self._started(reply.job, step.work, reply.frames)
            else:
                self._refresh(turn.then)

        def failed(error: XmemppError) -> None:
            step.failed, step.waits = step.waits, False
            self._leave_jobs(step)
            self._failed(request, error)

        self._ask(request, made, failed, step.token)

    def _search_again(self, turn: _Turn) -> None:
        """A search is no edit; its candidates go, or come back, after what is on its way."""
        step = turn.step

        def swap(_: object) -> None:
            shown, step.seen = step.seen, self._suggested
            self._mark(shown)

        self._ask(GetSuggestions(), swap, self._host.show_error)

    def _go_back(self, turn: _Turn) -> None:
        way = Undo if turn.what == "undo" else Redo

        def gone(reply: EditReply) -> None:
            turn.then()
            self._changed(reply)

        def refused(error: XmemppError) -> None:
            if isinstance(error, NothingToUndo):  # that is how it is already
                turn.then()
            else:
                self._host.show_error(error)
                self._forget()

        self._ask(way(turn.step.token), gone, refused)

    def _forget(self) -> None:
        """From here on nothing is known of what was before."""
        self._reached = sum(step.waits for step in self._steps[: self._reached])
        self._steps = [step for step in self._steps if step.waits]
        self._turns = deque(one for one in self._turns if one.step.waits)
