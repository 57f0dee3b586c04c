# SPDX-License-Identifier: Apache-2.0
"""The edit log: one line of JSON for each edit, only ever added to.

A line is the edit's number, time, kind and fields, and at its end a checksum of what stands
before it::

    {"n": 7, "at": "2026-01-31T12:00:00+00:00", "do": "rename_object", "obj": 1, "name": "x",
     "sum": "5f0c..."}

The numbers rise by one. A last line that a crash cut off was never acknowledged; it is dropped.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from shared.errors import OutputUnwritable, WorkspaceDamaged

from .disk import disk_errors, write_durably

__all__ = ["Edit", "EditLog", "read_edits", "read_whole_edits"]

log = logging.getLogger(__name__)

_LINE = re.compile(rb'(\{.*), "sum": "([0-9a-f]{16})"\}', re.DOTALL)


@dataclass(frozen=True)
class Edit:
    """One line of the log.

    Attributes:
        n: its number, from 1.
        do: its kind.
        fields: what belongs to that kind.
        at: when, ISO 8601 in UTC.
    """

    n: int
    do: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    at: str = ""

    def line(self) -> bytes:
        """The edit as it stands in the file."""
        told = {"n": self.n, "at": self.at, "do": self.do, **self.fields}
        body = _encoded(told)[:-1]
        return body + b', "sum": "' + _sum(body) + b'"}\n'

    @classmethod
    def of_line(cls, line: bytes) -> Edit:
        """Reads a line; ValueError when it is not what was written."""
        match = _LINE.fullmatch(line.rstrip(b"\n"))
        if match is None or _sum(match[1]) != match[2]:
            raise ValueError("the checksum is wrong")
        told = json.loads(match[1] + b"}")
        n, at, do = told.pop("n"), told.pop("at"), told.pop("do")
        return cls(n, do, told, at)


class EditLog:
    """A log open for adding; its project must be locked.

    Args:
        path: the file; made when missing.

    Raises:
        WorkspaceDamaged: a line other than the last is not what was written.
        OutputUnwritable: the file can't be opened for writing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.edits, self._length = read_edits(path)
        if not path.exists():
            write_durably(path, b"")
        with disk_errors(path):
            self._handle = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
            self._drop_torn()

    @property
    def next_number(self) -> int:
        """The number that the next edit will have."""
        return self.edits[-1].n + 1 if self.edits else 1

    def append(self, do: str, **fields: Any) -> Edit:
        """Adds an edit; it is on the disk when this returns.

        Raises:
            DiskFull, OutputUnwritable: it was not added; the log is as before.
        """
        at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        edit = Edit(self.next_number, do, fields, at)
        line = edit.line()
        with disk_errors(self.path):
            self._drop_torn()  # of an append that failed
            self._write(line)
        self._length += len(line)
        self.edits.append(Edit.of_line(line))
        return self.edits[-1]

    def close(self) -> None:
        """Ends the writing."""
        os.close(self._handle)

    def _write(self, line: bytes) -> None:
        try:
            os.lseek(self._handle, self._length, os.SEEK_SET)
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._handle, rest) :]
            os.fsync(self._handle)
        except OSError:
            os.ftruncate(self._handle, self._length)
            raise

    def _drop_torn(self) -> None:
        """Cuts off what lies behind the last whole line."""
        if os.fstat(self._handle).st_size > self._length:
            log.warning("the last line of %s was cut off by a crash; it is dropped", self.path)
            os.ftruncate(self._handle, self._length)
            os.fsync(self._handle)


def read_edits(path: Path) -> tuple[list[Edit], int]:
    """The edits of a log, and the length in bytes of what is whole; a torn last line is left out.

    Raises:
        WorkspaceDamaged: another line is not what was written, or one is missing.
    """
    edits, bad, length = read_whole_edits(path)
    gap = next((e.n for i, e in enumerate(edits, 1) if e.n != i), None)
    if bad or gap is not None:
        where = f"line {bad[0]}" if bad else f"edit {gap}"
        raise WorkspaceDamaged(f"The edit log '{path}' is damaged at {where}.")
    return edits, length


def read_whole_edits(path: Path) -> tuple[list[Edit], list[int], int]:
    """All that can still be read of a log, whatever happened to it.

    Returns:
        the edits; the numbers (from 1) of damaged lines, without a torn last one; the length
        in bytes up to a torn last line.
    """
    lines = _lines(path)
    edits: list[Edit] = []
    bad: list[int] = []
    for number, line in enumerate(lines, 1):
        try:
            edits.append(Edit.of_line(line))
        except (ValueError, KeyError):
            bad.append(number)
    torn = bool(bad) and bad[-1] == len(lines)
    length = sum(map(len, lines)) - (len(lines[-1]) if torn else 0)
    return edits, bad[:-1] if torn else bad, length


def _lines(path: Path) -> list[bytes]:
    """Lines with their ends; one without an end was cut off, even if it looks whole."""
    try:
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    except OSError as error:
        raise OutputUnwritable(f"The edit log '{path}' can't be read: {error.strerror}.") from error
    if lines and not lines[-1].endswith(b"\n"):
        lines[-1] = b"torn" + b" " * (len(lines[-1]) - 4)
    return lines


def _encoded(told: Mapping[str, Any]) -> bytes:
    """JSON for people; a file name that is no text is written in escapes."""
    try:
        return json.dumps(told, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(told).encode("ascii")


def _sum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:16].encode()
