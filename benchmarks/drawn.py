# SPDX-License-Identifier: Apache-2.0
"""Frames of a shot drawn on the fly: a textured wall in pan, textured objects that move over it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["DrawnShot"]


@dataclass
class DrawnShot:
    """An endless shot; the same for the same sizes.

    Attributes:
        height, width: of the pictures.
        objects: how many move, each with its own texture and path.
    """

    height: int
    width: int
    objects: int = 1
    _wall: NDArray[np.uint8] = field(init=False, repr=False)
    _skins: list[NDArray[np.uint8]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._wall = _texture(0, self.height, 2 * self.width)
        self._skins = [_texture(i, self.height, self.width) for i in range(1, self.objects + 1)]

    def frame(self, number: int) -> tuple[NDArray[np.uint8], dict[int, NDArray[np.float32]]]:
        """Picture H x W x 3 uint8, and mattes by object from 1, H x W of 0 and 1."""
        picture = np.roll(self._wall, -number, 1)[:, : self.width].copy()
        labels = np.zeros((self.height, self.width), np.uint8)
        for i, skin in enumerate(self._skins, 1):
            inside = self._shape(i, number)
            picture[inside], labels[inside] = skin[inside], i
        mattes = {i: (labels == i).astype(np.float32) for i in range(1, self.objects + 1)}
        return picture, mattes

    def _shape(self, i: int, number: int) -> NDArray[np.bool_]:
        """An ellipse that circles, turns and breathes; some 6 % of the picture."""
        angle = 2 * math.pi * (number / (90 + 30 * i) + i / 3)
        centre = (
            round(self.width * (0.5 + 0.3 * math.cos(angle))),
            round(self.height * (0.5 + 0.25 * math.sin(1.7 * angle))),
        )
        axes = tuple(
            round(self.height * (share + 0.03 * math.sin(3 * angle))) for share in (0.25, 0.15)
        )
        canvas = np.zeros((self.height, self.width), np.uint8)
        cv2.ellipse(canvas, centre, axes, math.degrees(angle), 0, 360, 1, -1)
        return canvas > 0


def _texture(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    """Noise with as much contrast at every scale, as pictures have."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for cells in (3, 6, 12, 24, 48):
        rough = rng.normal(size=(cells, cells, 3)).astype(np.float32)
        total += cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(127 + 28 * total, 0, 255).astype(np.uint8)
