# SPDX-License-Identifier: GPL-3.0-or-later
"""Polygons to soft mattes, and layers of mattes to one, as Blender's masks do it.

Everything here counts pixels from the top left; a pixel's middle is at (0.5, 0.5).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["blend", "fill", "sampled"]

Points = NDArray[np.float64]  # N x 2, x and y
Matte = NDArray[np.float32]  # H x W, 0..1

LINES = 4  # samples of a pixel from top to bottom; from left to right coverage is exact


def sampled(curve: NDArray[np.float64], steps: int = 32) -> Points:
    """Points on a closed chain of cubic Bezier segments.

    Args:
        curve: N x 3 x 2: left handle, point, right handle.
        steps: points for each segment.
    """
    ends = np.roll(curve, -1, axis=0)
    corners = np.stack([curve[:, 1], curve[:, 2], ends[:, 0], ends[:, 1]])  # 4 x N x 2
    t = np.arange(steps, dtype=np.float64) / steps
    weights = np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    return np.einsum("ks,knd->nsd", weights, corners).reshape(-1, 2)


def fill(polygons: Sequence[Points], height: int, width: int) -> Matte:
    """The union of closed polygons; where one crosses itself, inside and outside alternate."""
    matte = np.zeros((height, width), np.float32)
    for points in polygons:
        top = int(np.clip(np.floor(points[:, 1].min()), 0, height))
        bottom = int(np.clip(np.ceil(points[:, 1].max()), top, height))
        if bottom > top:
            part = matte[top:bottom]
            np.maximum(part, _filled(points - (0, top), bottom - top, width), out=part)
    return matte


def _filled(points: Points, height: int, width: int) -> Matte:
    line, x = _crossings(points, height * LINES)
    order = np.lexsort((x, line))
    line, x = line[order], np.clip(x[order], 0, width)
    sign = np.where(np.arange(len(x)) % 2 == 0, 1.0, -1.0)  # each line has an even number
    at = np.floor(x).astype(np.int64)
    row = line // LINES * (width + 2)
    within = x - at
    steps = np.bincount(row + at, sign * (1 - within), height * (width + 2))
    steps += np.bincount(row + at + 1, sign * within, height * (width + 2))
    covered = np.cumsum(steps.reshape(height, width + 2), axis=1)[:, :width] / LINES
    return np.clip(covered, 0, 1).astype(np.float32)


def _crossings(points: Points, lines: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where the edges cross the middle of each line: its number, and x."""
    a, b = points * (1, LINES), np.roll(points, -1, axis=0) * (1, LINES)
    low, high = np.minimum(a[:, 1], b[:, 1]), np.maximum(a[:, 1], b[:, 1])
    first = np.clip(np.ceil(low - 0.5), 0, lines).astype(np.int64)
    last = np.clip(np.ceil(high - 0.5), 0, lines).astype(np.int64)
    count = last - first
    edge = np.repeat(np.arange(len(points)), count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    line = first[edge] + within
    t = (line + 0.5 - a[edge, 1]) / (b[edge, 1] - a[edge, 1])
    return line, a[edge, 0] + t * (b[edge, 0] - a[edge, 0])


def blend(below: Matte, layer: Matte, mode: str, alpha: float) -> Matte:
    """Puts a layer, its alpha already in it, over what is below; Blender's names of modes.

    Args:
        below, layer: H x W, 0..1.
        mode: ``MERGE_ADD``, ``ADD``, ``LIGHTEN`` and so on.
        alpha: of the layer; ``REPLACE`` needs it once more.
    """
    mixed = {
        "MERGE_ADD": lambda: below + layer * (1 - below),
        "MERGE_SUBTRACT": lambda: below - layer * below,
        "ADD": lambda: below + layer,
        "SUBTRACT": lambda: below - layer,
        "LIGHTEN": lambda: np.maximum(below, layer),
        "DARKEN": lambda: np.minimum(below, layer),
        "MUL": lambda: below * layer,
        "REPLACE": lambda: below * (1 - alpha) + layer,
        "DIFFERENCE": lambda: np.abs(below - layer),
    }[mode]()
    return np.clip(mixed, 0, 1).astype(np.float32)
