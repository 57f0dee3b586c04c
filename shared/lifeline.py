# SPDX-License-Identifier: Apache-2.0
"""Keeps a client connected: greets, notices when the engine is gone, connects again.

Nothing here waits, except `Lifeline.wait`; `Lifeline.step` does what is due and returns.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import zmq

from .arena import Lease
from .codec import Envelope, new_id
from .connection import Connection
from .errors import EngineUnreachable, VersionMismatch, XmemppError
from .link import Link
from .messages import ErrorReply, Hello, Ping, Welcome
from .version import check_protocol

__all__ = ["Introduction", "Lifeline", "Timing"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timing:
    """How patient a client is, in seconds.

    Attributes:
        greeting: until an engine that does not answer a greeting is tried again.
        silence: after which a silent engine is asked for a sign of life.
        lost: after which a silent engine is given up.
        gap: between attempts to connect.
    """

    greeting: float = 3.0
    silence: float = 3.0
    lost: float = 15.0
    gap: float = 0.5


@dataclass(frozen=True)
class Introduction:
    """How a client introduces itself.

    Attributes:
        name: the program.
        version: of its plugin.
        log_level: the least level of log lines that it wants, or None.
        arena_bytes: shared memory to offer; 0 for none.
    """

    name: str = "python"
    version: str = "0"
    log_level: str | None = "warning"
    arena_bytes: int = 1 << 28


class Lifeline:
    """The present connection and the next.

    Args:
        source: tells where the engine is now; raises `EngineUnreachable` while there is none.
        who: how the client introduces itself.
        timing: how patient it is.

    Attributes:
        welcome: what the engine said last of itself; None while it is not connected.
        refusal: why it can't be connected, where that is not for lack of an engine.
        generation: rises with every connection.
    """

    def __init__(self, source: Callable[[], Connection], who: Introduction, timing: Timing) -> None:
        self._source = source
        self._who = who
        self._timing = timing
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._link: Link | None = None
        self._greeting = ""
        self._ping = ""
        self._heard = self._next_try = 0.0
        self.welcome: Welcome | None = None
        self.refusal: XmemppError | None = None
        self.generation = 0

    @property
    def up(self) -> bool:
        """Whether the engine has answered the greeting of this connection."""
        return self.welcome is not None

    def step(self, most: int = 100) -> list[Envelope]:
        """Does what is due and returns up to ``most`` messages that came."""
        if self._link is None:
            self._connect()
        came = [] if self._link is None else self._received(self._link, most)
        if self._link is not None:
            self._watch(self._link)
        return came

    def wait(self, seconds: float) -> None:
        """Returns when there is something to do, or time is over."""
        if self._link is not None:
            self._link.wait(seconds)
        else:
            time.sleep(max(0.0, min(seconds, self._next_try - time.monotonic())))

    def send(self, envelope: Envelope, lease: Lease | None) -> None:
        """Sends a message; it is lost where there is no connection. Errors as `Link.send`."""
        if self._link is not None:
            self._link.send(envelope, lease)

    def lease(self) -> Lease | None:
        """Places in shared memory for one request, where there is any."""
        return None if self._link is None else self._link.lease()

    def close(self) -> None:
        """Ends the connection for good."""
        self._drop(0.0)
        self._next_try = float("inf")
        self._context.destroy(linger=0)

    def _connect(self) -> None:
        now = time.monotonic()
        if now < self._next_try:
            return
        self._next_try = now + self._timing.gap
        try:
            place = self._source()
            check_protocol(place.protocol, peer="engine")
            self._link = Link(self._context, place, self._who.arena_bytes)
            self._greet(self._link)
        except EngineUnreachable:
            self.refusal = None
        except XmemppError as error:
            self._refused(error)

    def _greet(self, link: Link) -> None:
        who = self._who
        hello = Hello(who.name, who.version, os.getpid(), who.log_level, link.offer)
        self._greeting, self._ping, self._heard = new_id(), "", time.monotonic()
        link.send(Envelope(hello, self._greeting))

    def _received(self, link: Link, most: int) -> list[Envelope]:
        came: list[Envelope] = []
        try:
            while len(came) < most and self._link is link:
                envelope = link.receive()
                if envelope is None:
                    break
                self._heard = time.monotonic()
                if not self._handled(link, envelope):
                    came.append(envelope)
        except VersionMismatch as error:
            self._refused(error)
        return came

    def _handled(self, link: Link, envelope: Envelope) -> bool:
        """Whether a message was for the connection itself."""
        if envelope.parent == self._ping:
            self._ping = ""
            return True
        if envelope.parent != self._greeting:
            return False
        if isinstance(envelope.message, Welcome):
            link.welcome(envelope.message)
            self.welcome, self.refusal = envelope.message, None
            self.generation += 1
        elif isinstance(envelope.message, ErrorReply):
            self._refused(envelope.message.error())
        return True

    def _watch(self, link: Link) -> None:
        silent = time.monotonic() - self._heard
        patience = self._timing.lost if self.up else self._timing.greeting
        if link.lost or silent > patience:
            log.info("the engine is gone" if self.up else "the engine does not answer")
            self._drop(self._timing.gap)
        elif self.up and silent > self._timing.silence and not self._ping:
            self._ping = new_id()
            link.send(Envelope(Ping(), self._ping))

    def _refused(self, error: XmemppError) -> None:
        self.refusal = error
        self._drop(10 * self._timing.gap)

    def _drop(self, gap: float) -> None:
        if self._link is not None:
            self._link.close()
        self._link, self.welcome = None, None
        self._next_try = time.monotonic() + gap
