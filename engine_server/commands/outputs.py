# SPDX-License-Identifier: Apache-2.0
"""What ``propagate`` writes, beside the computing and never over what is there."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from engine_server.media import (
    Palette,
    Plate,
    read_confidence,
    write_confidence,
    write_index_png,
    write_overlay,
    write_soft_png,
)
from shared.errors import OutputExists, OutputUnwritable, UsageError

if TYPE_CHECKING:
    from engine_server.session import FrameResult

__all__ = ["MatteWriter"]

_FORBIDDEN = re.compile(r'[\\/:*?"<>|\x00-\x1f]')  # in file names, on one system or another

log = logging.getLogger(__name__)

WAITING_BYTES = 256 * 2**20  # of results that may wait for the disk before the computing waits


class MatteWriter:
    """Writes the results of a propagation under one folder.

    ``masks/<stem>.png`` (index, in the palette of the input), ``overlays/<stem>.jpg``,
    ``soft/<object>/<stem>.png`` (16 bit) and ``confidence.csv``. Use it as a context manager:
    at the end everything is on disk, or the first error is raised.

    Args:
        folder: is made where it is missing.
        plate: gives the files their names.
        names: of the objects, by id.
        palette: colours of the index masks.
        overlays, soft: whether these are written.
    """

    def __init__(
        self,
        folder: Path,
        plate: Plate,
        names: Mapping[int, str],
        palette: Palette,
        *,
        overlays: bool = True,
        soft: bool = False,
    ) -> None:
        self.folder, self.plate, self.palette = folder, plate, palette
        self.names = dict(names)
        self.overlays, self.soft = overlays, soft
        self._soft_folders = _folder_names(names)
        self._rows: dict[int, Mapping[int, float | None]] = {}
        self._pool = ThreadPoolExecutor(1, "matte-writer")
        self._waiting: deque[tuple[Future[None], int]] = deque()

    @property
    def confidence_file(self) -> Path:
        """Where the confidence curve goes."""
        return self.folder / "confidence.csv"

    def prepare(
        self, frames: Iterable[int], *, overwrite: bool, inputs: Iterable[Path] = ()
    ) -> None:
        """Makes the folders and looks whether anything is in the way.

        Args:
            frames: that will be written.
            overwrite: whether earlier results of them may go.
            inputs: what is read. Results never go into the folder of such a file; a folder among
                them gets no folders of results.

        Raises:
            UsageError: results would lie among what was painted or filmed.
            OutputExists: a result of one of the frames is there, and may not be overwritten.
            OutputUnwritable: the folder can't be made or written.
        """
        self._check_apart(inputs)
        if not overwrite:
            self._check_free(frames)
        try:
            for folder in {path.parent for path in self._paths(self.plate.frames[0])}:
                folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise OutputUnwritable(f"Can't write to {self.folder} ({error.strerror}).") from error
        self._warn_of_stale()

    def take(self, result: FrameResult) -> None:
        """Queues one result; waits when the disk falls behind."""
        self._rows[result.frame] = dict(result.confidence)
        size = result.view.nbytes + sum(matte.nbytes for matte in result.mattes.values())
        self._make_room(size)
        self._waiting.append((self._pool.submit(self._write, result), size))

    def _make_room(self, size: int) -> None:
        """Waits until results of so many bytes may queue; any one may, whatever its size."""
        held = sum(waiting for _, waiting in self._waiting)
        while self._waiting and (self._waiting[0][0].done() or held + size > WAITING_BYTES):
            written, freed = self._waiting.popleft()
            written.result()
            held -= freed

    def __enter__(self) -> MatteWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._pool.shutdown(wait=True)
        finally:  # a second Ctrl-C ends the waiting
            if self._rows:
                self._write_confidence()
        if error is None:
            for written, _ in self._waiting:
                written.result()

    def _write(self, result: FrameResult) -> None:
        stem, labels = self.plate.stem(result.frame), result.labels()
        write_index_png(self._mask(stem), labels, self.palette)
        if self.overlays:
            write_overlay(self._overlay(stem), result.view, labels, self.palette)
        if self.soft:
            for obj, matte in result.mattes.items():
                write_soft_png(self._soft(obj, stem), matte)

    def _write_confidence(self) -> None:
        """Rows of frames that were not visited now stay as they are."""
        rows = {**self._old_rows(), **self._rows}
        table = [(f, self.plate.stem(f), rows[f]) for f in sorted(rows)]
        write_confidence(self.confidence_file, table, self.names)

    def _old_rows(self) -> dict[int, Mapping[int, float | None]]:
        if not self.confidence_file.is_file():
            return {}
        by_name = {name: obj for obj, name in self.names.items()}
        try:
            curve = read_confidence(self.confidence_file)
        except (OSError, ValueError):
            log.warning("%s is replaced: it is not a confidence curve", self.confidence_file)
            return {}
        return {
            frame: {by_name[name]: value for name, value in row.items() if name in by_name}
            for frame, row in curve.items()
            if frame in self.plate.frames
        }

    def _check_apart(self, inputs: Iterable[Path]) -> None:
        """Painted masks must survive, and results must not pass for painted masks next time."""
        written = {path.parent for path in self._paths(self.plate.frames[0])}
        if self.soft:
            written.add(self.folder / "soft")
        taken = _identities(written)
        above = _identities(folder.parent for folder in written)
        for source in inputs:
            places = above & _identities([source]) or taken & _identities(_folders_of(source))
            if places:
                raise UsageError(
                    f"Results would be written into the folder of '{source}', which is read from.",
                    hint="Choose another folder with -o.",
                )

    def _warn_of_stale(self) -> None:
        """Mattes of objects that are no more would be taken for results of this run."""
        if not self.soft:
            return
        folders = (path for path in (self.folder / "soft").iterdir() if path.is_dir())
        known = {name.casefold() for name in self._soft_folders.values()}
        stems = [self.plate.stem(frame) for frame in self.plate.frames]
        stale = [
            str(folder)
            for folder in sorted(folders)
            if folder.name.casefold() not in known
            and any((folder / f"{stem}.png").exists() for stem in stems)
        ]
        if stale:
            log.warning("mattes of an earlier run stay as they were in %s", ", ".join(stale))

    def _check_free(self, frames: Iterable[int]) -> None:
        wanted = set(frames)
        taken = [p for f in sorted(wanted) for p in self._paths(f) if p.exists()]
        if self.confidence_file.exists() and not self._curve_grows(wanted):
            taken.append(self.confidence_file)
        if taken:
            more = f" and {len(taken) - 1} more files are" if len(taken) > 1 else " is"
            raise OutputExists(
                f"{taken[0]}{more} there already.",
                hint="Choose another folder with -o, or add --overwrite.",
            )

    def _curve_grows(self, frames: set[int]) -> bool:
        """Whether new rows of these frames leave all that the confidence curve holds."""
        try:
            curve = read_confidence(self.confidence_file)
        except (OSError, ValueError):
            return False
        known = {name for row in curve.values() for name in row} <= set(self.names.values())
        return known and set(curve) <= set(self.plate.frames) - frames

    def _paths(self, frame: int) -> Iterator[Path]:
        stem = self.plate.stem(frame)
        yield self._mask(stem)
        if self.overlays:
            yield self._overlay(stem)
        if self.soft:
            yield from (self._soft(obj, stem) for obj in self.names)

    def _mask(self, stem: str) -> Path:
        return self.folder / "masks" / f"{stem}.png"

    def _overlay(self, stem: str) -> Path:
        return self.folder / "overlays" / f"{stem}.jpg"

    def _soft(self, obj: int, stem: str) -> Path:
        return self.folder / "soft" / self._soft_folders[obj] / f"{stem}.png"


def _folders_of(path: Path) -> set[Path]:
    """Where a file lies: by its name, and in truth."""
    return {path.parent, path.resolve().parent} if path.is_symlink() else {path.parent}


def _identities(folders: Iterable[Path]) -> set[tuple[int, int]]:
    """What stays the same however a folder is spelled (links, letter case); none if missing."""
    found = set()
    for folder in folders:
        with suppress(OSError):
            status = folder.stat()
            found.add((status.st_dev, status.st_ino))
    return found


def _folder_names(names: Mapping[int, str]) -> dict[int, str]:
    """A folder for each object that every system can have, no two the same."""
    folders: dict[int, str] = {}
    for obj, name in names.items():
        safe = _FORBIDDEN.sub("_", name).strip(". ") or f"object_{obj}"
        while safe.casefold() in map(str.casefold, folders.values()):
            safe += f"_{obj}"
        folders[obj] = safe
    return folders
