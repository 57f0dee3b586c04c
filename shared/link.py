# SPDX-License-Identifier: Apache-2.0
"""One connection of a client to one run of an engine; a lost one is replaced, not repaired."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message

from .arena import Arena, Lease
from .codec import DEFAULT_LIMITS, Envelope, Shelf, decode, encode
from .connection import Connection, admit, is_loopback
from .errors import ProtocolError, VersionMismatch
from .frame import joined, parted
from .messages import ArenaOffer, Limits, Welcome
from .seal import Sealer

__all__ = ["Link"]

log = logging.getLogger(__name__)

_GONE = zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED | zmq.EVENT_HANDSHAKE_FAILED_AUTH


class Link:
    """A socket, its seals, and the shared memory that goes with it.

    Args:
        context: of ZeroMQ.
        connection: where the engine is.
        arena_bytes: shared memory to offer; 0 for none.

    Raises:
        InsecureConnection: the address needs CURVE and has none.
    """

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], connection: Connection, arena_bytes: int
    ) -> None:
        self._socket = context.socket(zmq.DEALER)
        admit(self._socket, connection)
        self._socket.setsockopt(zmq.RECONNECT_IVL, -1)
        self._monitor = self._socket.get_monitor_socket(_GONE)
        self._sealer = Sealer(connection.key_bytes, engine_side=False)
        self._arena = _new_arena(connection, arena_bytes)
        self._limits = Limits()
        self.lost = False
        self._socket.connect(connection.endpoint)

    @property
    def offer(self) -> ArenaOffer | None:
        """The shared memory for the greeting."""
        arena = self._arena
        return None if arena is None else ArenaOffer(str(arena.path), arena.size)

    def welcome(self, welcome: Welcome) -> None:
        """Takes what the engine said to the offer; the file has no name any more."""
        self._limits = welcome.limits
        if self._arena is not None:
            self._arena.unlink()
            if not welcome.arena:
                self._drop_arena()

    def lease(self) -> Lease | None:
        """Places in shared memory for one request, where there is any."""
        return None if self._arena is None else self._arena.lease()

    def send(self, envelope: Envelope, shelf: Shelf | None = None) -> None:
        """Hands a message to ZeroMQ, which sends it when it can.

        Raises:
            ProtocolError: a field is out of range.
            TooLarge: more than the engine takes.
        """
        parts = encode(envelope, self._sealer, shelf, self._limits)
        try:
            self._socket.send(joined(parts), zmq.DONTWAIT, copy=False)
        except zmq.Again:
            self.lost = True

    def receive(self) -> Envelope | None:
        """The next message that is there already, or None.

        What is no message of the engine is passed over.

        Raises:
            VersionMismatch: the engine speaks another major version.
        """
        while True:
            try:
                frames = self._socket.recv_multipart(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                known = self.lost
                self._look_whether_lost()
                if self.lost == known:
                    return None
                continue  # what came just before the end is still to be read
            try:
                parts = parted([frame.buffer for frame in frames], DEFAULT_LIMITS)
                return decode(parts, self._sealer, self._arena)
            except VersionMismatch:
                raise
            except ProtocolError as error:
                log.warning("a message of the engine is passed over: %s", error)

    def wait(self, seconds: float) -> None:
        """Returns when there is something to receive, the link is lost, or time is over."""
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._monitor, zmq.POLLIN)
        poller.poll(max(0, int(seconds * 1000)))

    def close(self) -> None:
        """Ends the connection."""
        self.lost = True
        with contextlib.suppress(zmq.ZMQError):
            self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close(0)
        self._drop_arena()

    def _look_whether_lost(self) -> None:
        while self._monitor.poll(0):
            event: Any = recv_monitor_message(self._monitor)
            self.lost = self.lost or bool(event["event"] & _GONE)

    def _drop_arena(self) -> None:
        if self._arena is not None:
            self._arena.close()
            self._arena = None


def _new_arena(connection: Connection, size: int) -> Arena | None:
    if not size or not is_loopback(connection.endpoint):
        return None
    try:
        return Arena(size)
    except OSError as error:
        log.info("no shared memory: %s", error)
        return None
