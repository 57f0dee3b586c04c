# SPDX-License-Identifier: Apache-2.0
"""One example of every message, with every field set; its golden bytes; random ones.

``python -m tests.contract.samples`` writes ``golden.txt``, after a change that was meant.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from shared import kinds
from shared.codec import Envelope, encode
from shared.image import ITEM_SIZES, SPACES, EncodedImage, PathImage, RawImage
from shared.messages import MESSAGES, Message, PaintedMatte, Reply, Request
from shared.seal import Sealer

GOLDEN = Path(__file__).with_name("golden.txt")
KEY = bytes(range(32))
CLIENT, ENGINE = b"c" * 16, b"e" * 16


def sealer(*, engine_side: bool = False) -> Sealer:
    """One end of a connection whose nonces are known."""
    made = Sealer(KEY, engine_side=engine_side, client=CLIENT)
    made.engine = ENGINE
    return made


# Examples


def example(cls: type[Message]) -> Envelope:
    """An envelope with a message of a class, the same at every call."""
    is_reply = issubclass(cls, Reply)
    return Envelope(
        _record(cls),
        "1d" * 16,
        parent="b0" * 16 if is_reply else None,
        session="5e" * 16 if cls.session_scope else None,
        room=(4096, 8192) if issubclass(cls, Request) and cls.session_scope else None,
    )


def _record(cls: type) -> Any:
    if cls is RawImage:
        return RawImage("uint16", (2, 1), ("A",), "data", b"\x00\x80\xff\xff")
    fields = {f.name: _value(f.metadata["wire"], f.name) for f in _fields(cls)}
    if cls is PaintedMatte:
        fields["state"] = "painted"
    return cls(**fields)


def _fields(cls: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(cls)


def _value(kind: kinds.Kind, name: str) -> Any:
    if isinstance(kind, kinds.Maybe):
        return _value(kind.kind, name)
    if isinstance(kind, kinds.Many):
        return (_value(kind.kind, name),) * max(1, kind.least)
    if isinstance(kind, kinds.Row):
        return tuple(_value(inner, name) for inner in kind.kinds)
    if isinstance(kind, kinds.Record):
        return _record(kind.cls)
    if isinstance(kind, kinds.OneOf):
        return _record([*kind.classes.values()][-1])
    return _scalar(kind, name)


def _scalar(kind: kinds.Kind, name: str) -> Any:
    if isinstance(kind, kinds.Int):
        return min(kind.high, max(kind.low, 1001))
    if isinstance(kind, kinds.Real):
        return min(kind.high, 0.25)
    if isinstance(kind, kinds.Choice):
        return kind.words[-1]
    if isinstance(kind, kinds.Hex):
        return "a7" * kind.size
    if isinstance(kind, kinds.Text):
        return (f"{name} µ" + 40 * ".")[: max(kind.least, len(name) + 2)]
    return {kinds.Flag: True, kinds.Range: (1001, 1002), kinds.Blob: b"\x89PNG"}[type(kind)]


def golden() -> str:
    """All examples as they go over the wire, in a form that can be read."""
    lines = ["# Every message on the wire; key 00 01 .. 1f, nonces of c and e. See samples.py."]
    for name, cls in MESSAGES.items():
        seal, header, *buffers = encode(example(cls), sealer(engine_side=not is_asked(cls)))
        lines += ["", f"# {name}", f"seal {bytes(seal).hex()}", f"header {bytes(header).decode()}"]
        lines += [f"buffer {bytes(buffer).hex()}" for buffer in buffers]
    return "\n".join(lines) + "\n"


def read_golden() -> dict[str, list[bytes]]:
    """The parts of every example in the file, by message type."""
    found: dict[str, list[bytes]] = {}
    for block in GOLDEN.read_text(encoding="utf-8").split("\n\n")[1:]:
        title, *lines = block.strip().splitlines()
        found[title[2:]] = [_bytes(*line.split(" ", 1)) for line in lines]
    return found


def _bytes(kind: str, text: str) -> bytes:
    return text.encode("utf-8") if kind == "header" else bytes.fromhex(text)


def is_asked(cls: type[Message]) -> bool:
    """Whether a client sends it."""
    return issubclass(cls, Request)


# Random ones


def envelopes() -> st.SearchStrategy[Envelope]:
    """Any envelope with any message."""
    return st.sampled_from([*MESSAGES.values()]).flatmap(_enveloped)


def _enveloped(cls: type[Message]) -> st.SearchStrategy[Envelope]:
    ids = st.binary(min_size=16, max_size=16).map(bytes.hex)
    places = st.tuples(st.integers(0, 2**53), st.integers(0, 2**53))
    return st.builds(
        Envelope,
        records(cls),
        ids,
        parent=ids if issubclass(cls, Reply) else st.none(),
        session=ids if cls.session_scope else st.none(),
        room=st.none() | places,
    )


def records(cls: type) -> st.SearchStrategy[Any]:
    """Any instance of a dataclass whose fields name their kinds."""
    if cls is RawImage:
        return raw_images()
    fields = {f.name: values(f.metadata["wire"]) for f in _fields(cls)}
    if cls is PaintedMatte:
        painted = st.builds(cls, fields["object"], st.just("painted"), _images())
        return painted | st.builds(cls, fields["object"], st.sampled_from(["empty", "absent"]))
    return st.builds(cls, **fields)


def _images() -> st.SearchStrategy[Any]:
    return raw_images() | records(EncodedImage) | records(PathImage)


@st.composite
def raw_images(draw: st.DrawFn) -> RawImage:
    """Any small raw picture."""
    count = draw(st.integers(1, 4))
    shape = (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    dtype = draw(st.sampled_from([*ITEM_SIZES]))
    size = shape[0] * shape[1] * count * ITEM_SIZES[dtype]
    return RawImage(
        dtype,
        shape if count == 1 and draw(st.booleans()) else (*shape, count),
        tuple("RGBA"[:count]),
        draw(st.sampled_from(SPACES)),
        draw(st.binary(min_size=size, max_size=size)),
        draw(st.sampled_from(["little", "big"])),
    )


def values(kind: kinds.Kind) -> st.SearchStrategy[Any]:
    """Anything of a kind."""
    if isinstance(kind, kinds.Maybe):
        return st.none() | values(kind.kind)
    if isinstance(kind, kinds.Many):
        most = min(kind.most, kind.least + 2)
        return st.lists(values(kind.kind), min_size=kind.least, max_size=most).map(tuple)
    if isinstance(kind, kinds.Row):
        return st.tuples(*map(values, kind.kinds))
    if isinstance(kind, kinds.Record):
        return records(kind.cls)
    if isinstance(kind, kinds.OneOf):
        return st.one_of(*map(records, kind.classes.values()))
    return _scalars(kind)


def _scalars(kind: kinds.Kind) -> st.SearchStrategy[Any]:
    if isinstance(kind, kinds.Int):
        return st.integers(kind.low, kind.high)
    if isinstance(kind, kinds.Real):
        return st.floats(kind.low, kind.high)
    if isinstance(kind, kinds.Choice):
        return st.sampled_from(kind.words)
    if isinstance(kind, kinds.Hex):
        return st.binary(min_size=kind.size, max_size=kind.size).map(bytes.hex)
    if isinstance(kind, kinds.Text):
        letters = st.characters(exclude_categories=("Cs", "Cc"))
        return st.text(letters, min_size=kind.least, max_size=max(kind.least, min(kind.most, 12)))
    if isinstance(kind, kinds.Range):
        return st.tuples(values(kind.kind), values(kind.kind)).map(lambda pair: tuple(sorted(pair)))
    return {kinds.Flag: st.booleans(), kinds.Blob: st.binary(max_size=20)}[type(kind)]


if __name__ == "__main__":
    GOLDEN.write_text(golden(), encoding="utf-8")
    sys.stdout.write(f"{GOLDEN} written\n")
