# SPDX-License-Identifier: Apache-2.0
"""Frames and masks for training, held in memory as 8-bit arrays.

Layout under the root that the command line names::

    video/JPEGImages/SHOT/*.jpg   video/Annotations/SHOT/*.png    (0 background, 1.. objects)
    stills/SET/images/*           stills/SET/masks/*.png          (same stem)
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.errors import NotFound, UsageError

__all__ = [
    "HELD_OUT",
    "PERMISSIVE_SETS",
    "Shot",
    "Still",
    "load_shots",
    "load_stills",
    "split_shots",
]

Image = NDArray[np.uint8]

#: Sets of stills whose images and masks may both be used commercially; everything else,
#: the video included, has research or unclear terms.
PERMISSIVE_SETS = frozenset({"feral_cats", "ccp", "coco128_seg", "drawn"})

#: Shots of the training video that choices are made on, never trained on.
HELD_OUT = ("car-shadow", "segtrack-girl", "omni-oz_cat_reflection", "tennis")

#: An object smaller than this share of its frame teaches noise: one still pixel is 1/16 of a key.
_SMALLEST_SHARE = 0.001

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shot:
    """A clip with a mask for every frame.

    Attributes:
        name: folder name.
        frames: T x H x W x 3 uint8 RGB.
        masks: T x H x W uint8, object numbers.
        labels: the object numbers that occur, ascending.
    """

    name: str
    frames: Image
    masks: Image
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Still:
    """One image (H x W x 3 uint8 RGB) and its object numbers (H x W uint8)."""

    source: str
    image: Image
    mask: Image
    labels: tuple[int, ...]


def load_shots(root: Path, *, short_side: int = 480, licence: str = "any") -> list[Shot]:
    """Reads ``root/video``; with ``licence="permissive"`` there is none to read.

    Args:
        root: the data folder.
        short_side: larger frames are reduced to it, smaller ones stay.
        licence: ``any`` or ``permissive``.

    Raises:
        NotFound: there is no such folder.
    """
    if _permissive(licence) or not (root / "video").is_dir():
        return []
    folder = root / "video" / "JPEGImages"
    if not folder.is_dir():
        raise NotFound(f"There is no training video in {folder}.")
    return [_load_shot(shot, short_side) for shot in sorted(folder.iterdir()) if shot.is_dir()]


def load_stills(root: Path, *, short_side: int = 400, licence: str = "any") -> list[Still]:
    """Reads ``root/stills``, only the permissive sets when ``licence`` says so.

    Raises:
        NotFound: there is no such folder.
    """
    folder = root / "stills"
    if not folder.is_dir():
        raise NotFound(f"There are no training stills in {folder}.")
    names = [path.name for path in sorted(folder.iterdir()) if path.is_dir()]
    if _permissive(licence):
        names = [name for name in names if name in PERMISSIVE_SETS]
    return [still for name in names for still in _load_set(folder / name, short_side)]


def split_shots(
    shots: Sequence[Shot], held_out: Iterable[str] = HELD_OUT
) -> tuple[list[Shot], list[Shot]]:
    """Parts the shots into (trained on, held out) by name."""
    aside = set(held_out)
    return (
        [shot for shot in shots if shot.name not in aside],
        [shot for shot in shots if shot.name in aside],
    )


def _permissive(licence: str) -> bool:
    if licence not in ("any", "permissive"):
        raise UsageError(f"The licence '{licence}' is neither 'any' nor 'permissive'.")
    return licence == "permissive"


def _load_shot(folder: Path, short_side: int) -> Shot:
    masks = folder.parent.parent / "Annotations" / folder.name
    pairs = [
        _read_pair(path, masks / f"{path.stem}.png", short_side)
        for path in sorted(folder.iterdir())
    ]
    frames, labels = np.stack([p[0] for p in pairs]), np.stack([p[1] for p in pairs])
    return Shot(folder.name, frames, labels, _labels(labels))


def _load_set(folder: Path, short_side: int) -> list[Still]:
    stills = []
    for path in sorted((folder / "images").iterdir()):
        image, mask = _read_pair(path, folder / "masks" / f"{path.stem}.png", short_side)
        labels = tuple(n for n in _labels(mask) if np.mean(mask == n) > _SMALLEST_SHARE * 5)
        if labels:
            stills.append(Still(folder.name, image, mask, labels))
    _log.info("%s: %d stills", folder.name, len(stills))
    return stills


def _read_pair(image_path: Path, mask_path: Path, short_side: int) -> tuple[Image, Image]:
    image = cv2.imread(str(image_path), cv2.IMREAD_COLOR)
    mask = cv2.imread(str(mask_path), cv2.IMREAD_UNCHANGED)
    if image is None or mask is None:
        raise NotFound(f"The training pair {image_path} and {mask_path} can't be read.")
    if mask.ndim == 3:
        mask = mask[..., 0]
    height, width = image.shape[:2]
    scale = min(1.0, short_side / min(height, width))
    size = (round(width * scale), round(height * scale))
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    return np.ascontiguousarray(image[..., ::-1]), mask.astype(np.uint8)


def _labels(mask: Image) -> tuple[int, ...]:
    return tuple(int(n) for n in np.unique(mask) if n not in (0, 255))
