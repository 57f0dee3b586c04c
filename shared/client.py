# SPDX-License-Identifier: Apache-2.0
"""A client of the engine: blocking calls with deadlines, and a pump for hosts.

A host calls `Client.submit` and, from a timer, `Client.pump`: neither waits. A script calls
`Client.ask`. There is no thread: whoever calls does the work, one at a time; but only `pump`
calls a host back, so that a host hears of everything in the thread of its timer.

When the engine is gone the client connects again by itself, as soon as there is one. It
greets, takes its sessions up, and sends what was not answered again with the same ids, so
that the engine does nothing twice.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from .arena import Lease
from .codec import Envelope, new_id
from .connection import Connection
from .errors import DeadlineExceeded, EngineUnreachable, ProtocolError, UsageError, XmemppError
from .lifeline import Introduction, Lifeline, Timing
from .messages import (
    AttachSession,
    CloseSession,
    ErrorReply,
    Event,
    Message,
    Progress,
    Reply,
    Request,
    SessionState,
    Welcome,
)
from .rooms import room_for
from .turn import Turn

__all__ = ["Client", "Introduction", "Pending", "Timing"]

log = logging.getLogger(__name__)

R = TypeVar("R", bound=Reply)
_SLICE = 0.01  # seconds that a blocking call keeps the client to itself
_MOST_EVENTS = 100_000


class Pending(Generic[R]):
    """A request on its way; made by `Client.submit`.

    Attributes:
        envelope: the request.
        then: what to call when it is done.
        done: whether there is an answer or an error.
        sent: number of the connection that it was sent on last, 0 for none.
        lease: its places in shared memory.
    """

    def __init__(self, envelope: Envelope, then: Callable[[Pending[R]], object] | None) -> None:
        self.envelope = envelope
        self.then = then
        self.done = False
        self.sent = 0
        self.lease: Lease | None = None
        self._reply: R | None = None
        self._error: XmemppError | None = None

    def result(self) -> R:
        """The answer.

        Raises:
            XmemppError: what the engine answered, or what the request met on its way.
            UsageError: there is no answer yet.
        """
        if self._error is not None:
            raise self._error
        if self._reply is None:
            raise UsageError("The engine has not answered yet.")
        return self._reply

    def settle(self, reply: R | None, error: XmemppError | None = None) -> None:
        """Takes the answer or an error, once."""
        if not self.done:
            self.done, self._reply, self._error = True, reply, error


class Client:
    """Talks to one engine, and to the next one after a restart.

    Args:
        source: tells where the engine is now; called at each attempt to connect. It raises
            `EngineUnreachable` while there is none.
        who: how it introduces itself.
        timing: how patient it is.
    """

    def __init__(
        self,
        source: Callable[[], Connection],
        *,
        who: Introduction | None = None,
        timing: Timing | None = None,
    ) -> None:
        self._line = Lifeline(source, who or Introduction(), timing or Timing())
        self._lock = Turn()
        self._waiting: dict[str, Pending[Any]] = {}
        self._attaching: set[str] = set()
        self._sessions: dict[str, SessionState] = {}
        self._events: deque[Envelope] = deque(maxlen=_MOST_EVENTS)
        self._settled: deque[Pending[Any]] = deque()
        self._generation = 0

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def welcome(self) -> Welcome | None:
        """What the engine told of itself; None while it is not connected."""
        return self._line.welcome

    @property
    def refusal(self) -> XmemppError | None:
        """Why there is no connection, where that is not for lack of an engine."""
        return self._line.refusal

    @property
    def idle(self) -> bool:
        """Whether no request waits for its answer."""
        return not self._waiting

    @property
    def sessions(self) -> dict[str, SessionState]:
        """Sessions that this client has open, as the engine described them last."""
        return dict(self._sessions)

    def connect(self, deadline: float = 30.0) -> Welcome:
        """Waits for the engine.

        Args:
            deadline: seconds.

        Raises:
            EngineUnreachable: there was none in that time.
            XmemppError: there is one that can't be used, such as of another version.
        """
        self._until(lambda: self._line.up or self.refusal is not None, deadline)
        if self._line.welcome is None:
            raise self.refusal or EngineUnreachable("There is no engine that answers.")
        return self._line.welcome

    def ask(self, request: Request[R], session: str | None = None, *, deadline: float = 30.0) -> R:
        """Sends a request and waits for its answer.

        Args:
            request: what is asked; its buffers must not change before the answer.
            session: which session it is about.
            deadline: seconds.

        Raises:
            DeadlineExceeded: the engine is there and took longer.
            EngineUnreachable: it was not there for all that time.
            XmemppError: what the engine answered.
        """
        pending = self.submit(request, session)
        self._until(lambda: pending.done or self.refusal is not None, deadline)
        if not pending.done:
            self.forget(pending)
            raise self.refusal or self._late(request, deadline)
        return pending.result()

    def submit(
        self,
        request: Request[R],
        session: str | None = None,
        *,
        then: Callable[[Pending[R]], object] | None = None,
        name: str = "",
    ) -> Pending[R]:
        """Sends a request as soon as there is an engine, and returns at once.

        Args:
            request, session: as of `ask`.
            then: called by `pump` once there is an answer or an error.
            name: its id, by `new_id`; a new one if none is given.
        """
        pending: Pending[R] = Pending(Envelope(request, name or new_id(), session=session), then)
        with self._lock:
            self._waiting[pending.envelope.id] = pending
            if self._line.up and not self._attaching:
                self._send(pending)
        return pending

    def forget(self, pending: Pending[Any]) -> None:
        """Gives a request up; what the engine still answers to it is passed over.

        Its places in shared memory stay taken until then, since the engine may still write.
        """
        with self._lock:
            if not pending.sent:
                self._waiting.pop(pending.envelope.id, None)
            pending.settle(None, DeadlineExceeded("The answer was not waited for."))

    def pump(self, budget: float = 0.005) -> list[Envelope]:
        """Takes what came, without waiting, and calls back.

        Args:
            budget: seconds after which the rest is left for the next time.

        Returns:
            events, in order; and a `SessionState` for each session that was taken up again,
            about which a host should believe nothing older.
        """
        end = time.monotonic() + budget
        with self._lock:
            while self._step() and time.monotonic() < end:
                pass
            events = [*self._events]
            self._events.clear()
        self._call_back()
        return events

    def close(self) -> None:
        """Leaves the engine; requests without an answer fail."""
        with self._lock:
            for pending in [*self._waiting.values()]:
                self._settle(pending, None, EngineUnreachable("The connection is closed."))
            self._line.close()
        self._call_back()

    # Inside

    def _until(self, finished: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            with self._lock:
                busy = self._step()
                left = end - time.monotonic()
                if finished() or left <= 0:
                    return
                if not busy:
                    self._line.wait(min(_SLICE, left))

    def _step(self) -> bool:
        """Does what is due; whether messages came."""
        came = self._line.step(most=16)
        if self._line.generation != self._generation:
            self._generation = self._line.generation
            self._resume()
        for envelope in came:
            self._deliver(envelope)
        return bool(came)

    def _resume(self) -> None:
        """A new connection: sessions first, then what was not answered on the old one."""
        self._attaching.clear()
        for pending in [*self._waiting.values()]:
            pending.lease = None
            again = (
                isinstance(pending.envelope.message, Request) and pending.envelope.message.resend
            )
            if pending.done or (pending.sent and not again):
                self._settle(pending, None, EngineUnreachable("The engine ended meanwhile."))
        for session, state in self._sessions.items():
            attach = Envelope(AttachSession(state.workspace), new_id(), session=session)
            self._attaching.add(attach.id)
            self._waiting[attach.id] = pending = Pending(attach, None)
            self._send(pending)
        self._send_rest()

    def _send_rest(self) -> None:
        if not self._attaching:
            for pending in [*self._waiting.values()]:
                if pending.sent != self._generation:
                    self._send(pending)

    def _send(self, pending: Pending[Any]) -> None:
        envelope, lease = pending.envelope, self._line.lease()
        size = room_for(envelope.message, self._sessions.get(envelope.session or ""))
        room = None if lease is None else lease.reserve(size)
        pending.sent, pending.lease = self._line.generation, lease
        try:
            self._line.send(dataclasses.replace(envelope, room=room), lease)
        except ProtocolError as error:
            self._settle(pending, None, error)

    def _deliver(self, envelope: Envelope) -> None:
        message = envelope.message
        if isinstance(message, Event):
            self._remember_event(envelope)
        pending = self._waiting.get(envelope.parent or "")
        if pending is None:
            return
        wanted = pending.envelope.message
        if isinstance(message, ErrorReply):
            self._settle(pending, None, message.error())
        elif isinstance(wanted, Request) and type(message) is wanted.reply:
            self._learn(pending.envelope, message)
            self._settle(pending, message, None)
        else:
            self._settle(pending, None, ProtocolError(f"The engine answered {message.type}."))
        self._attached(envelope)

    def _attached(self, envelope: Envelope) -> None:
        if envelope.parent in self._attaching:
            self._attaching.discard(envelope.parent)
            if isinstance(envelope.message, SessionState):
                self._events.append(envelope)
            elif isinstance(envelope.message, ErrorReply):
                log.warning("a session is lost: %s", envelope.message.error())
            self._send_rest()

    def _learn(self, request: Envelope, reply: Message) -> None:
        if isinstance(reply, SessionState):
            self._sessions[reply.session] = reply
        elif isinstance(request.message, CloseSession):
            self._sessions.pop(request.session or "", None)

    def _remember_event(self, envelope: Envelope) -> None:
        last = self._events[-1].message if self._events else None
        message = envelope.message
        if isinstance(message, Progress) and isinstance(last, Progress) and last.job == message.job:
            self._events.pop()
        self._events.append(envelope)

    def _settle(
        self, pending: Pending[Any], reply: Reply | None, error: XmemppError | None
    ) -> None:
        self._waiting.pop(pending.envelope.id, None)
        if pending.lease is not None:
            pending.lease.release()
        if pending.then is not None and not pending.done:
            self._settled.append(pending)
        pending.settle(reply, error)

    def _call_back(self) -> None:
        while self._settled:
            pending = self._settled.popleft()
            if pending.then is not None:
                pending.then(pending)

    def _late(self, request: Message, deadline: float) -> XmemppError:
        if not self._line.up:
            return EngineUnreachable("There is no engine that answers.")
        return DeadlineExceeded(f"The engine did not answer {request.type} in {deadline:g} s.")
