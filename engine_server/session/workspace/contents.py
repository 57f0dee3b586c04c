# SPDX-License-Identifier: Apache-2.0
"""What a project holds, as the edits in its log say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .edit_log import Edit

__all__ = ["UNDOABLE", "Contents", "History", "Run", "StoredMatte"]


@dataclass(frozen=True)
class StoredMatte:
    """A matte in a file.

    Attributes:
        file: path inside the project, with forward slashes.
        sha256: of the file, hexadecimal.
        confidence: 0..1; 1 where it was painted.
        recipe: what the result depends on, as one number; empty where it was painted.
    """

    file: str
    sha256: str
    confidence: float = 1.0
    recipe: str = ""


@dataclass
class Run:
    """A propagation: what was asked and how far it came.

    Attributes:
        n: number of its edit.
        settings: as logged: ``first``, ``last``, ``direction``, ``flow``, ``objects``, ``recipe``.
        skipped: why a frame could not be done, by frame.
        ended: ``done``, ``cancelled``, or empty while it runs or after a crash.
    """

    n: int
    settings: Mapping[str, Any]
    skipped: dict[int, str] = field(default_factory=dict)
    ended: str = ""


@dataclass
class Contents:
    """Objects, references, mattes and locks after some edits.

    Attributes:
        names, colours: by object; a colour is red, green and blue, 0..255.
        references: painted mattes by frame and object.
        mattes: results by frame and object.
        locked: frames that may not change.
        runs: propagations by edit number.
    """

    names: dict[int, str] = field(default_factory=dict)
    colours: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    references: dict[int, dict[int, StoredMatte]] = field(default_factory=dict)
    mattes: dict[int, dict[int, StoredMatte]] = field(default_factory=dict)
    locked: set[int] = field(default_factory=set)
    runs: dict[int, Run] = field(default_factory=dict)

    def apply(self, edit: Edit) -> None:
        """Changes the contents as the edit says; KeyError for a kind that is not known."""
        _APPLY[edit.do](self, edit)

    def files(self) -> Iterator[StoredMatte]:
        """Every file that is part of the contents."""
        for by_frame in (self.references, self.mattes):
            for by_object in by_frame.values():
                yield from by_object.values()

    def leave_out(self, lost: Collection[str]) -> None:
        """Drops what was in lost files."""
        for by_frame in (self.references, self.mattes) if lost else ():
            for frame, stored in list(by_frame.items()):
                _put(by_frame, frame, {i: m for i, m in stored.items() if m.file not in lost})


UNDOABLE = frozenset(
    {"add_object", "rename_object", "colour_object", "remove_object"}
    | {"reference", "remove_reference", "lock", "unlock", "propagate"}
)
"""Kinds of edits that are steps of undo; the others belong to one of these, or to the log."""


class History:
    """The edits of a log put in order: what is done, what is undone, and what came of it.

    Args:
        edits: all lines of a log.
    """

    def __init__(self, edits: Iterable[Edit]) -> None:
        self.edits: list[Edit] = []
        self.done: list[Edit] = []
        self.undone: list[Edit] = []
        self._settled: set[int] = set()
        self._active: set[int] = set()
        self._contents: Contents | None = Contents()
        for edit in edits:
            self.add(edit)

    def add(self, edit: Edit) -> None:
        """Takes one more edit in."""
        self.edits.append(edit)
        if edit.do in UNDOABLE:
            self.done.append(edit)
            self.undone.clear()
            self._active.add(edit.n)
        if edit.do in _ON_HISTORY:
            _ON_HISTORY[edit.do](self, edit)
            self._active = {*self._settled, *(step.n for step in self.done)}
            self._contents = None
        elif self._contents is not None and (edit.do == "lost" or _step(edit) in self._active):
            self._contents.apply(edit)

    @property
    def contents(self) -> Contents:
        """What there is after all edits; replayed only when asked for, not at each undo."""
        if self._contents is None:
            self._contents = self._replayed(self._active)
        return self._contents

    def step_of(self, edit: Edit) -> int:
        """The number of the step of undo that an edit belongs to."""
        return _step(edit)

    def is_active(self, step: int) -> bool:
        """Whether a step is in effect: not taken back."""
        return step in self._active

    def reachable(self) -> dict[str, str]:
        """Files that the contents hold now or after any steps of undo and redo: their SHA-256."""
        steps = {edit.n for edit in (*self.done, *self.undone)}
        files = {stored.file: stored.sha256 for stored in self._replayed(self._settled).files()}
        for edit in self.edits:
            if edit.do == "lost":
                for file in edit.fields["lost"]:
                    files.pop(file, None)
            elif _step(edit) in steps and "files" in edit.fields:
                files.update((stored.file, stored.sha256) for stored in _stored(edit).values())
        return files

    def _replayed(self, steps: Collection[int]) -> Contents:
        contents = Contents()
        for edit in self.edits:
            if edit.do == "lost" or (edit.do not in _ON_HISTORY and _step(edit) in steps):
                contents.apply(edit)
        return contents

    def _undo(self, edit: Edit) -> None:
        _move(self.done, self.undone, edit.fields["step"])

    def _redo(self, edit: Edit) -> None:
        _move(self.undone, self.done, edit.fields["step"])

    def _forget(self, edit: Edit) -> None:
        """Steps of undo before the last ``keep`` are settled."""
        cut = max(0, len(self.done) - edit.fields["keep"])
        self._settled.update(step.n for step in self.done[:cut])
        self.done = self.done[cut:]
        self.undone.clear()


_ON_HISTORY: dict[str, Callable[[History, Edit], None]] = {
    "undo": History._undo,
    "redo": History._redo,
    "forget": History._forget,
}


def _step(edit: Edit) -> int:
    """The step of undo that an edit belongs to."""
    return int(edit.fields.get("of", edit.n))


def _move(source: list[Edit], target: list[Edit], n: int) -> None:
    """Moves a step; one whose line is damaged is nowhere."""
    for step in [step for step in source if step.n == n]:
        source.remove(step)
        target.append(step)


def _add_object(contents: Contents, edit: Edit) -> None:
    _rename_object(contents, edit)
    _colour_object(contents, edit)


def _rename_object(contents: Contents, edit: Edit) -> None:
    contents.names[edit.fields["obj"]] = edit.fields["name"]


def _colour_object(contents: Contents, edit: Edit) -> None:
    red, green, blue = edit.fields["colour"]
    contents.colours[edit.fields["obj"]] = (red, green, blue)


def _remove_object(contents: Contents, edit: Edit) -> None:
    obj = edit.fields["obj"]
    contents.names.pop(obj, None)
    contents.colours.pop(obj, None)
    for by_frame in (contents.references, contents.mattes):
        for frame, stored in list(by_frame.items()):
            _put(by_frame, frame, {i: m for i, m in stored.items() if i != obj})


def _reference(contents: Contents, edit: Edit) -> None:
    _put(contents.references, edit.fields["frame"], _stored(edit))


def _remove_reference(contents: Contents, edit: Edit) -> None:
    contents.references.pop(edit.fields["frame"], None)


def _lock(contents: Contents, edit: Edit) -> None:
    contents.locked.update(_frames(edit))


def _unlock(contents: Contents, edit: Edit) -> None:
    contents.locked.difference_update(_frames(edit))


def _propagate(contents: Contents, edit: Edit) -> None:
    contents.runs[edit.n] = Run(edit.n, edit.fields)


def _matte(contents: Contents, edit: Edit) -> None:
    frame = edit.fields["frame"]
    _put(contents.mattes, frame, {**contents.mattes.get(frame, {}), **_stored(edit)})


def _skipped(contents: Contents, edit: Edit) -> None:
    contents.runs[edit.fields["of"]].skipped[edit.fields["frame"]] = edit.fields["why"]


def _resume(contents: Contents, edit: Edit) -> None:
    contents.runs[edit.fields["of"]].ended = ""


def _end(contents: Contents, edit: Edit) -> None:
    contents.runs[edit.fields["of"]].ended = edit.fields["how"]


def _lost(contents: Contents, edit: Edit) -> None:
    contents.leave_out(edit.fields["lost"])


def _nothing(contents: Contents, edit: Edit) -> None:
    """A line that was damaged, and said something that nobody knows any more."""


_APPLY: dict[str, Callable[[Contents, Edit], None]] = {
    "add_object": _add_object,
    "rename_object": _rename_object,
    "colour_object": _colour_object,
    "remove_object": _remove_object,
    "reference": _reference,
    "remove_reference": _remove_reference,
    "lock": _lock,
    "unlock": _unlock,
    "propagate": _propagate,
    "matte": _matte,
    "skipped": _skipped,
    "resume": _resume,
    "end": _end,
    "lost": _lost,
    "damaged": _nothing,
}


def _frames(edit: Edit) -> Iterator[int]:
    for first, last in edit.fields["ranges"]:
        yield from range(first, last + 1)


def _stored(edit: Edit) -> dict[int, StoredMatte]:
    return {int(obj): StoredMatte(**told) for obj, told in edit.fields["files"].items()}


def _put(
    by_frame: dict[int, dict[int, StoredMatte]], frame: int, mattes: dict[int, StoredMatte]
) -> None:
    """Mattes of a frame in place of those there; a frame that has none is left out."""
    by_frame.pop(frame, None)
    if mattes:
        by_frame[frame] = mattes
