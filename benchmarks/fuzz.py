# SPDX-License-Identifier: Apache-2.0
"""Coverage-guided fuzzing of everything that reads what another process wrote.

    pip install atheris
    python -m benchmarks.fuzz fields --seconds 300
    python -m benchmarks.fuzz messages | greetings | connection | log --seconds 60

Inputs that reach new lines are kept and changed further, beginning from the golden
messages of the tests or from real files. Only errors of the project's own kind may come out; any
other ends the run, and the input that led there is written beside.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["TARGETS", "seeds"]

KEY = bytes(range(32))
STORE_BYTES = 1 << 16
MOST_BYTES = 1 << 16  # of an input
_CHANGES = 17  # bytes of an input that say what is changed in a header

Target = Callable[[bytes], None]


class Store:
    """Shared memory in which all places are zeros."""

    def get(self, offset: int, size: int) -> memoryview:
        """Zeros; ``ProtocolError`` outside."""
        from shared.errors import ProtocolError

        if not (offset >= 0 and 0 <= size <= STORE_BYTES - offset):
            raise ProtocolError("A buffer lies outside.")
        return memoryview(bytes(size))


def _parts(data: bytes) -> list[bytes]:
    """Parts of a message, each with two bytes of length in front."""
    parts = []
    while len(data) >= 2:
        size = int.from_bytes(data[:2], "big")
        parts.append(data[2 : 2 + size])
        data = data[2 + size :]
    return parts


def _joined(parts: list[bytes]) -> bytes:
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def read_message(data: bytes) -> None:
    """A message whose seal is right: what the key alone does not keep out."""
    from shared.codec import Envelope, pack, unpack
    from shared.errors import ProtocolError

    parts = _parts(data)
    if not parts:
        return
    try:
        found: Envelope = unpack(parts, Store())
    except ProtocolError:
        return
    again = unpack([bytes(part) for part in pack(found)])
    if pack(again) != pack(found):
        raise AssertionError("a message does not come back as it was")


def read_fields(data: bytes) -> None:
    """A golden message with some values of its header changed, moved or taken away."""
    parts = [*_golden()[data[0] % len(_golden())]] if data else []
    if parts:
        header = json.loads(parts[0])
        for where, what in zip(data[1:_CHANGES:2], data[2:_CHANGES:2], strict=False):
            places = list(_places(header))
            if not places:
                break
            holder, name = places[where % len(places)]
            _change(holder, name, what, places)
        text = json.dumps(header).encode()
        read_message(_joined([text, *parts[1:]]))


def _change(holder: Any, name: Any, what: int, places: list[tuple[Any, Any]]) -> None:
    """Puts another value in a place: an odd one, a copy of another place's, or none."""
    if what < len(_ODD):
        holder[name] = json.loads(json.dumps(_ODD[what]))  # a copy, since it may be changed next
    elif what == 255:
        holder.pop(name)
    else:
        other, its = places[what % len(places)]
        holder[name] = json.loads(json.dumps(other[its]))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a value inside a tree of JSON: what holds it, and its name or number."""
    names = list(value) if isinstance(value, dict) else range(len(value))
    for name in names:
        yield value, name
        if isinstance(value[name], (dict, list)):
            yield from _places(value[name])


_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**53, 2**64, -(10**19), 0.5, -0.0, 1e308),
    *("", "a", "A" * 32, "ab" * 16, "\ud800", "\0", "../..", "/dev/zero", "x" * 5000),
    *([], {}, [[]], [1, 2], [2, 1], [0] * 300, {"": 0}, "path", "raw", "uint8", "float32"),
)


@functools.cache
def _golden() -> list[list[bytes]]:
    return [_parts(seed) for seed in seeds("messages")]


def read_greeting(data: bytes) -> None:
    """Anything at all as the first message of a connection."""
    from shared.codec import decode_greeting
    from shared.errors import ProtocolError

    try:
        decode_greeting(_parts(data), KEY)
    except ProtocolError:
        return


def read_connection_file(data: bytes) -> None:
    """Anything at all as a connection file."""
    from shared.connection import _loaded
    from shared.errors import ProtocolError

    try:
        _loaded(data, Path("connection.json"))
    except ProtocolError:
        return


def read_log(data: bytes) -> None:
    """Lines of an edit log, with right checksums, as a damaged disk or a stranger made them."""
    from engine_server.session.workspace.edit_log import Edit, _sum

    for line in data.splitlines():
        for text in (line, line + b', "sum": "' + _sum(line) + b'"}'):
            try:
                Edit.of_line(text).line()
            except (ValueError, KeyError):
                continue


TARGETS: dict[str, Target] = {
    "fields": read_fields,
    "messages": read_message,
    "greetings": read_greeting,
    "connection": read_connection_file,
    "log": read_log,
}
"""What can be fuzzed."""


def seeds(name: str) -> list[bytes]:
    """Inputs to begin from."""
    from shared.codec import Envelope, encode, pack
    from shared.messages import MESSAGES, Hello
    from shared.seal import Sealer
    from tests.contract.samples import example

    if name == "messages":
        return [_joined([bytes(p) for p in pack(example(cls))]) for cls in MESSAGES.values()]
    if name == "fields":
        return [bytes((n, 0, 0)) for n in range(len(MESSAGES))]
    if name == "greetings":
        hello = Envelope(Hello("fuzz", "0", 1), "ab" * 16)
        parts = encode(hello, Sealer(KEY, engine_side=False))
        return [_joined([bytes(part) for part in parts])]
    if name == "connection":
        told: dict[str, Any] = {"endpoint": "tcp://127.0.0.1:5555", "key": KEY.hex(), "pid": 1}
        return [json.dumps(told).encode()]
    return [b'{"n": 7, "at": "2026", "do": "lock", "ranges": [[1, 2]]']


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        print("There is no atheris here: pip install atheris", file=sys.stderr)
        return 1
    with atheris.instrument_imports(include=["shared", "engine_server.session.workspace"]):
        importlib.import_module("shared.codec")
        importlib.import_module("shared.connection")
        importlib.import_module("engine_server.session.workspace.edit_log")
    with tempfile.TemporaryDirectory(prefix="xmempp-fuzz-") as corpus:
        for n, seed in enumerate(seeds(options.target)):
            (Path(corpus) / f"{n}").write_bytes(seed)
        limits = [f"-max_total_time={options.seconds}", f"-max_len={MOST_BYTES}", "-timeout=10"]
        TARGETS[options.target](b"")  # loads what it needs
        atheris.Setup([sys.argv[0], *limits, "-rss_limit_mb=1024", corpus], TARGETS[options.target])
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
