# SPDX-License-Identifier: Apache-2.0
"""What an artist's hand would do to paint a mask: strokes of a brush, and erasing around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Stroke", "strokes_of"]

Point = tuple[float, float]


@dataclass(frozen=True)
class Stroke:
    """A movement of the brush.

    Attributes:
        radius: of the brush, in pixels.
        points: in pixels from the top left.
        erase: whether it takes away.
    """

    radius: float
    points: list[Point]
    erase: bool = False


def strokes_of(mask: NDArray[np.uint8], radii: tuple[int, ...] = (14, 5)) -> list[Stroke]:
    """Strokes that cover a mask: along its edge and across it, thick ones first.

    Args:
        mask: H x W, 0 or 1.
        radii: of the brush.

    Returns:
        strokes; the last ones erase what is around the mask.
    """
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    found = [stroke for radius in radii for stroke in _inside(depth, radius, max(radii))]
    return found + [Stroke(6, line, erase=True) for line in _lines(cv2.dilate(mask, _disc(8)))]


def _inside(depth: NDArray[np.float32], radius: int, largest: int) -> list[Stroke]:
    part = (depth >= radius).astype(np.uint8)
    found = [Stroke(radius, line) for line in _lines(part)]
    if radius == largest:
        found += _across(part, radius)
    return found


def _across(part: NDArray[np.uint8], radius: int) -> list[Stroke]:
    found = []
    for row in range(0, len(part), radius):
        ends = np.flatnonzero(np.diff(np.pad(part[row].astype(int), 1)))
        for left, right in zip(ends[::2], ends[1::2], strict=True):
            found.append(Stroke(radius, [(float(left), row + 0.5), (float(right), row + 0.5)]))
    return found


def _lines(part: NDArray[np.uint8]) -> list[list[Point]]:
    """The borders of a mask, with few points."""
    borders, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    lines = []
    for border in borders:
        points = cv2.approxPolyDP(border, 0.8, closed=True)[:, 0]
        around = [*points, points[0]]
        lines.append([(float(x) + 0.5, float(y) + 0.5) for x, y in around])
    return lines


def _disc(radius: int) -> NDArray[np.uint8]:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
