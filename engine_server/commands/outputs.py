# SPDX-License-Identifier: Apache-2.0
"""What ``propagate`` writes, beside the computing and never over what is there."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from engine_server.media import (
    Palette,
    Plate,
    write_confidence,
    write_index_png,
    write_overlay,
    write_soft_png,
)
from engine_server.session import FrameResult
from shared.errors import OutputExists, OutputUnwritable, UsageError

__all__ = ["MatteWriter"]

_FORBIDDEN = re.compile(r'[\\/:*?"<>|\x00-\x1f]')  # in file names, on one system or another

log = logging.getLogger(__name__)

WAITING = 8  # frames that may wait for the disk before the computing waits too


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
        self._waiting: list[Future[None]] = []

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
            inputs: folders that are read from; these are never written to.

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

    def take(self, result: FrameResult) -> None:
        """Queues one result; waits when the disk falls behind."""
        self._rows[result.frame] = dict(result.confidence)
        self._waiting.append(self._pool.submit(self._write, result))
        if len(self._waiting) >= WAITING:
            self._waiting.pop(0).result()

    def __enter__(self) -> MatteWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True)
        if self._rows:
            self._write_confidence()
        if error is None:
            for waiting in self._waiting:
                waiting.result()

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
        return {
            frame: {by_name[name]: value for name, value in row.items() if name in by_name}
            for frame, row in _confidence_curve(self.confidence_file).items()
            if frame in self.plate.frames
        }

    def _check_apart(self, inputs: Iterable[Path]) -> None:
        """Painted masks must survive, and results must not pass for painted masks next time."""
        written = {path.parent.resolve() for path in self._paths(self.plate.frames[0])}
        if self.soft:
            written.add((self.folder / "soft").resolve())
        for folder in inputs:
            if folder.resolve() in written:
                raise UsageError(
                    f"Results would be written into {folder}, which is read from.",
                    hint="Choose another folder with -o.",
                )

    def _check_free(self, frames: Iterable[int]) -> None:
        taken = [p for f in frames for p in self._paths(f) if p.exists()]
        if self.confidence_file.exists():
            taken.append(self.confidence_file)
        if taken:
            more = f" and {len(taken) - 1} more files are" if len(taken) > 1 else " is"
            raise OutputExists(
                f"{taken[0]}{more} there already.",
                hint="Choose another folder with -o, or add --overwrite.",
            )

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


def _folder_names(names: Mapping[int, str]) -> dict[int, str]:
    """A folder for each object that every system can have, no two the same."""
    folders: dict[int, str] = {}
    for obj, name in names.items():
        safe = _FORBIDDEN.sub("_", name).strip(". ") or f"object_{obj}"
        while safe.casefold() in map(str.casefold, folders.values()):
            safe += f"_{obj}"
        folders[obj] = safe
    return folders


def _confidence_curve(path: Path) -> dict[int, dict[str, float]]:
    """Frame -> object name -> value, as written earlier; nothing if the file is no such curve."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {int(row["frame"]): _values(row) for row in csv.DictReader(file)}
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        log.warning("%s is replaced: it is not a confidence curve", path)
        return {}


def _values(row: Mapping[str, str]) -> dict[str, float]:
    return {name: float(v) for name, v in row.items() if name not in ("frame", "stem") and v}
