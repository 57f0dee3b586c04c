# SPDX-License-Identifier: Apache-2.0
"""What a field of a message may hold: its type on the wire, its range, its length.

Every field of a message names its kind in the field's metadata (`wire`). A kind turns a
value into JSON (``dump``) and checked JSON back into a value (``load``); both refuse what
is out of range, so that a mistake is told to whoever makes it. Pixel data leave the JSON:
`Blob` puts them into a list of buffers and keeps their position.
"""

from __future__ import annotations

import abc
import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any

from .errors import ProtocolError

__all__ = [
    "Blob",
    "Buffers",
    "Choice",
    "Flag",
    "Hex",
    "Int",
    "Kind",
    "Many",
    "Maybe",
    "OneOf",
    "Range",
    "Real",
    "Record",
    "Row",
    "Text",
    "dump_fields",
    "load_fields",
    "wire",
]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Buffers:
    """The raw buffers of one message; each belongs to exactly one field."""

    def __init__(self, views: list[memoryview] | None = None) -> None:
        self.views = views or []
        self._taken: set[int] = set()

    def add(self, view: memoryview) -> int:
        """Appends a buffer and returns its position."""
        self.views.append(view)
        return len(self.views) - 1

    def take(self, index: int, where: str) -> memoryview:
        """The buffer at a position; ``ProtocolError`` if it is absent or taken already."""
        if index in self._taken or index >= len(self.views):
            raise _wrong(where, "names a buffer that the message does not have")
        self._taken.add(index)
        return self.views[index]

    def check_all_taken(self) -> None:
        """``ProtocolError`` if a buffer belongs to no field."""
        if len(self._taken) != len(self.views):
            raise ProtocolError("The message carries a buffer that none of its fields names.")


class Kind(abc.ABC):
    """What a field may hold. ``where`` names the field in errors."""

    def dump(self, value: Any, where: str, buffers: Buffers) -> Any:
        """The JSON of a value; ``ProtocolError`` if it is out of range."""
        return self.load(value, where, buffers)

    @abc.abstractmethod
    def load(self, value: Any, where: str, buffers: Buffers) -> Any:
        """The value of some JSON; ``ProtocolError`` if it is not of this kind."""


@dataclasses.dataclass(frozen=True)
class Int(Kind):
    """A whole number, both bounds included; booleans are none."""

    low: int
    high: int

    def load(self, value: Any, where: str, buffers: Buffers) -> int:
        """As `Kind.load`."""
        if type(value) is not int or not self.low <= value <= self.high:
            raise _wrong(where, f"must be a whole number in {self.low}..{self.high}")
        return value


@dataclasses.dataclass(frozen=True)
class Real(Kind):
    """A finite number, both bounds included."""

    low: float
    high: float

    def load(self, value: Any, where: str, buffers: Buffers) -> float:
        """As `Kind.load`."""
        if type(value) not in (int, float) or not self.low <= value <= self.high:
            raise _wrong(where, f"must be a number in {self.low:g}..{self.high:g}")
        if not math.isfinite(value):
            raise _wrong(where, "must be finite")
        return float(value)


@dataclasses.dataclass(frozen=True)
class Flag(Kind):
    """True or false."""

    def load(self, value: Any, where: str, buffers: Buffers) -> bool:
        """As `Kind.load`."""
        if type(value) is not bool:
            raise _wrong(where, "must be true or false")
        return value


@dataclasses.dataclass(frozen=True)
class Text(Kind):
    """Unicode text of a length in characters; control characters only with ``lines``."""

    most: int
    least: int = 0
    lines: bool = False

    def load(self, value: Any, where: str, buffers: Buffers) -> str:
        """As `Kind.load`."""
        if type(value) is not str or not self.least <= len(value) <= self.most:
            raise _wrong(where, f"must be text of {self.least} to {self.most} characters")
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise _wrong(where, "is not valid Unicode")
        if not self.lines and _CONTROL.search(value):
            raise _wrong(where, "has control characters")
        return value


@dataclasses.dataclass(frozen=True)
class Choice(Kind):
    """One of a few words."""

    words: tuple[str, ...]

    def load(self, value: Any, where: str, buffers: Buffers) -> str:
        """As `Kind.load`."""
        if type(value) is not str or value not in self.words:
            raise _wrong(where, f"must be one of {', '.join(self.words)}")
        return value


@dataclasses.dataclass(frozen=True)
class Hex(Kind):
    """Lower-case hexadecimal text of a number of bytes."""

    size: int

    def load(self, value: Any, where: str, buffers: Buffers) -> str:
        """As `Kind.load`."""
        if type(value) is not str or not re.fullmatch(f"[0-9a-f]{{{2 * self.size}}}", value):
            raise _wrong(where, f"must be {2 * self.size} hexadecimal digits")
        return value


@dataclasses.dataclass(frozen=True)
class Maybe(Kind):
    """Null or another kind."""

    kind: Kind

    def dump(self, value: Any, where: str, buffers: Buffers) -> Any:
        """As `Kind.dump`."""
        return None if value is None else self.kind.dump(value, where, buffers)

    def load(self, value: Any, where: str, buffers: Buffers) -> Any:
        """As `Kind.load`."""
        return None if value is None else self.kind.load(value, where, buffers)


@dataclasses.dataclass(frozen=True)
class Many(Kind):
    """A list of one kind; a tuple in Python."""

    kind: Kind
    most: int
    least: int = 0

    def dump(self, value: Any, where: str, buffers: Buffers) -> list[Any]:
        """As `Kind.dump`."""
        items = self._checked(value, tuple, where)
        return [self.kind.dump(v, f"{where}[{i}]", buffers) for i, v in enumerate(items)]

    def load(self, value: Any, where: str, buffers: Buffers) -> tuple[Any, ...]:
        """As `Kind.load`."""
        items = self._checked(value, list, where)
        return tuple(self.kind.load(v, f"{where}[{i}]", buffers) for i, v in enumerate(items))

    def _checked(self, value: Any, box: type[Any], where: str) -> Any:
        if not isinstance(value, box) or not self.least <= len(value) <= self.most:
            raise _wrong(where, f"must be a list of {self.least} to {self.most} items")
        return value


