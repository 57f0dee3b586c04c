# SPDX-License-Identifier: Apache-2.0
"""The seal in front of every message: who sent it, for which connection, and not before.

A seal is an HMAC-SHA256 over all further parts with a counter that only rises. Both sides
put a random nonce into the keys of a connection, one key for each direction, so that no
message of another connection, of the other direction or of the past fits.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from collections.abc import Sequence
from typing import NamedTuple

from .errors import NotAuthentic, ProtocolError
from .image import Data

__all__ = ["KEY_BYTES", "SEAL_BYTES", "Sealer", "admission_secret", "read_seal"]

KEY_BYTES = 32
NONCE_BYTES = 16
MAGIC = b"XM++"
_LAYOUT = struct.Struct(">4s16s16sQ32s")
SEAL_BYTES = _LAYOUT.size
_NOBODY = bytes(NONCE_BYTES)


class Seal(NamedTuple):
    """What a seal says before it is checked.

    Attributes:
        client, engine: nonces of the connection; the engine's is zero in a greeting.
        counter: of the sender.
        mac: 32 bytes.
    """

    client: bytes
    engine: bytes
    counter: int
    mac: bytes

    @property
    def greets(self) -> bool:
        """Whether it belongs to the first message of a connection."""
        return self.engine == _NOBODY


class Sealer:
    """One end of one connection: seals what goes out, checks what comes in.

    Args:
        key: of the connection file.
        engine_side: whether this is the engine's end.
        client: nonce of the client; the client's own end draws one by itself.
    """

    def __init__(self, key: bytes, *, engine_side: bool, client: bytes | None = None) -> None:
        if len(key) != KEY_BYTES:
            raise ProtocolError(f"A key has {KEY_BYTES} bytes, not {len(key)}.")
        self._key = key
        self._engine_side = engine_side
        self.client = os.urandom(NONCE_BYTES) if client is None else client
        self.engine = os.urandom(NONCE_BYTES) if engine_side else _NOBODY
        self._sent = 0
        self._seen = 0

    @property
    def peer(self) -> str:
        """Who is at the other end, for sentences."""
        return "plugin" if self._engine_side else "engine"

    @property
    def established(self) -> bool:
        """Whether the other side has proved that it took part in this very connection."""
        return self._seen > 0

    def seal(self, parts: Sequence[Data]) -> bytes:
        """The seal of an outgoing message."""
        self._sent += 1
        mac = self._mac(self.engine, self._sent, parts, from_engine=self._engine_side)
        return _LAYOUT.pack(MAGIC, self.client, self.engine, self._sent, mac)

    def check(self, seal: Seal, parts: Sequence[Data]) -> None:
        """Lets an incoming message pass, once.

        The engine's end lets the greeting of its client pass as well, which proves only
        that the key was known to whoever wrote it; the client's end learns the engine's
        nonce from the answer to its greeting.

        Raises:
            NotAuthentic: another key, connection or direction, or a message seen before.
        """
        known = self.engine if self._engine_side or self.established else seal.engine
        if seal.client != self.client or seal.engine != known or seal.greets:
            raise NotAuthentic("A message belongs to another connection.")
        if seal.counter <= self._seen:
            raise NotAuthentic("A message came a second time.")
        self._compare(seal, parts)
        self._seen, self.engine = seal.counter, seal.engine

    def check_greeting(self, seal: Seal, parts: Sequence[Data]) -> None:
        """The engine's look at the first message of a connection; errors as `check`."""
        if not seal.greets or seal.client != self.client or seal.counter != 1:
            raise NotAuthentic("A connection does not begin with a greeting.")
        self._compare(seal, parts)

    def _compare(self, seal: Seal, parts: Sequence[Data]) -> None:
        wanted = self._mac(seal.engine, seal.counter, parts, from_engine=not self._engine_side)
        if not hmac.compare_digest(wanted, seal.mac):
            raise NotAuthentic("A message is not sealed with the key of this connection.")

    def _mac(
        self, engine: bytes, counter: int, parts: Sequence[Data], *, from_engine: bool
    ) -> bytes:
        side = b"engine" if from_engine else b"client"
        key = _derived(self._key, b"message " + side + self.client + engine)
        mac = hmac.new(key, struct.pack(">4sQI", MAGIC, counter, len(parts)), hashlib.sha256)
        for part in parts:
            mac.update(struct.pack(">Q", memoryview(part).nbytes))
            mac.update(part)
        return mac.digest()


def read_seal(part: Data) -> Seal:
    """The fields of a seal; ``NotAuthentic`` where it is none."""
    if memoryview(part).nbytes != SEAL_BYTES:
        raise NotAuthentic("A message has no seal.")
    magic, *fields = _LAYOUT.unpack(part)
    if magic != MAGIC:
        raise NotAuthentic("A message has no seal.")
    return Seal(*fields)


def admission_secret(key: bytes) -> str:
    """What a socket shows to be let in at all, before its first message (ZeroMQ PLAIN).

    It keeps strangers from filling queues. Whoever learns it can't seal messages.
    """
    return _derived(key, b"admission").hex()


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hmac.new(key, purpose, hashlib.sha256).digest()
