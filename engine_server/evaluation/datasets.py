# SPDX-License-Identifier: Apache-2.0
"""Folders of masks as data sets lay them out, and the choice of reference frames.

A folder holds masks itself (one sequence), or one folder of masks per sequence, as DAVIS and
YouTube-VOS have them under ``Annotations``. Files are matched by the frame number at the end
of their names, so ``00007.png`` and ``plate.0007.png`` are the same frame.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared.errors import BadMask, NotFound, UsageError

__all__ = ["MaskFolder", "evenly_spaced", "find_sequences", "read_labels"]

_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".bmp"})
_INDEX_MODES = frozenset({"1", "P", "L", "I", "I;16", "I;16B", "I;16L"})


@dataclass(frozen=True)
class MaskFolder:
    """The masks of one sequence.

    Attributes:
        name: the folder's own name.
        files: frame number -> mask file, in the order of the frames.
    """

    name: str
    files: MappingProxyType[int, Path]


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
        raise BadMask(
            f"The folder {folder} holds no masks and no folders of masks.",
            hint=f"Masks are files that end in {', '.join(sorted(_SUFFIXES))}.",
        )
    return found


def read_labels(path: Path) -> NDArray[np.int32]:
    """The object number of every pixel of a mask file.

    Args:
        path: a palette image (its indices count, not its colours) or a grey image.

    Returns:
        H x W, 0 is background.

    Raises:
        BadMask: the file can't be decoded, or has colours instead of object numbers.
    """
    try:
        with Image.open(path) as image:
            mode, pixels = image.mode, np.asarray(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadMask(f"The mask {path} can't be read: {error}.") from error
    if mode not in _INDEX_MODES:
        raise BadMask(
            f"The mask {path} has colours ({mode}) where object numbers are needed.",
            hint="Save it as a palette PNG or a grey PNG.",
        )
    return pixels.astype(np.int32)


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
    files: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in _SUFFIXES or path.name.startswith("."):
            continue
        frame = _frame_number(path)
        if frame in files:
            both = f"{files[frame].name} and {path.name}"
            raise BadMask(f"Two masks in {folder} are of frame {frame}: {both}.")
        files[frame] = path
    if not files:
        return None
    return MaskFolder(folder.name, MappingProxyType(dict(sorted(files.items()))))


def _frame_number(path: Path) -> int:
    digits = re.findall(r"\d+", path.stem)
    if not digits:
        raise BadMask(
            f"The mask {path} has no frame number in its name.",
            hint="Name masks like the frames they belong to, for example shot.1001.png.",
        )
    return int(digits[-1])
