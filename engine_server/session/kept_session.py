# SPDX-License-Identifier: Apache-2.0
"""A session whose edits are on disk before the call that made them returns."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine_server.digest import sha256_of
from engine_server.media import DAVIS_PALETTE, Plate
from shared.errors import (
    BadPlate,
    Busy,
    FrameLocked,
    NothingToUndo,
    UnknownFrame,
    UsageError,
    WorkspaceDamaged,
)

from .references import Matte
from .session import Session
from .sweeps import in_ranges
from .workspace import (
    Clip,
    Contents,
    Edit,
    EditLog,
    History,
    ProjectFolder,
    ProjectLock,
    StoredMatte,
    read_matte,
    write_matte,
)
from .workspace.contents import UNDOABLE
from .workspace.plates import open_clip
from .workspace.stored_mattes import StoredMattes

__all__ = ["KeptSession", "told_files"]


class KeptSession(Session):
    """A session with a folder of its own: objects, references, locks, undo.

    An error of an edit means that nothing was changed. ``request`` is an id under which an
    edit is logged, so that one that is sent twice can be recognised (`edit_of`).

    Args:
        folder: of a project that is there.
        device: as for `Session`.
        model, size: in place of those it was made with.

    Attributes:
        folder: as given.
        header: what the project is about.

    Raises:
        NotFound, UsageError: there is no project, or one of a newer engine.
        WorkspaceBusy: another engine works on it.
        WorkspaceDamaged: files are missing or not what was written.
        BadPlate: the clip has another size now. And what `Session` raises.
    """

    def __init__(
        self,
        folder: ProjectFolder,
        *,
        device: str = "auto",
        model: str | None = None,
        size: int | None = None,
    ) -> None:
        self.folder = folder
        with contextlib.ExitStack() as opened:
            if not folder.path.is_dir():
                folder.header()  # raises
            opened.callback(ProjectLock(folder.lock).release)
            there = folder.header()
            self.header = replace(there, model=model or there.model, size=size or there.size)
            self._log = EditLog(folder.log)
            opened.callback(self._log.close)
            plate = opened.enter_context(contextlib.closing(open_clip(self.header.clip, folder)))
            _check_size(plate, self.header.clip)
            self._history = _history(self._log)
            super().__init__(plate, model=self.header.model, device=device, size=self.header.size)
            self._mattes = StoredMattes(folder, lambda: self.contents)
            self._painted: dict[tuple[StoredMatte, ...], Mapping[int, Matte]] = {}
            logged = (edit for edit in self._log.edits if "request" in edit.fields)
            self._requests = {edit.fields["request"]: edit for edit in logged}
            self._show()
            if self.header != there:  # not before all is well: a wrong model must not stay
                folder.write_header(self.header)
            self._opened = opened.pop_all()
        self._running = 0

    def close(self) -> None:
        """Ends the work; the project stays on disk, and another engine may open it."""
        super().close()
        self._opened.close()

    # What is there

    @property
    def contents(self) -> Contents:
        """Objects, references, mattes and locks as they are on disk."""
        return self._history.contents

    @property
    def history(self) -> History:
        """All edits, and which of them can be undone and done again."""
        return self._history

    @property
    def revision(self) -> int:
        """The number of the last edit; it rises with every edit, undo and redo."""
        kinds = {*UNDOABLE, "undo", "redo"}
        return next((e.n for e in reversed(self._history.edits) if e.do in kinds), 0)

    def edit_of(self, request: str) -> Edit | None:
        """The edit that was logged under an id."""
        return self._requests.get(request)

    def confidence(self, frame: int) -> Mapping[int, float]:
        """As `Session.confidence`, of whatever propagation made what is there now."""
        if frame not in self.contents.mattes:
            return super().confidence(frame)
        return {i: stored.confidence for i, stored in self.contents.mattes[frame].items()}

    # Edits

    def add_object(
        self,
        name: str,
        *,
        obj: int | None = None,
        colour: tuple[int, int, int] | None = None,
        request: str = "",
    ) -> int:
        """As `Session.add_object`; without a colour it gets that of its id in the palette."""
        self._check_open()
        with self._asked():
            chosen = super().add_object(name, obj=obj)
        tint = list(colour or DAVIS_PALETTE[chosen])
        self._edited("add_object", request, obj=chosen, name=name, colour=tint)
        return chosen

    def rename_object(self, obj: int, name: str, *, request: str = "") -> None:
        """As `Session.rename_object`."""
        self._check_open()
        with self._asked():
            super().rename_object(obj, name)
        self._edited("rename_object", request, obj=obj, name=name)

    def colour_object(self, obj: int, colour: tuple[int, int, int], *, request: str = "") -> None:
        """Gives an object another colour (red, green, blue, 0..255); ``UnknownObject``."""
        self._check_open()
        self._check_object(obj)
        self._edited("colour_object", request, obj=obj, colour=list(colour))

    def remove_object(self, obj: int, *, request: str = "") -> None:
        """As `Session.remove_object`; ``FrameLocked`` where a locked frame has a matte of it."""
        self._check_open()
        self._check_object(obj)
        held = (self.contents.references, self.contents.mattes)
        self._check_unlocked(f for by_frame in held for f, told in by_frame.items() if obj in told)
        self._edited("remove_object", request, obj=obj)

    def set_reference(
        self, frame: int, mattes: Mapping[int, NDArray[np.generic]], *, request: str = ""
    ) -> None:
        """As `Session.set_reference`; ``FrameLocked``, ``DiskFull``, ``OutputUnwritable``."""
        self._check_open()
        self._check_unlocked([frame])
        with self._asked():
            super().set_reference(frame, mattes)
            painted = self._references[frame]
        with self._written() as files:
            for obj, matte in painted.items():
                stem = self.folder.matte_stem("references", self._log.next_number, frame, obj)
                files[obj] = self._stored(*write_matte(stem, matte))
            self._painted[tuple(files.values())] = painted
            self._edited("reference", request, frame=frame, files=told_files(files))

    def remove_reference(self, frame: int, *, request: str = "") -> None:
        """As `Session.remove_reference`; ``FrameLocked``."""
        self._check_open()
        self._check_unlocked([frame])
        with self._asked():
            super().remove_reference(frame)
        self._edited("remove_reference", request, frame=frame)

    def lock_frames(self, ranges: Iterable[tuple[int, int]], *, request: str = "") -> None:
        """Locks frames: nothing changes their mattes any more, byte for byte.

        Args:
            ranges: first and last frame of each; what the plate has not is passed over.
            request: see `KeptSession`.
        """
        self._check_open()
        self._edited("lock", request, ranges=self._present(ranges))

    def unlock_frames(self, ranges: Iterable[tuple[int, int]], *, request: str = "") -> None:
        """Unlocks frames, as `lock_frames`."""
        self._check_open()
        self._edited("unlock", request, ranges=self._present(ranges))

    def undo(self, *, of: str = "", request: str = "") -> Edit:
        """Takes the last edit back and returns it.

        Args:
            of: the request whose edit is meant, if that matters.
            request: of this.

        Raises:
            NothingToUndo: there is none, or the one that is meant is not in effect.
            UsageError: the one that is meant is not the last.
            Busy: it is a propagation that is still running.
            WorkspaceDamaged: a painting that would come back can't be read.
        """
        self._check_open()
        done = self._history.done
        if (of and not self._in_effect(of)) or not done:
            raise NothingToUndo("There is nothing to undo.")
        self._check_is_of(done[-1], of)
        step = done[-1]
        if step.n == self._running:
            raise Busy("The last edit is a propagation that is still running.")
        self._check_readable("undo", step)
        self._edited("undo", request, step=step.n)
        return step

    def redo(self, *, of: str = "", request: str = "") -> Edit:
        """Does again what was undone last, and returns it; as `undo`."""
        self._check_open()
        undone = self._history.undone
        if (of and self._in_effect(of)) or not (undone or of):
            raise NothingToUndo("There is nothing to do again.")
        self._check_is_of(undone[-1] if undone else None, of)
        step = undone[-1]
        self._check_readable("redo", step)
        self._edited("redo", request, step=step.n)
        return step

    # Inside

    def _in_effect(self, request: str) -> bool:
        """Whether the edit of a request is not taken back; one that never was is in none."""
        edit = self._requests.get(request)
        return edit is not None and self._history.is_active(self._history.step_of(edit))

    def _check_is_of(self, step: Edit | None, request: str) -> None:
        """A step that somebody else made since is not touched."""
        edit = self._requests.get(request)
        if request and (step is None or edit is None or self._history.step_of(edit) != step.n):
            raise UsageError(
                "Something else was edited since; that stays as it is.",
                hint="Undo in Engine takes back the last edit, whoever made it.",
            )

    def _edited(self, do: str, request: str = "", **fields: Any) -> Edit:
        """Logs an edit and shows what came of it."""
        edit = self._log.append(do, **fields, **({"request": request} if request else {}))
        self._history.add(edit)
        if request:
            self._requests[request] = edit
        self._show()
        return edit

    def _show(self) -> None:
        """Brings the session in line with the contents; what did not change stays the same."""
        self._names.clear()  # the same mapping: the propagator holds it
        self._names.update(self.contents.names)
        self._references = {
            frame: self._painting(told) for frame, told in self.contents.references.items()
        }
        used = {tuple(told.values()) for told in self.contents.references.values()}
        self._painted = {key: self._painted[key] for key in used}  # the others can be read again

    def _check_readable(self, do: str, step: Edit) -> None:
        """Reads what an undo or redo brings back: what is logged can't be refused any more."""
        ahead = Edit(self._log.next_number, do, {"step": step.n})
        for told in History((*self._history.edits, ahead)).contents.references.values():
            self._painting(told)

    def _painting(self, told: Mapping[int, StoredMatte]) -> Mapping[int, Matte]:
        """Painted mattes out of their files, read once."""
        key = tuple(told.values())
        if key not in self._painted:
            self._painted[key] = MappingProxyType({i: self._whole(told[i]) for i in told})
        return self._painted[key]

    def _whole(self, stored: StoredMatte) -> Matte:
        """A painted matte whose file is the one that was written."""
        path = self.folder.path / stored.file
        matte = read_matte(path)
        if sha256_of(path) != stored.sha256:
            raise WorkspaceDamaged(f"The painted matte '{path}' is not what was written.")
        return matte

    @contextlib.contextmanager
    def _asked(self) -> Iterator[None]:
        """Lets `Session` say whether an edit is right; nothing is changed by that."""
        try:
            yield
        finally:
            self._show()

    @contextlib.contextmanager
    def _written(self) -> Iterator[dict[int, StoredMatte]]:
        """Files of an edit by object; they go if it fails before it is in the log."""
        files: dict[int, StoredMatte] = {}
        number = self._log.next_number
        try:
            yield files
        except BaseException:
            for stored in files.values() if self._log.next_number == number else ():
                with contextlib.suppress(OSError):
                    (self.folder.path / stored.file).unlink()
            raise

    def _stored(self, path: Path, sha256: str) -> StoredMatte:
        return StoredMatte(self.folder.relative(path), sha256)

    def _present(self, ranges: Iterable[tuple[int, int]]) -> list[list[int]]:
        """Ranges without what lies before and after the plate; ``UnknownFrame`` if that is all."""
        start, end = self.plate.frames[0], self.plate.frames[-1]
        cut = ([max(first, start), min(last, end)] for first, last in ranges)
        found = [[first, last] for first, last in cut if first <= last]
        if not found:
            there = f"The plate has frames {start} to {end}."
            raise UnknownFrame(f"{self.plate.name} has none of these frames.", hint=there)
        return found

    def _check_unlocked(self, frames: Iterable[int]) -> None:
        held = sorted(self.contents.locked.intersection(frames))
        if held:
            one = f"Frame {held[0]} is" if len(held) == 1 else f"Frames {in_ranges(held)} are"
            raise FrameLocked(f"{one} locked.")


def told_files(files: Mapping[int, StoredMatte]) -> dict[str, dict[str, Any]]:
    """Files by object as they stand in the log."""
    return {str(obj): asdict(stored) for obj, stored in files.items()}


def _history(log: EditLog) -> History:
    """The edits of a log; ``WorkspaceDamaged`` where one lacks what belongs to its kind."""
    try:
        history = History(log.edits)
        _ = history.contents  # replayed here, where it can still be refused
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WorkspaceDamaged(
            f"The edit log '{log.path}' says what this engine does not understand: {error!r}.",
            hint="Was it made by a newer one? Update xmempp.",
        ) from error
    return history


def _check_size(plate: Plate, clip: Clip) -> None:
    if plate.size != clip.size:
        (height, width), (was_height, was_width) = plate.size, clip.size
        raise BadPlate(
            f"'{clip.source}' is {width} x {height} pixels now; it was {was_width} x {was_height} "
            "when its mattes were painted.",
            hint="Bring back the plate in its former size, or begin a new project for this one.",
        )
