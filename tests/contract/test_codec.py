# SPDX-License-Identifier: Apache-2.0
"""Messages on the wire: golden bytes, nothing lost, minor versions, the specification."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from shared import errors, kinds, version
from shared.codec import Envelope, decode, decode_greeting, encode, new_id, pack, unpack
from shared.errors import FrameUnreadable, NotAuthentic, ProtocolError, VersionMismatch, XmemppError
from shared.messages import MESSAGES, ErrorReply, Hello, Message, Ping, Pong, Request, Welcome
from shared.seal import SEAL_BYTES, Sealer

from . import samples, spec_tables

ROOT = Path(__file__).parents[2]
SPECIFICATION = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")


def test_golden_bytes() -> None:
    assert samples.golden() == samples.GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*MESSAGES])
def test_golden_bytes_are_read(name: str) -> None:
    cls = MESSAGES[name]
    receiver = samples.sealer(engine_side=samples.is_asked(cls))
    assert decode(samples.read_golden()[name], receiver) == samples.example(cls)


@given(samples.envelopes())
def test_what_is_sent_arrives(envelope: Envelope) -> None:
    parts = encode(envelope, samples.sealer())
    assert decode(parts, samples.sealer(engine_side=True)) == envelope


def test_buffers_are_not_copied() -> None:
    envelope = samples.example(MESSAGES["frames.put"])
    parts = pack(envelope)
    image = envelope.message.frames[0].image  # type: ignore[attr-defined]
    assert isinstance(parts[1], memoryview)
    assert parts[1].obj is image.data
    arrived = unpack(parts).message.frames[0].image  # type: ignore[attr-defined]
    assert arrived.data.obj is image.data


# Versions


def changed(envelope: Envelope, **fields: Any) -> list[Any]:
    """The parts of a message with other fields in its header."""
    header, *buffers = pack(envelope)
    return [json.dumps({**json.loads(bytes(header)), **fields}).encode(), *buffers]


def test_a_newer_minor_version_may_say_more() -> None:
    envelope = Envelope(Pong(1.5, busy=True), new_id(), parent=new_id())
    body = {"uptime": 1.5, "busy": True, "mood": {"any": ["thing"]}}
    found = unpack(changed(envelope, version=[1, 9], body=body, later=5))
    assert found == dataclasses.replace(envelope, version=(1, 9))


def test_an_older_minor_version_may_say_less() -> None:
    envelope = Envelope(Hello("blender", "0.1", 5), new_id())
    body = {"client": "blender", "version": "0.1", "pid": 5}
    assert unpack(changed(envelope, body=body)) == envelope


@pytest.mark.parametrize(
    ("theirs", "peer", "advice"),
    [
        ([2, 0], "engine", "Update the plugin."),
        ([0, 9], "engine", "Update the engine."),
        ([2, 0], "plugin", "Update the engine."),
        ([0, 9], "plugin", "Update the plugin."),
    ],
)
def test_another_major_version_is_refused(theirs: list[int], peer: str, advice: str) -> None:
    parts = changed(Envelope(Ping(), new_id()), version=theirs, body="anything", buffers="new")
    with pytest.raises(VersionMismatch) as caught:
        unpack(parts, peer=peer)
    assert caught.value.hint == advice


# The conversation


def test_a_connection_is_opened_and_used() -> None:
    client = Sealer(samples.KEY, engine_side=False)
    hello = Envelope(Hello("blender", "0.1", 5), new_id())
    engine, greeting = decode_greeting(encode(hello, client), samples.KEY)
    assert greeting == hello
    assert not engine.established
    answer = hello.answer(Welcome("00" * 16, "0.1", 1))
    assert decode(encode(answer, engine), client) == answer
    ping = Envelope(Ping(), new_id())
    assert decode(encode(ping, client), engine) == ping
    assert engine.established


def test_a_request_that_can_not_be_read_is_named() -> None:
    parts = changed(Envelope(Ping(), "ab" * 16), type="fly")
    with pytest.raises(ProtocolError, match="fly") as caught:
        unpack(parts)
    assert caught.value.request == "ab" * 16


@pytest.mark.parametrize("cls", [*errors.error_classes().values()])
def test_errors_travel_as_their_class(cls: type[XmemppError]) -> None:
    extra = {"frame": 1004} if issubclass(cls, FrameUnreadable) else {}
    error = cls("It did not work.", hint="Try again.", **extra)
    envelope = Envelope(ErrorReply.of(error), new_id(), parent=new_id())
    reply = unpack(pack(envelope)).message
    assert isinstance(reply, ErrorReply)
    back = reply.error()
    assert (type(back), str(back), back.code) == (cls, str(error), cls.code)
    assert getattr(back, "frame", None) == getattr(error, "frame", None)


def test_an_error_of_a_newer_engine_keeps_its_code() -> None:
    error = ErrorReply("sunspots", "The sun has spots.").error()
    assert (type(error), error.code) == (XmemppError, "sunspots")


def test_codes_are_one_for_each_class() -> None:
    def all_below(cls: type[XmemppError]) -> list[type[XmemppError]]:
        return [cls, *(each for below in cls.__subclasses__() for each in all_below(below))]

    mine = [c for c in all_below(XmemppError) if c.__module__ == errors.__name__]
    assert len({cls.code for cls in mine}) == len(mine)
    public = {name for name in errors.__all__ if name[0].isupper()}
    assert {cls.__name__ for cls in mine} == public


# Types and specification


def python_type(kind: kinds.Kind) -> Any:
    """What a field of a kind holds in Python, as its annotation should say."""
    if isinstance(kind, kinds.Maybe):
        return python_type(kind.kind) | None
    if isinstance(kind, kinds.Many):
        return tuple[python_type(kind.kind), ...]  # type: ignore[misc]
    if isinstance(kind, kinds.Row):
        return tuple[tuple(map(python_type, kind.kinds))]
    if isinstance(kind, kinds.OneOf):
        return typing.Union[tuple(kind.classes.values())]  # noqa: UP007
    if isinstance(kind, kinds.Record):
        return kind.cls
    plain = {kinds.Int: int, kinds.Real: float, kinds.Flag: bool, kinds.Range: tuple[int, int]}
    return plain.get(type(kind), str)


@pytest.mark.parametrize("cls", [*MESSAGES.values(), *spec_tables.records()])
def test_annotations_say_what_the_wire_says(cls: Any) -> None:
    namespace = {"object": object, "range": range, "type": type}
    for field in dataclasses.fields(cls):
        kind = field.metadata["wire"]
        if not isinstance(kind, kinds.Blob):
            module = vars(sys.modules[cls.__module__])
            said = eval(field.type, {**module, **namespace})
            assert said == python_type(kind), field.name


@pytest.mark.parametrize("cls", [*MESSAGES.values()])
def test_every_message_is_frozen_and_told(cls: type[Message]) -> None:
    assert cls.__doc__
    assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    if issubclass(cls, Request):
        (base,) = cls.__orig_bases__  # type: ignore[attr-defined]
        assert typing.get_args(base) == (cls.reply,)


def test_the_specification_has_the_version() -> None:
    (told,) = re.findall(r"^Version: \*\*(\d+)\.(\d+)\*\*", SPECIFICATION, re.MULTILINE)
    assert tuple(map(int, told)) == version.PROTOCOL


def test_the_specification_has_every_message() -> None:
    assert SPECIFICATION.endswith(spec_tables.tables() + "\n"), (
        "python -m tests.contract.spec_tables"
    )


# Old hosts


BARE = """
import sys
sys.modules.update(dict.fromkeys(["numpy", "torch", "cv2", "PIL"]))
sys.path.insert(0, {root!r})
import importlib, pathlib
for path in sorted(pathlib.Path({root!r}, "shared").rglob("*.py")):
    name = ".".join(path.relative_to({root!r}).with_suffix("").parts).removesuffix(".__init__")
    importlib.import_module(name)
assert not [n for n in ("engine_server", "bpy", "nuke") if n in sys.modules]
"""


def test_it_imports_without_numpy() -> None:
    subprocess.run([sys.executable, "-c", BARE.format(root=str(ROOT))], check=True, timeout=120)


def test_a_seal_of_nobody_is_refused() -> None:
    with pytest.raises(NotAuthentic):
        decode_greeting([os.urandom(SEAL_BYTES), b"{}"], samples.KEY)