@dataclasses.dataclass(frozen=True)
class Row(Kind):
    """A list with one kind for each position; a tuple in Python."""

    kinds: tuple[Kind, ...]

    def dump(self, value: Any, where: str, buffers: Buffers) -> list[Any]:
        """As `Kind.dump`."""
        pairs = zip(self.kinds, self._checked(value, tuple, where))
        return [kind.dump(v, f"{where}[{i}]", buffers) for i, (kind, v) in enumerate(pairs)]

    def load(self, value: Any, where: str, buffers: Buffers) -> tuple[Any, ...]:
        """As `Kind.load`."""
        pairs = zip(self.kinds, self._checked(value, list, where))
        return tuple(kind.load(v, f"{where}[{i}]", buffers) for i, (kind, v) in enumerate(pairs))

    def _checked(self, value: Any, box: type[Any], where: str) -> Any:
        if not isinstance(value, box) or len(value) != len(self.kinds):
            raise _wrong(where, f"must be a list of {len(self.kinds)} items")
        return value


@dataclasses.dataclass(frozen=True)
class Range(Kind):
    """First and last number, both included, the first not above the last."""

    kind: Int

    def dump(self, value: Any, where: str, buffers: Buffers) -> list[int]:
        """As `Kind.dump`."""
        return list(self._checked(Row((self.kind, self.kind)).dump(value, where, buffers), where))

    def load(self, value: Any, where: str, buffers: Buffers) -> tuple[int, int]:
        """As `Kind.load`."""
        first, last = self._checked(Row((self.kind, self.kind)).load(value, where, buffers), where)
        return first, last

    def _checked(self, value: Any, where: str) -> Any:
        if value[0] > value[1]:
            raise _wrong(where, "must not end before it begins")
        return value


@dataclasses.dataclass(frozen=True)
class Blob(Kind):
    """Bytes outside of the JSON: position of a raw buffer there, flat bytes in Python."""

    def dump(self, value: Any, where: str, buffers: Buffers) -> int:
        """As `Kind.dump`; any contiguous buffer will do, and none is copied."""
        try:
            return buffers.add(memoryview(value).cast("B"))
        except (TypeError, ValueError) as error:
            raise _wrong(where, "must be contiguous bytes") from error

    def load(self, value: Any, where: str, buffers: Buffers) -> memoryview:
        """As `Kind.load`."""
        return buffers.take(Int(0, 2**16).load(value, where, buffers), where)


@dataclasses.dataclass(frozen=True)
class Record(Kind):
    """A JSON object; a frozen dataclass in Python whose fields name their kinds."""

    cls: type

    def dump(self, value: Any, where: str, buffers: Buffers) -> dict[str, Any]:
        """As `Kind.dump`."""
        if type(value) is not self.cls:
            raise _wrong(where, f"must be of type {self.cls.__name__}")
        return dump_fields(value, where, buffers)

    def load(self, value: Any, where: str, buffers: Buffers) -> Any:
        """As `Kind.load`."""
        return load_fields(self.cls, value, where, buffers)


@dataclasses.dataclass(frozen=True)
class OneOf(Kind):
    """One of several records, told apart by the word under ``kind`` in their JSON."""

    classes: Mapping[str, type]

    def dump(self, value: Any, where: str, buffers: Buffers) -> dict[str, Any]:
        """As `Kind.dump`."""
        for word, cls in self.classes.items():
            if type(value) is cls:
                return {"kind": word, **dump_fields(value, where, buffers)}
        raise _wrong(
            where, f"must be one of {', '.join(c.__name__ for c in self.classes.values())}"
        )

    def load(self, value: Any, where: str, buffers: Buffers) -> Any:
        """As `Kind.load`."""
        word = value.get("kind") if type(value) is dict else None
        if type(word) is not str or word not in self.classes:
            raise _wrong(where, f"must be of kind {', '.join(self.classes)}")
        return load_fields(self.classes[word], value, where, buffers)


def wire(kind: Kind) -> dict[str, Kind]:
    """Metadata of a dataclass field of that kind."""
    return {"wire": kind}


def dump_fields(value: Any, where: str, buffers: Buffers) -> dict[str, Any]:
    """The JSON of a dataclass; raw data go to ``buffers``.

    Raises:
        ProtocolError: a field is out of range.
    """
    return {
        field.name: field.metadata["wire"].dump(
            getattr(value, field.name), f"{where}.{field.name}", buffers
        )
        for field in dataclasses.fields(value)
    }


def load_fields(cls: type, value: Any, where: str, buffers: Buffers) -> Any:
    """A dataclass out of JSON.

    Fields that the class does not know come from a newer minor version and are left
    out; fields that are missing come from an older one and take their default.

    Raises:
        ProtocolError: a field without default is missing, or a field is out of range.
    """
    if type(value) is not dict:
        raise _wrong(where, "must be an object")
    known = {field.name: field for field in dataclasses.fields(cls)}
    arguments = {
        name: field.metadata["wire"].load(value[name], f"{where}.{name}", buffers)
        for name, field in known.items()
        if name in value
    }
    for name, field in known.items():
        if name not in arguments and field.default is dataclasses.MISSING:
            raise _wrong(f"{where}.{name}", "is missing")
    return cls(**arguments)


def _wrong(where: str, what: str) -> ProtocolError:
    return ProtocolError(f"{where} {what}.")
