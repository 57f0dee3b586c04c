# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/protocol.md, made out of the messages themselves.

``python -m tests.contract.spec_tables`` prints them.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from typing import Any

from shared import kinds
from shared.messages import MESSAGES, Event, Message, Reply, Request
from shared.messages.base import FRAME_KIND, OBJECT_KIND

TOPICS = ("engine", "clips", "objects", "references", "work")


def tables() -> str:
    """All tables, in the order of the document."""
    return "\n\n".join(f"### {title}\n\n{table}" for title, table in _sections())


def _sections() -> Iterator[tuple[str, str]]:
    for topic in TOPICS:
        members = [c for c in _all(Request) if c.__module__.endswith(f".{topic}")]
        rows = [f"{_name(c)} | {fields(c)} | `{c.reply.type}`" for c in members]
        yield f"Requests: {topic}", _table("request | fields | reply", rows)
    yield "Replies", _table("reply | fields", [f"{_name(c)} | {fields(c)}" for c in _all(Reply)])
    yield "Events", _table("event | fields", [f"{_name(c)} | {fields(c)}" for c in _all(Event)])
    rows = [f"*{c.__name__}* | {fields(c)}" for c in records()]
    yield "Records", _table("record | fields", rows)


def _all(base: Any) -> list[Any]:
    return [cls for cls in MESSAGES.values() if issubclass(cls, base)]


def _table(head: str, rows: list[str]) -> str:
    line = " | ".join("---" for _ in head.split(" | "))
    return "\n".join(f"| {row} |" for row in [head, line, *rows])


def _name(cls: type[Message]) -> str:
    flags = {"session": cls.session_scope}
    if issubclass(cls, Request):
        flags |= {"control": cls.control, "edit": cls.edit}
    return " ".join([f"`{cls.type}`", *(word for word, is_set in flags.items() if is_set)])


def fields(cls: type) -> str:
    told = [f"`{f.name}` {spelled(f.metadata['wire'])}{_default(f)}" for f in _fields(cls)]
    return "; ".join(told) or "none"


def _fields(cls: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(cls)


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        return ""
    if field.default in (None, "", ()) or dataclasses.is_dataclass(field.default):
        return ", optional"
    shown = str(field.default).lower() if isinstance(field.default, bool) else field.default
    return f", else `{shown}`"


def spelled(kind: kinds.Kind) -> str:
    if isinstance(kind, kinds.Maybe):
        return f"{spelled(kind.kind)} or null"
    if isinstance(kind, kinds.Many):
        return f"list of {kind.least} to {kind.most} of {spelled(kind.kind)}"
    if isinstance(kind, kinds.Row):
        return f"[{', '.join(map(spelled, kind.kinds))}]"
    if isinstance(kind, kinds.Record):
        return f"*{kind.cls.__name__}*"
    if isinstance(kind, kinds.OneOf):
        return " or ".join(f"*{cls.__name__}*" for cls in kind.classes.values())
    return _scalar(kind)


def _scalar(kind: kinds.Kind) -> str:
    if isinstance(kind, kinds.Int):
        names = {FRAME_KIND: "frame", OBJECT_KIND: "object id", kinds.Int(0, 2**53): "count"}
        return names.get(kind, f"{kind.low}..{kind.high}")
    if isinstance(kind, kinds.Real):
        return "seconds" if kind.high == 1e12 else f"number {kind.low:g}..{kind.high:g}"
    if isinstance(kind, kinds.Text):
        return f"text of {kind.least} to {kind.most}"
    if isinstance(kind, kinds.Choice):
        return " / ".join(kind.words)
    if isinstance(kind, kinds.Hex):
        return f"{2 * kind.size} hex digits"
    names = {kinds.Flag: "true / false", kinds.Range: "[first, last]", kinds.Blob: "buffer"}
    return names[type(kind)]


def records() -> list[type]:
    """Every record that some message holds, in the order in which one meets them."""
    found: list[type] = []
    for cls in MESSAGES.values():
        _collect(cls, found)
    return found


def _collect(cls: type, found: list[type]) -> None:
    for field in _fields(cls):
        for inner in _inner(field.metadata["wire"]):
            if inner not in found:
                found.append(inner)
                _collect(inner, found)


def _inner(kind: kinds.Kind) -> list[type]:
    if isinstance(kind, (kinds.Maybe, kinds.Many)):
        return _inner(kind.kind)
    if isinstance(kind, kinds.Record):
        return [kind.cls]
    return list(kind.classes.values()) if isinstance(kind, kinds.OneOf) else []


if __name__ == "__main__":
    sys.stdout.write(tables() + "\n")
