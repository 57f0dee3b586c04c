# SPDX-License-Identifier: Apache-2.0
"""A small engine for tests of the client: a real ROUTER, admission and seals, no work."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import zmq
import zmq.auth
from zmq.auth.thread import ThreadAuthenticator

from shared.arena import RoomShelf, open_arena
from shared.codec import DEFAULT_LIMITS, Envelope, decode, decode_greeting, encode, new_id
from shared.connection import PLAIN_USER, Connection, new_key, write_connection
from shared.errors import ProtocolError, XmemppError
from shared.frame import joined, parted
from shared.messages import (
    AttachSession,
    Done,
    ErrorReply,
    Event,
    Hello,
    Message,
    OpenClip,
    Ping,
    Pong,
    Reply,
    SessionState,
    Shutdown,
    Welcome,
)
from shared.seal import Sealer, admission_secret

SESSION = "5e" * 16


def state(**changes: Any) -> SessionState:
    """A session of a 64 x 36 clip with frames 1001 to 1010."""
    plain = SessionState(SESSION, "/w/shot", "shot", ((1001, 1010),), 64, 36, "lite", 0)
    return replace(plain, **changes)


@dataclass
class Peer:
    sealer: Sealer
    shelf: RoomShelf | None = None


@dataclass
class Router:
    """Answers messages by functions; remembers what came, and the answers by request id.

    Attributes:
        answers: by class of message; a function of the envelope.
        came: all envelopes, in order.
    """

    folder: Path
    answers: dict[type, Callable[[Envelope], Reply | None]] = field(default_factory=dict)
    came: list[Envelope] = field(default_factory=list)
    takes_arena: bool = True
    engine: str = "e1" * 16
    curve: bool = False

    def __post_init__(self) -> None:
        self.key = new_key()
        self._peers: dict[bytes, Peer] = {}
        self._done: dict[str, Reply] = {}
        self._outbox: list[Message] = []
        self._stop = threading.Event()
        self._context: zmq.Context[Any] = zmq.Context()
        self._gate = ThreadAuthenticator(self._context)
        self._gate.start()
        secret = admission_secret(bytes.fromhex(self.key))
        self._gate.configure_plain(domain="*", passwords={PLAIN_USER: secret})
        self._gate.configure_curve(domain="*", location=zmq.auth.CURVE_ALLOW_ANY)
        self._socket = self._context.socket(zmq.ROUTER)
        public, secret_key = zmq.curve_keypair() if self.curve else (None, None)
        if secret_key:
            self._socket.curve_server, self._socket.curve_secretkey = True, secret_key
        else:
            self._socket.plain_server = True
        self._socket.linger = 0
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.path = self.folder / "connection.json"
        self.connection = Connection(
            f"tcp://127.0.0.1:{port}",
            self.key,
            os.getpid(),
            curve_public=public.decode() if public else None,
        )
        write_connection(self.path, self.connection)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def tell(self, event: Event) -> None:
        """Sends an event to every client."""
        self._outbox.append(event)

    def stop(self) -> None:
        """Ends as a killed engine does: no word to anybody, and no answers kept."""
        self._stop.set()
        self._thread.join()
        self._gate.stop()
        self._context.destroy(linger=0)

    def types(self) -> list[str]:
        return [envelope.message.type for envelope in self.came]

    def _run(self) -> None:
        while not self._stop.is_set():
            while self._outbox:
                event = self._outbox.pop(0)
                for name, peer in self._peers.items():
                    self._send(name, peer, Envelope(event, new_id(), session=SESSION))
            if self._socket.poll(5):
                frames = self._socket.recv_multipart(copy=False)
                self._take(
                    frames[0].bytes, parted([frame.buffer for frame in frames[1:]], DEFAULT_LIMITS)
                )

    def _take(self, name: bytes, parts: list[Any]) -> None:
        peer = self._peers.get(name)
        if peer is None:
            sealer, envelope = decode_greeting(parts, bytes.fromhex(self.key))
            peer = self._peers[name] = Peer(sealer)
        else:
            try:
                envelope = decode(parts, peer.sealer, peer.shelf)
            except ProtocolError as error:
                self._send(name, peer, Envelope(ErrorReply.of(error), new_id(), error.request))
                return
        self.came.append(envelope)
        reply = self._done.get(envelope.id) or self._answer(envelope, peer)
        if reply is not None:
            self._done[envelope.id] = reply
            shelf = peer.shelf and peer.shelf.room(envelope.room)
            self._send(name, peer, envelope.answer(reply), shelf)

    def _answer(self, envelope: Envelope, peer: Peer) -> Reply | None:
        message = envelope.message
        if type(message) in self.answers:
            try:
                return self.answers[type(message)](envelope)
            except XmemppError as error:
                return ErrorReply.of(error)
        if isinstance(message, Hello):
            if message.arena and self.takes_arena:
                peer.shelf = open_arena(message.arena.path, message.arena.size)
            return Welcome(self.engine, "0.1.0", os.getpid(), arena=peer.shelf is not None)
        if isinstance(message, (OpenClip, AttachSession)):
            return state()
        if isinstance(message, Ping):
            return Pong(1.0, busy=False)
        return Done() if isinstance(message, Shutdown) else ErrorReply("usage", "No answer to it.")

    def _send(
        self, name: bytes, peer: Peer, envelope: Envelope, shelf: RoomShelf | None = None
    ) -> None:
        self._socket.send_multipart([name, joined(encode(envelope, peer.sealer, shelf))])
