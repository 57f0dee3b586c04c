# SPDX-License-Identifier: Apache-2.0
"""The control thread: the one that owns the socket, lets clients in and never computes.

It reads and sends messages, answers what is about the engine as a whole, and hands everything
else to the worker. Large messages are checked and sealed on threads beside it, so that it
answers within milliseconds whatever is going on.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import zmq

from shared.codec import DEFAULT_LIMITS, Envelope, decode_greeting, new_id
from shared.errors import Busy, InternalError, NotAuthentic, ProtocolError, UsageError
from shared.frame import parted
from shared.image import Data
from shared.messages import (
    EngineStopping,
    ErrorReply,
    Hello,
    Limits,
    LogLine,
    Message,
    Pong,
    Reply,
    Request,
)

from .board import Board
from .peers import Letter, Peer
from .weight import is_heavy, is_light, weight

__all__ = ["Door"]

log = logging.getLogger(__name__)

MOST_PEERS = 1000
MOST_ASKED = 1000  # requests of a client that have no answer yet
MOST_CAME = 10_000  # messages of a client that wait to be read
MOST_BYTES = 1 << 30  # of them; also of pixels that wait for the worker, of all clients together
SILENCE = 300.0  # seconds after which a client that says nothing is forgotten
PROBE = 5.0  # seconds after which it is looked whether one that says nothing is still there
SLOW = 20  # milliseconds until a client that does not read is tried again
FAREWELL = 0.3  # seconds that clients have to read the last message before the connection ends
_BURST = 64  # messages that are read before anything is sent
_BURST_SECONDS = 0.01
_GREETING = Limits(1 << 14, 0, 0, 0)

_NOBODY = "0" * 32  # whom a sign of life answers that nobody asked for

T = TypeVar("T")
Control = Callable[[Peer, Envelope], Reply]


class Door:
    """Lets clients in and out.

    Args:
        router: a bound socket.
        key: of the connection file.
        board: which clients have which session open.
        control: answers requests that no work thread is needed for.
        work: takes all other requests of a client.
        left: called for each session that a client had open and is gone.
    """

    def __init__(
        self,
        router: zmq.Socket[bytes],
        key: bytes,
        board: Board,
        *,
        control: Control,
        work: Callable[[bytes, Envelope], None],
        left: Callable[[str], None],
    ) -> None:
        self._socket, self._key, self._board = router, key, board
        self._control, self._work, self._left = control, work, left
        self._peers: dict[bytes, Peer] = {}
        self._posted: deque[tuple[bytes | None, Envelope]] = deque()
        self._ready: deque[Callable[[], None]] = deque()
        self._weights: dict[tuple[bytes, str], int] = {}
        self._probed = time.monotonic()
        self._pool = ThreadPoolExecutor(2, "heavy")
        self._bell = _Bell()
        self._poller = zmq.Poller()
        self._poller.register(router, zmq.POLLIN)
        self._poller.register(self._bell.inside, zmq.POLLIN)
        self.refused = 0

    def post(self, client: bytes | None, envelope: Envelope) -> None:
        """Takes a message for a client, or an event for all; may be called by any thread."""
        self._posted.append((client, envelope))
        self._bell.ring()

    def turn(self, milliseconds: int) -> None:
        """Waits for something to happen, and does what is due."""
        waiting = any(peer.outbox and not peer.busy for peer in self._peers.values())
        events = dict(self._poller.poll(SLOW if waiting else milliseconds))
        if self._bell.inside.fileno() in events:
            self._bell.hush()
        if self._socket in events:
            self._receive()
        while self._ready:
            self._ready.popleft()()
        self._deliver()
        self._forget_silent()
        self._probe_silent()

    def close(self, reason: str) -> None:
        """Says goodbye to everyone."""
        self.post(None, Envelope(EngineStopping(reason), new_id()))
        end = time.monotonic() + 1
        self._deliver()
        while any(p.outbox for p in self._peers.values()) and time.monotonic() < end:
            self.turn(SLOW)
        end = time.monotonic() + FAREWELL
        while self._peers and time.monotonic() < end:
            self.turn(SLOW)
        self._pool.shutdown(wait=False, cancel_futures=True)
        for peer in self._peers.values():
            peer.close()
        self._bell.close()

    # In

    def _receive(self) -> None:
        end = time.monotonic() + _BURST_SECONDS
        for n in range(_BURST):
            if n and time.monotonic() > end:
                return
            try:
                frames = self._socket.recv_multipart(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                return
            try:
                parts = parted([frame.buffer for frame in frames[1:]], DEFAULT_LIMITS)
            except ProtocolError as error:
                self._refuse(error)
            else:
                self._came(frames[0].bytes, parts)

    def _came(self, name: bytes, parts: list[Data]) -> None:
        peer = self._peers.get(name)
        if peer is None:
            self._greet(name, parts)
        elif len(peer.inbox) >= MOST_CAME or peer.held > MOST_BYTES:
            self._drop(peer, "sends more than can be read")
        else:
            peer.hold(parts)
            self._read(peer)

    def _greet(self, name: bytes, parts: list[Data]) -> None:
        try:
            sealer, envelope = decode_greeting(parts, self._key, _GREETING)
        except ProtocolError as error:
            self._refuse(error)
            return
        if len(self._peers) >= MOST_PEERS:
            last = min(self._peers.values(), key=lambda p: (p.established, p.heard))
            self._drop(last, "makes room")
        peer = self._peers[name] = Peer(name, sealer)
        if isinstance(envelope.message, Hello):
            self._take(peer, envelope)
        else:
            self._drop(peer, "does not begin with a greeting")

    def _read(self, peer: Peer) -> None:
        """Reads what came from a client, in order; a large message elsewhere."""
        while peer.inbox and not peer.busy:
            parts = peer.take()
            if is_light(parts, shared=peer.shelf is not None):
                self._opened(peer, peer.decoded(parts))
            else:
                peer.busy = True
                self._beside(partial(peer.decoded, parts), self._decoded, peer)

    def _decoded(self, peer: Peer, found: Envelope | ProtocolError) -> None:
        peer.busy = False
        self._opened(peer, found)
        self._read(peer)

    def _beside(self, work: Callable[[], T], then: Callable[[Peer, T], None], peer: Peer) -> None:
        """Does work on another thread; the control thread goes on with what came of it."""

        def done() -> None:
            result = work()
            self._ready.append(lambda: self._still(peer, then, result))
            self._bell.ring()

        self._pool.submit(done)

    def _still(self, peer: Peer, then: Callable[[Peer, T], None], result: T) -> None:
        """Goes on with a client, unless it was dropped meanwhile."""
        if self._peers.get(peer.name) is peer:
            then(peer, result)
        else:
            peer.close()

    def _opened(self, peer: Peer, found: Envelope | ProtocolError) -> None:
        if isinstance(found, Envelope):
            self._take(peer, found)
            return
        self._refuse(found)
        if found.request is not None and not isinstance(found, NotAuthentic):
            self._answer(peer, ErrorReply.of(found), found.request)

    def _take(self, peer: Peer, envelope: Envelope) -> None:
        """Answers a request, or hands it to the worker."""
        peer.heard = time.monotonic()
        message = envelope.message
        if not isinstance(message, Request):
            self._answer(peer, ErrorReply.of(UsageError("Only requests can be sent.")), envelope.id)
        elif message.control:
            self._put(peer, envelope.answer(self._controlled(peer, envelope)))
        elif peer.asked >= MOST_ASKED:
            busy = Busy(f"{peer.asked} requests of this client wait for an answer already.")
            self._answer(peer, ErrorReply.of(busy), envelope.id)
        elif self._overfull(bytes_of := weight(message)):
            busy = Busy("More pixels wait to be looked at than the engine can hold.")
            self._answer(peer, ErrorReply.of(busy), envelope.id)
        else:
            peer.asked += 1
            peer.rooms[envelope.id] = envelope.room
            if bytes_of:
                self._weights[peer.name, envelope.id] = bytes_of
            self._work(peer.name, envelope)

    def _overfull(self, more: int) -> bool:
        """Whether more pixels can't wait; those of one message always can."""
        waiting = sum(self._weights.values())
        return bool(more and waiting) and waiting + more > MOST_BYTES

    def _controlled(self, peer: Peer, envelope: Envelope) -> Reply:
        """The answer of the control thread; a mistake in it must not end the engine."""
        try:
            return self._control(peer, envelope)
        except Exception:
            log.exception("%s failed", envelope.message.type)
            return ErrorReply.of(InternalError(f"'{envelope.message.type}' failed."))

    def _refuse(self, error: ProtocolError) -> None:
        """Counted, and told in the log now and then only: a flood must not fill the disk."""
        self.refused += 1
        if self.refused & (self.refused - 1) == 0:
            log.warning("message %d that is refused: %s", self.refused, error)

    # Out

    def _answer(self, peer: Peer, reply: Reply, request: str) -> None:
        self._put(peer, Envelope(reply, new_id(), parent=request))

    def _put(self, peer: Peer, envelope: Envelope) -> None:
        room = peer.rooms.pop(envelope.parent or "", None)
        peer.post(Letter(envelope, room))

    def _deliver(self) -> None:
        """Puts what was posted into the outboxes, and sends what goes."""
        while self._posted:
            client, envelope = self._posted.popleft()
            self._weights.pop((client or b"", envelope.parent or ""), None)
            for peer in list(self._peers.values()) if client is None else self._named(client):
                if _wanted(peer, envelope.message):
                    peer.asked -= isinstance(envelope.message, Reply)
                    self._put(peer, envelope)
        for peer in list(self._peers.values()):
            self._send(peer)

    def _named(self, client: bytes) -> list[Peer]:
        peer = self._peers.get(client)
        if peer is None:
            self._gone(client)  # it may have been given a session after it was dropped
        return [] if peer is None else [peer]

    def _send(self, peer: Peer) -> None:
        try:
            while peer.outbox and not peer.sealing:
                if not peer.sealed and is_heavy(peer.outbox[0].envelope.message):
                    peer.sealing = True
                    self._beside(peer.seal, self._sealed, peer)
                elif not peer.send(self._out):
                    break
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            self._drop(peer, "is gone")
            return
        if peer.overrun:
            self._drop(peer, "does not read what it is sent")

    def _sealed(self, peer: Peer, _: None) -> None:
        peer.sealing = False
        self._send(peer)

    def _out(self, name: bytes, message: bytes) -> bool:
        try:
            self._socket.send_multipart([name, message], zmq.DONTWAIT, copy=False)
        except zmq.Again:
            return False
        return True

    def _forget_silent(self) -> None:
        limit = time.monotonic() - SILENCE
        for peer in [p for p in self._peers.values() if p.heard < limit]:
            self._drop(peer, "says nothing any more")

    def _drop(self, peer: Peer, why: str) -> None:
        """Forgets a client; one that is still there notices, and connects again."""
        log.info("a client %s", why)
        del self._peers[peer.name]
        if not peer.busy and not peer.sealing:
            peer.close()
        self._gone(peer.name)

    def _gone(self, client: bytes) -> None:
        """Its sessions are its own no more."""
        for session in self._board.detach(client):
            self._left(session)

    def _probe_silent(self) -> None:
        """Sends those that say nothing a sign: the socket tells then who is not there any more.

        A crashed client must not hold its sessions for minutes.
        """
        now = time.monotonic()
        if now < self._probed + PROBE:
            return
        self._probed = now
        for peer in self._peers.values():
            if peer.heard < now - PROBE and not peer.outbox:
                self._answer(peer, Pong(now, False), _NOBODY)


class _Bell:
    """Wakes the control thread from any other."""

    def __init__(self) -> None:
        self.inside, self._outside = socket.socketpair()
        self.inside.setblocking(False)
        self._outside.setblocking(False)

    def ring(self) -> None:
        """Never waits: where the line is full it has been rung already."""
        with contextlib.suppress(OSError):
            self._outside.send(b"!")

    def hush(self) -> None:
        """Ready for the next time."""
        with contextlib.suppress(OSError):
            while len(self.inside.recv(4096)) == 4096:
                pass

    def close(self) -> None:
        """Ends it."""
        self.inside.close()
        self._outside.close()


def _wanted(peer: Peer, message: Message) -> bool:
    """Log lines only go to clients that asked for them."""
    return not isinstance(message, LogLine) or (peer.established and peer.wants(message.level))
