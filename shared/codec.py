# SPDX-License-Identifier: Apache-2.0
"""Messages to parts and back: a seal, a JSON header, then raw buffers.

Parts are looked at in an order in which nothing is trusted before it is checked: how many
and how large they are, the seal, the counter, the JSON, then every field of the message.
Buffers are never copied here; those of a decoded message are views of the parts.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from .errors import ProtocolError, TooLarge
from .image import Data
from .kinds import Buffers, Hex, Int, Many, Maybe, Row, Text, dump_fields, load_fields, wire
from .messages import MESSAGES, Limits, Message, Reply, Request
from .seal import SEAL_BYTES, Sealer, read_seal
from .version import PROTOCOL, check_protocol

__all__ = [
    "DEFAULT_LIMITS",
    "Envelope",
    "Room",
    "Shelf",
    "Store",
    "check_sizes",
    "decode",
    "decode_greeting",
    "encode",
    "new_id",
    "pack",
    "unpack",
]

DEFAULT_LIMITS = Limits()
_DIGITS = 20
_ROOM = Int(0, 2**53)
_VERSION = Row((Int(0, 1000), Int(0, 1000)))

Room = tuple[int, int]


class Shelf(Protocol):
    """Where the raw buffers of an outgoing message may be put (`shared.arena`)."""

    def put(self, data: memoryview) -> int | None:
        """Puts bytes there and returns their offset, or None where there is no room."""


class Store(Protocol):
    """Where the raw buffers of an incoming message are that are no parts of it."""

    def get(self, offset: int, size: int) -> memoryview:
        """A copy of what is there, since the other side may go on writing.

        Raises:
            ProtocolError: no such place.
        """


@dataclass(frozen=True)
class Envelope:
    """A message and what belongs to its delivery.

    Attributes:
        message: what is said.
        id: 32 hexadecimal digits; the same when a request is sent again.
        parent: id of the request that is answered.
        session: which session it is about.
        room: offset and bytes in shared memory, where the answer may put raw buffers.
        version: protocol of the sender.
    """

    message: Message
    id: str
    parent: str | None = None
    session: str | None = None
    room: Room | None = None
    version: tuple[int, int] = PROTOCOL

    def answer(self, reply: Reply) -> Envelope:
        """An answer to this request."""
        return Envelope(reply, new_id(), parent=self.id, session=self.session)


@dataclass(frozen=True)
class _Header:
    id: str = field(metadata=wire(Hex(16)))
    type: str = field(metadata=wire(Text(64, 1)))
    version: tuple[int, int] = field(metadata=wire(_VERSION))
    parent: str | None = field(default=None, metadata=wire(Maybe(Hex(16))))
    session: str | None = field(default=None, metadata=wire(Maybe(Hex(16))))
    room: Room | None = field(default=None, metadata=wire(Maybe(Row((_ROOM, _ROOM)))))
    buffers: tuple[tuple[int, int | None], ...] = field(
        default=(), metadata=wire(Many(Row((_ROOM, Maybe(_ROOM))), 2**16))
    )


def new_id() -> str:
    """A random message id."""
    return uuid.uuid4().hex


# With a seal


def encode(
    envelope: Envelope, sealer: Sealer, shelf: Shelf | None = None, limits: Limits = DEFAULT_LIMITS
) -> list[Data]:
    """The parts of a message, ready to be sent.

    Args:
        envelope: what to send.
        sealer: this end of the connection.
        shelf: where raw buffers are put as long as there is room.
        limits: of the receiver.

    Raises:
        ProtocolError: a field is out of range.
        TooLarge: more or larger buffers than the receiver takes.
    """
    parts = pack(envelope, shelf)
    check_sizes([b"\0" * SEAL_BYTES, *parts], limits)
    return [sealer.seal(parts), *parts]


def decode(
    parts: Sequence[Data],
    sealer: Sealer,
    store: Store | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Envelope:
    """A message out of its parts.

    Raises:
        TooLarge: more or larger parts than ``limits``.
        NotAuthentic: the seal is not of this connection, or was seen before.
        ProtocolError: no message; its ``request`` tells which one could not be read.
    """
    check_sizes(parts, limits)
    sealer.check(read_seal(parts[0]), parts[1:])
    return unpack(parts[1:], store, limits, peer=sealer.peer)


def decode_greeting(
    parts: Sequence[Data], key: bytes, limits: Limits = DEFAULT_LIMITS
) -> tuple[Sealer, Envelope]:
    """The first message of a new connection, as the engine reads it; errors as `decode`.

    Returns:
        the engine's end of the new connection, and the message.
    """
    check_sizes(parts, limits)
    seal = read_seal(parts[0])
    sealer = Sealer(key, engine_side=True, client=seal.client)
    sealer.check_greeting(seal, parts[1:])
    return sealer, unpack(parts[1:], None, limits, peer=sealer.peer)


def check_sizes(parts: Sequence[Data], limits: Limits) -> None:
    """``TooLarge`` or ``ProtocolError`` unless number and sizes of parts are allowed."""
    if not 2 <= len(parts) <= limits.buffers + 2:
        raise TooLarge(f"A message of {len(parts)} parts is not one of 2 to {limits.buffers + 2}.")
    sizes = [memoryview(part).nbytes for part in parts]
    if sizes[0] != SEAL_BYTES:
        raise ProtocolError("A message has no seal.")
    if sizes[1] > limits.header_bytes:
        raise TooLarge(f"A header of {sizes[1]} bytes is too large.")
    if max(sizes[2:], default=0) > limits.part_bytes or sum(sizes[2:]) > limits.total_bytes:
        raise TooLarge(f"A message of {sum(sizes)} bytes is too large.")


# Without


def pack(envelope: Envelope, shelf: Shelf | None = None) -> list[Data]:
    """Header and raw buffers of a message; ``ProtocolError`` if a field is out of range."""
    message, buffers = envelope.message, Buffers()
    body = dump_fields(message, message.type, buffers)
    _check_delivery(envelope)
    offsets = [None if shelf is None else shelf.put(view) for view in buffers.views]
    header = _Header(
        envelope.id,
        message.type,
        envelope.version,
        envelope.parent,
        envelope.session,
        envelope.room,
        tuple((view.nbytes, offset) for view, offset in zip(buffers.views, offsets)),
    )
    fields = {**dump_fields(header, "header", Buffers()), "body": body}
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    inline = [view for view, offset in zip(buffers.views, offsets) if offset is None]
    return [text.encode("utf-8"), *inline]


def unpack(
    parts: Sequence[Data],
    store: Store | None = None,
    limits: Limits = DEFAULT_LIMITS,
    *,
    peer: str = "engine",
) -> Envelope:
    """A message out of header and raw buffers.

    Args:
        parts: header, then the buffers that are not in shared memory.
        store: shared memory of this connection.
        limits: of what is fetched from there.
        peer: who sent it, ``engine`` or ``plugin``, for the sentence of an error.

    Raises:
        VersionMismatch: the sender speaks another major version.
        ProtocolError: anything else is wrong.
    """
    fields = _parse(parts[0])
    version = _VERSION.load(fields.get("version"), "header.version", Buffers())
    check_protocol(version, peer=peer)
    header = load_fields(_Header, fields, "header", Buffers())
    try:
        return _opened(header, fields.get("body"), parts[1:], store, limits)
    except ProtocolError as error:
        error.request = header.id
        raise


def _opened(
    header: _Header, body: Any, parts: Sequence[Data], store: Store | None, limits: Limits
) -> Envelope:
    cls = MESSAGES.get(header.type)
    if cls is None:
        raise ProtocolError(f"{header.type!r} is no message of protocol {PROTOCOL}.")
    buffers = Buffers(_fetched(header.buffers, parts, store, limits))
    message = load_fields(cls, body, header.type, buffers)
    buffers.check_all_taken()
    envelope = Envelope(
        message, header.id, header.parent, header.session, header.room, header.version
    )
    _check_delivery(envelope)
    return envelope


def _fetched(
    wanted: Sequence[tuple[int, int | None]],
    parts: Sequence[Data],
    store: Store | None,
    limits: Limits,
) -> list[memoryview]:
    """The raw buffers, inline or from shared memory; sizes are checked before any is read."""
    sizes = [size for size, _ in wanted]
    if len(sizes) > limits.buffers or sum(sizes) > limits.total_bytes:
        raise TooLarge(f"{len(sizes)} buffers of {sum(sizes)} bytes are too much.")
    inline = [size for size, offset in wanted if offset is None]
    views = [memoryview(part).cast("B") for part in parts]
    if inline != [view.nbytes for view in views]:
        raise ProtocolError("The buffers are not those that the header tells of.")
    if store is None and len(inline) != len(wanted):
        raise ProtocolError("The connection has no shared memory.")
    waiting = iter(views)
    return [
        next(waiting) if offset is None or store is None else store.get(offset, size)
        for size, offset in wanted
    ]


def _check_delivery(envelope: Envelope) -> None:
    message = envelope.message
    if isinstance(message, Reply) and envelope.parent is None:
        raise ProtocolError(f"{message.type} names no request that it answers.")
    if isinstance(message, Request) and message.session_scope != (envelope.session is not None):
        needs = "needs" if message.session_scope else "belongs to no"
        raise ProtocolError(f"{message.type} {needs} session.")


# JSON


def _parse(part: Data) -> dict[str, Any]:
    try:
        found = json.loads(
            bytes(part).decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refused,
            parse_int=_whole,
        )
    except (ValueError, RecursionError) as error:
        raise ProtocolError("The header of a message is not JSON.") from error
    if type(found) is not dict:
        raise ProtocolError("The header of a message is no JSON object.")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _refused(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _whole(digits: str) -> int:
    if len(digits) > _DIGITS:  # long ones take time that grows with their square
        raise ValueError("a number is too long")
    return int(digits)
