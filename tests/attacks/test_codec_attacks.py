# SPDX-License-Identifier: Apache-2.0
"""Malformed, forged and replayed messages: always a ProtocolError, never memory without bounds."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import seal as sealing
from shared.codec import (
    Envelope,
    check_sizes,
    decode,
    decode_greeting,
    encode,
    new_id,
    pack,
    unpack,
)
from shared.errors import NotAuthentic, ProtocolError, TooLarge
from shared.image import RawImage
from shared.messages import MESSAGES, AddObject, Hello, Limits, PaintedMatte, Ping, Welcome
from shared.seal import Sealer
from tests.contract import samples

MEGABYTE = 1 << 20
SMALL = Limits(header_bytes=4096, part_bytes=4096, total_bytes=8192, buffers=4)
RAW = samples.example(MESSAGES["frames.put"])


def header(envelope: Envelope = RAW) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bytes(pack(envelope)[0]))
    return found


def parts_of(fields: Any, *buffers: bytes) -> list[Any]:
    return [json.dumps(fields).encode(), *buffers]


def refused(parts: list[Any], **more: Any) -> ProtocolError:
    """Unpacks, within a few megabytes of memory, and returns the error that must come."""
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError) as caught:
            unpack(parts, **more)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 * MEGABYTE
    return caught.value


# Any bytes


@given(st.lists(st.binary(max_size=200), max_size=6))
def test_any_parts(parts: list[bytes]) -> None:
    with pytest.raises(ProtocolError):
        decode(parts, samples.sealer())
    with pytest.raises(ProtocolError):
        decode_greeting(parts, samples.KEY)


@given(samples.envelopes(), st.data())
def test_any_change_of_a_byte_breaks_the_seal(envelope: Envelope, data: st.DataObject) -> None:
    parts = [bytearray(part) for part in encode(envelope, samples.sealer())]
    part = data.draw(st.sampled_from([part for part in parts if part]))
    position = data.draw(st.integers(0, len(part) - 1))
    part[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ProtocolError):
        decode(parts, samples.sealer(engine_side=True))


@given(samples.envelopes(), st.data())
def test_parts_cut_joined_dropped_or_swapped(envelope: Envelope, data: st.DataObject) -> None:
    parts = [bytes(part) for part in encode(envelope, samples.sealer())]
    position = data.draw(st.integers(0, len(parts) - 1))
    kept = data.draw(st.integers(0, max(0, len(parts[position]) - 1)))
    changes = [
        [*parts[:position], parts[position][:kept], *parts[position + 1 :]],
        [*parts[:position], *parts[position + 1 :]],
        [*parts, b""],
        [*parts[:-2], parts[-2] + parts[-1]],
        [parts[0], *parts[:0:-1]],
    ]
    for changed in changes:
        if changed != parts:
            with pytest.raises(ProtocolError):
                decode(changed, samples.sealer(engine_side=True))


@given(samples.envelopes(), st.data())
def test_a_header_of_other_bytes(envelope: Envelope, data: st.DataObject) -> None:
    """With a good seal: what a peer that holds the key may send."""
    first, *buffers = [bytearray(part) for part in pack(envelope)]
    position = data.draw(st.integers(0, len(first) - 1))
    new = data.draw(st.binary(max_size=4))
    first[position : position + data.draw(st.integers(0, 6))] = new
    try:
        found = unpack([first, *buffers])
    except ProtocolError:
        return
    assert pack(found)  # what got through is a message that could have been sent


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@given(samples.envelopes(), JSON, st.data())
def test_a_field_of_another_value(envelope: Envelope, value: Any, data: st.DataObject) -> None:
    fields = header(envelope)
    target = fields["body"] if fields["body"] and data.draw(st.booleans()) else fields
    target[data.draw(st.sampled_from(sorted(target)))] = value
    try:
        found = unpack([json.dumps(fields).encode(), *pack(envelope)[1:]])
    except ProtocolError:
        return
    assert pack(found)


# JSON


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe{\x00}\x00",
        "{}".encode("utf-16"),
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"id": 1, "id": 2}',
        b"{" + b'"a":{' * 100_000,
        b"[" * 1_000_000,
        b'{"version": [1' + b"0" * 1_000_000 + b", 0]}",
        b'{"version": [1, 0], "a": ' + b"9" * 900_000 + b"}",
        b'{"version": [1, 0], "a": 1e999}',
        b'{"version": [true, 0]}',
        b'{"version": [1.0, 0]}',
        b'{"version": "1.0"}',
        b'{"version": [1, 0]}',
        b"{} {}",
        b"{}\x00",
    ],
)
def test_headers_that_are_none(text: bytes) -> None:
    refused([text])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "short"),
        ("id", "G" * 32),
        ("id", "A" * 32),
        ("id", 5),
        ("type", ""),
        ("type", "__class__"),
        ("type", ["hello"]),
        ("parent", 5),
        ("session", None),
        ("session", "../../etc/passwd"),
        ("room", [0]),
        ("room", [-1, 5]),
        ("buffers", None),
        ("buffers", [[4]]),
        ("buffers", [[4, None], [4, None]]),
        ("buffers", [[5, None]]),
        ("buffers", [[4, 0]]),
        ("buffers", [[2**60, None]]),
        ("buffers", [[0, None]] * 70_000),
        ("body", None),
        ("body", []),
        ("body", {}),
    ],
)
def test_a_field_of_the_header(name: str, value: Any) -> None:
    assert refused(parts_of({**header(), name: value}, b"\x00\x80\xff\xff"))


def image(**changes: Any) -> dict[str, Any]:
    fields = header()
    fields["body"]["frames"][0]["image"].update(changes)
    return fields


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": [2, 2]},
        {"shape": [0, 1]},
        {"shape": [-2, -1]},
        {"shape": [2]},
        {"shape": [2, 1, 1, 1]},
        {"shape": [65536, 65536]},
        {"shape": [2**62, 4]},
        {"shape": [2, True]},
        {"shape": [2, 1, 64]},
        {"dtype": "object"},
        {"dtype": "uint8"},
        {"dtype": "O8"},
        {"byte_order": "middle"},
        {"origin": "bottom-left"},
        {"channels": []},
        {"channels": ["A", "A"]},
        {"channels": ["R", "G"]},
        {"channels": "A"},
        {"space": "auto"},
        {"data": 1},
        {"data": -1},
        {"data": None},
        {"kind": "pickle"},
        {"kind": "encoded"},
        {"kind": ["raw"]},
        {"kind": None},
    ],
)
def test_a_field_of_a_picture(changes: dict[str, Any]) -> None:
    refused(parts_of(image(**changes), b"\x00\x80\xff\xff"))


def test_a_buffer_belongs_to_one_field() -> None:
    fields = header()
    fields["body"]["frames"] *= 2
    refused(parts_of(fields, b"\x00\x80\xff\xff"))


def test_a_buffer_of_no_field() -> None:
    fields = header()
    fields["buffers"].append([1, None])
    refused(parts_of(fields, b"\x00\x80\xff\xff", b"!"))


@pytest.mark.parametrize(
    "name", ["\x00", "a\nb", "\ud800", "x" * 256, "", "\x1b[2J", "\x7f", 5, ["x"], None]
)
def test_names(name: Any) -> None:
    fields = header(Envelope(AddObject("hand"), new_id(), session=new_id()))
    fields["body"]["name"] = name
    refused(parts_of(fields))


def test_a_state_without_its_matte() -> None:
    with pytest.raises(ProtocolError):
        PaintedMatte(1, "painted")
    with pytest.raises(ProtocolError):
        PaintedMatte(1, "empty", RawImage("uint8", (1, 1), ("A",), "data", b"1"))


# Sizes


def test_sizes_are_looked_at_before_anything_is_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "hmac", None)  # any use of it fails
    seal = bytes(sealing.SEAL_BYTES)
    for parts in (
        [seal],
        [seal, b"{}", *[b""] * 5],
        [seal, bytes(4097)],
        [seal, b"{}", bytes(4097)],
        [seal, b"{}", bytes(4096), bytes(4096), b"1"],
    ):
        with pytest.raises(TooLarge):
            decode(parts, samples.sealer(), limits=SMALL)
    check_sizes([seal, bytes(4096), bytes(4096), bytes(4096)], SMALL)


def test_sizes_in_shared_memory_are_looked_at_before_anything_is_read() -> None:
    class Trap:
        def get(self, offset: int, size: int) -> memoryview:
            raise AssertionError

    for places in ([[8193, 0]], [[1, 0]] * 5, [[4, 2**50], [8190, 0]]):
        with pytest.raises(TooLarge):
            unpack(parts_of({**header(), "buffers": places}), Trap(), SMALL)


# Forged and replayed


def pair() -> tuple[Sealer, Sealer]:
    """Both ends of a connection in use."""
    client = Sealer(samples.KEY, engine_side=False)
    hello = Envelope(Hello("x", "1", 1), new_id())
    engine, _ = decode_greeting(encode(hello, client), samples.KEY)
    decode(encode(hello.answer(Welcome("00" * 16, "1", 1)), engine), client)
    return client, engine


def ping() -> Envelope:
    return Envelope(Ping(), new_id())


def test_a_message_counts_once_and_in_order() -> None:
    client, engine = pair()
    first, second = encode(ping(), client), encode(ping(), client)
    decode(second, engine)
    for late in (first, second):
        with pytest.raises(NotAuthentic, match="second time"):
            decode(late, engine)


def test_a_refused_message_moves_no_counter() -> None:
    client, engine = pair()
    parts = encode(ping(), client)
    forged = [bytes(parts[0])[:-1] + b"\x00", *parts[1:]]
    with pytest.raises(NotAuthentic):
        decode(forged, engine)
    assert decode(parts, engine)


def test_a_message_fits_no_other_connection() -> None:
    client, engine = pair()
    _, other = pair()
    parts = encode(ping(), client)
    with pytest.raises(NotAuthentic):
        decode(parts, other)
    assert decode(parts, engine)


def test_a_message_is_not_sent_back() -> None:
    client, engine = pair()
    with pytest.raises(NotAuthentic):
        decode(encode(ping(), client), client)
    with pytest.raises(NotAuthentic):
        decode(encode(ping(), engine), engine)


def test_a_greeting_sent_again_opens_nothing() -> None:
    """Whoever replays a whole conversation gets no further than the first message."""
    client = Sealer(samples.KEY, engine_side=False)
    hello = encode(Envelope(Hello("x", "1", 1), new_id()), client)
    engine, greeting = decode_greeting(hello, samples.KEY)
    decode(encode(greeting.answer(Welcome("00" * 16, "1", 1)), engine), client)
    talk = encode(ping(), client)
    again, _ = decode_greeting(hello, samples.KEY)
    with pytest.raises(NotAuthentic):
        decode(talk, again)
    assert not again.established


def test_an_answer_to_an_older_greeting_is_refused() -> None:
    old = Sealer(samples.KEY, engine_side=False)
    hello = Envelope(Hello("x", "1", 1), new_id())
    engine, _ = decode_greeting(encode(hello, old), samples.KEY)
    answer = encode(hello.answer(Welcome("00" * 16, "1", 1)), engine)
    new = Sealer(samples.KEY, engine_side=False)
    encode(hello, new)
    with pytest.raises(NotAuthentic):
        decode(answer, new)


def test_another_key_is_refused() -> None:
    stranger = Sealer(bytes(32), engine_side=False)
    parts = encode(Envelope(Hello("x", "1", 1), new_id()), stranger)
    with pytest.raises(NotAuthentic):
        decode_greeting(parts, samples.KEY)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(ProtocolError):
        Sealer(bytes(size), engine_side=False)


def test_an_ordinary_message_is_no_greeting() -> None:
    client, _ = pair()
    with pytest.raises(NotAuthentic):
        decode_greeting(encode(ping(), client), samples.KEY)
