# SPDX-License-Identifier: GPL-3.0-or-later
"""Polygons to soft mattes, and layers of mattes to one, as Blender's masks do it.

Everything here counts pixels from the top left; a pixel's middle is at (0.5, 0.5).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["blend", "fill", "inside", "sampled"]

Points = NDArray[np.float64]  # N x 2, x and y
Matte = NDArray[np.float32]  # H x W, 0..1

LINES = 4  # samples of a pixel from top to bottom; from left to right coverage is exact
BLOCK = 32  # rows at a time: few enough to stay in the processor's cache


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


def fill(
    polygons: Sequence[Points],
    height: int,
    width: int,
    *,
    holes: bool = False,
    wound: bool = False,
) -> Matte:
    """The union of closed polygons; whatever one goes around in any direction is inside.

    Args:
        polygons: in pixels.
        height, width: of the matte.
        holes: what an even number of them goes around is outside instead.
        wound: of holes, that is what as many go around one way as the other.
    """
    matte = np.zeros((height, width), np.float32)
    for together in [polygons] if holes and polygons else [[one] for one in polygons]:
        line, x, step = _edges(together, height, width, odd=holes and not wound)
        for top in range(0, height, BLOCK):
            first, last = np.searchsorted(line, (top * LINES, (top + BLOCK) * LINES))
            if last > first:
                some = slice(first, last)
                left, right = int(x[some].min()), min(int(x[some].max()) + 1, width)
                part = matte[top : top + BLOCK, left:right]
                row = line[some] // LINES - top
                rows = _covered(row, x[some] - left, step[some], part.shape)
                np.maximum(part, rows, out=part)
    return matte


def inside(
    polygons: Sequence[Points],
    height: int,
    width: int,
    *,
    holes: bool = False,
    wound: bool = False,
) -> NDArray[np.bool_]:
    """The pixels whose middle lies inside, as `fill` understands it."""
    shape = (height, width)
    if holes and wound:
        return sum((_windings(one, *shape) for one in polygons), np.zeros(shape, np.int32)) != 0
    found = np.zeros(shape, bool)
    for points in polygons:
        winding = _windings(points, *shape)
        found = found ^ (winding & 1 > 0) if holes else found | (winding != 0)
    return found


def _windings(points: Points, height: int, width: int) -> NDArray[np.int32]:
    """How often a polygon goes around the middle of each pixel."""
    row, x, turn = _crossings(points, height, 1)
    column = np.ceil(np.clip(x - 0.5, 0, width)).astype(np.int64)
    steps = np.zeros((height, width + 1), np.int32)
    np.add.at(steps, (row, column), turn)
    return np.cumsum(steps, axis=1, out=steps)[:, :width]


def _edges(
    polygons: Sequence[Points], height: int, width: int, *, odd: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Where inside begins and ends on each line: its number, x, and 1 or -1."""
    found = [_crossings(points, height * LINES, LINES) for points in polygons]
    line, x, turn = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((x, line))
    line, x, turn = line[order], np.clip(x[order], 0, width), turn[order]
    if odd:
        return line, x, np.where(np.arange(len(line)) % 2, -1.0, 1.0)
    winding = np.cumsum(turn)  # 0 at the end of each line
    return line, x, (winding == turn).astype(np.float64) - (winding == 0)


def _covered(
    row: NDArray[np.int64],
    x: NDArray[np.float64],
    step: NDArray[np.float64],
    shape: tuple[int, ...],
) -> NDArray[np.float64]:
    """How much of each pixel lies inside: the steps of all lines, summed from left to right."""
    height, width = shape
    whole = np.floor(x).astype(np.int64)
    at, within = row * (width + 2) + whole, x - whole
    steps = np.concatenate([step * (1 - within), step * within]) / LINES
    rows = np.bincount(np.concatenate([at, at + 1]), steps, height * (width + 2))
    rows = rows.reshape(height, width + 2)
    return np.cumsum(rows, axis=1, out=rows)[:, :width].clip(0, 1)


def _crossings(
    points: Points, lines: int, each: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Where the edges cross the middle of each line: its number, x, and 1 down or -1 up.

    There are as many lines to a pixel as ``each`` tells.
    """
    a, b = points * (1, each), np.roll(points, -1, axis=0) * (1, each)
    low, high = np.minimum(a[:, 1], b[:, 1]), np.maximum(a[:, 1], b[:, 1])
    first = np.clip(np.ceil(low - 0.5), 0, lines).astype(np.int64)
    last = np.clip(np.ceil(high - 0.5), 0, lines).astype(np.int64)
    count = last - first
    edge = np.repeat(np.arange(len(points)), count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    line = first[edge] + within
    t = (line + 0.5 - a[edge, 1]) / (b[edge, 1] - a[edge, 1])
    turn = np.where(b[edge, 1] > a[edge, 1], 1, -1)
    return line, a[edge, 0] + t * (b[edge, 0] - a[edge, 0]), turn


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
