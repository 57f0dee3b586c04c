# SPDX-License-Identifier: Apache-2.0
"""A data set laid out as DAVIS, for benchmarks: ``JPEGImages/SEQ`` and ``Annotations/SEQ``."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine_server.evaluation import Report
from engine_server.evaluation.datasets import MaskFolder, evenly_spaced, find_sequences
from shared.errors import BadPlate, NotFound


@dataclass(frozen=True)
class DavisSequence:
    """One sequence: a folder of frames, a folder of masks, and its annotated frames.

    Attributes:
        name: the name of both folders.
        plate: the folder of frames.
        truth: the folder of masks, of some of the frames or all.
    """

    name: str
    plate: Path
    truth: MaskFolder

    @property
    def masks(self) -> Path:
        """The folder of masks itself."""
        return next(iter(self.truth.files.values())).parent

    def images(self) -> dict[int, Path]:
        """Frame number -> image file, in the order of the frames."""
        files = {int(path.stem): path for path in self.plate.glob("*.jpg")}
        return dict(sorted(files.items()))

    def references(self, k: int) -> tuple[int, ...]:
        """``k`` evenly spaced annotated frames."""
        return evenly_spaced(list(self.truth.files), k)

    def copy_masks(self, frames: Iterable[int], folder: Path) -> Path:
        """Copy the masks of these frames to a folder, as an artist would have painted them."""
        folder.mkdir(parents=True)
        for frame in frames:
            shutil.copy(self.truth.files[frame], folder)
        return folder


def open_dataset(folder: Path, names: Sequence[str] = ()) -> list[DavisSequence]:
    """The sequences of a data set.

    Args:
        folder: holds ``JPEGImages`` and ``Annotations``.
        names: which ones; all of them where empty.

    Raises:
        NotFound: a named sequence is not there.
        BadPlate: a sequence has masks but no frames.
    """
    found = find_sequences(folder / "Annotations")
    if unknown := set(names) - found.keys():
        raise NotFound(f"{folder} has no sequence {min(unknown)}.")
    sequences = [
        DavisSequence(name, folder / "JPEGImages" / name, masks)
        for name, masks in found.items()
        if not names or name in names
    ]
    for sequence in sequences:
        if not sequence.plate.is_dir():
            raise BadPlate(f"The sequence {sequence.name} has no frames in {sequence.plate}.")
    return sequences


def paced(sequence: DavisSequence, every: int, folder: Path) -> DavisSequence:
    """A copy of every so many frames, numbered from 0: what moves then moves that much farther.

    Args:
        sequence: with a mask for every frame.
        every: 3 for each third frame, -3 for these from the last one on.
        folder: gets ``JPEGImages`` and ``Annotations``.
    """
    images = sequence.images()
    for kind, files in (("JPEGImages", images), ("Annotations", sequence.truth.files)):
        chosen = folder / kind / sequence.name
        chosen.mkdir(parents=True)
        for number, frame in enumerate(list(images)[::every]):
            shutil.copy(files[frame], chosen / f"{number:05d}{files[frame].suffix}")
    return open_dataset(folder, [sequence.name])[0]


def merge(reports: Iterable[Report]) -> Report:
    """One report of many sequences."""
    return Report(tuple(sequence for report in reports for sequence in report.sequences))


def markdown(report: Report) -> str:
    """A table for ``docs/results.md``: J, F and J&F per sequence, and the mean of all objects."""
    lines = ["| sequence | objects | J | F | J&F |", "| --- | --: | --: | --: | --: |"]
    lines += [_row(row.name, len(row.objects), row.j, row.f) for row in report.sequences]
    count = sum(len(row.objects) for row in report.sequences)
    lines.append(_row("mean over objects", count, report.j, report.f))
    return "\n".join(lines)


def _row(name: str, count: int, j: float, f: float) -> str:
    return f"| {name} | {count} | {j:.3f} | {f:.3f} | {(j + f) / 2:.3f} |"
