# SPDX-License-Identifier: Apache-2.0
"""Folders of masks as data sets lay them out, and the choice of reference frames.

A folder holds masks itself (one sequence), or one folder of masks per sequence, as DAVIS and
YouTube-VOS have them under ``Annotations``. Files are matched by their names, else by the
frame number in them, so ``00007.png`` and ``plate.0007.png`` are the same frame. The frame is
the last number that changes in a folder: the 7 of ``shot_0007_v3.png``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine_server.media.image import ImageUnreadableError
from engine_server.media.mask_image import read_mask_image
from engine_server.media.mask_rules import MaskRules, Mattes
from engine_server.media.pattern import frame_numbers, image_files, last_number
from shared.errors import BadMask, NotFound, UsageError

__all__ = ["MaskFolder", "evenly_spaced", "find_sequences"]

Labels = NDArray[np.int32]


@dataclass(frozen=True)
class MaskFolder:
    """The masks of one sequence.

    Attributes:
        name: the folder's own name.
        files: frame number -> mask file, in the order of the frames.
    """

    name: str
    files: dict[int, Path]

    def read(self, frame: int) -> Labels:
        """The object of every pixel.

        The indices of a palette picture are the labels, whatever its colours. Of other kinds
        (grey, colours, alpha) all masks of the folder decide together what is an object, as for
        painted references; a soft edge belongs to what it has the most of.

        Args:
            frame: a key of ``files``.

        Returns:
            H x W, 0 is background.

        Raises:
            BadMask: the file can't be decoded, or is a picture and not a mask.
        """
        path = self.files[frame]
        try:
            indexes = read_mask_image(path).indexes
        except (ImageUnreadableError, OSError) as error:
            raise BadMask(f"The mask '{path}' can't be read: {error}.") from error
        if indexes is not None:
            return np.asarray(indexes, np.int32)
        return _harden(self._rules.read(path)[0], self._rules.sizes[path])

    def numbered_like(self, *others: MaskFolder) -> MaskFolder:
        """The same files, those that are named like one of ``others`` with its frame number.

        A lone ``shot_0007_v3.png`` does not tell which number is the frame; its like does. A
        name outdoes a number, so that a file of the same number but no such name gives way.
        """
        known = {path.stem: frame for other in others for frame, path in other.files.items()}
        named = {known[path.stem]: path for path in self.files.values() if path.stem in known}
        rest = {frame: path for frame, path in self.files.items() if path.stem not in known}
        return MaskFolder(self.name, dict(sorted({**rest, **named}.items())))

    @cached_property
    def _rules(self) -> MaskRules:
        return MaskRules(list(self.files.values()))


def find_sequences(folder: Path) -> dict[str, MaskFolder]:
    """The sequences in a folder.

    Args:
        folder: holds masks itself, or one folder of masks per sequence.

    Returns:
        sequence name -> masks; the only key is "" where the folder holds masks itself.

    Raises:
        NotFound: there is no such folder.
        BadMask: it holds no masks, or two masks of one frame.
    """
    if not folder.is_dir():
        raise NotFound(f"There is no folder {folder}.")
    if masks := _mask_folder(folder):
        return {"": masks}
    inner = sorted(path for path in folder.iterdir() if path.is_dir())
    found = {path.name: masks for path in inner if (masks := _mask_folder(path))}
    if not found:
        raise BadMask(f"The folder {folder} holds no masks and no folders of masks.")
    return found


def evenly_spaced(frames: Sequence[int], k: int) -> tuple[int, ...]:
    """The ``k`` reference frames of a sequence, from its first to its last frame.

    Frame ``round(i * (n - 1) / (k - 1))`` of the ``n`` for each ``i`` (halves go to the even
    one); the first frame alone for ``k = 1``; all of them where there are fewer than ``k``.

    Args:
        frames: frame numbers in order.
        k: how many to choose, 1 or more.

    Raises:
        UsageError: ``k`` is less than 1, or there are no frames.
    """
    if k < 1 or not frames:
        raise UsageError(f"{k} of {len(frames)} frames can't be chosen.")
    positions = np.linspace(0, len(frames) - 1, min(k, len(frames))).round().astype(int)
    return tuple(frames[position] for position in positions)


def _mask_folder(folder: Path) -> MaskFolder | None:
    paths = image_files(folder)
    for path in paths:
        if last_number(path.stem) is None:
            raise BadMask(
                f"The mask {path} has no frame number in its name.",
                hint="Name masks like the frames they belong to, for example shot.1001.png.",
            )
    files: dict[int, Path] = {}
    for frame, path in frame_numbers(paths):
        if frame in files:
            both = f"{files[frame].name} and {path.name}"
            raise BadMask(f"Two masks in {folder} are of frame {frame}: {both}.")
        files[frame] = path
    return MaskFolder(folder.resolve().name, dict(sorted(files.items()))) if files else None


def _harden(mattes: Mattes, size: tuple[int, int]) -> Labels:
    """The label with the greatest share of each pixel; background is what is left over."""
    labels = np.zeros(size, np.int32)
    best = np.ones(size, np.float32) - sum(mattes.values())
    for label, matte in mattes.items():
        labels[matte > best] = label
        best = np.maximum(best, matte)
    return labels
