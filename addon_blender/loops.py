# SPDX-License-Identifier: GPL-3.0-or-later
"""Loops of a feather's end taken out of it: what *Self Intersection Check* of a spline does.

Blender looks for crossings among edges that share a cell of a grid, in order, and draws each loop
together where it crosses (`mask_evaluate.cc`). It changes the points as it goes, so that nothing
here can be done at once.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

__all__ = ["without_loops"]

Points = NDArray[np.float64]
Point = tuple[float, float]
Cell = tuple[int, int]
Edges = dict[Cell, list[tuple[int, int]]]

_MOST = 512  # cells along a side
_FEWEST = 4  # points that can cross
_THIN = 1.2e-7


def without_loops(points: Points, *, cyclic: bool) -> Points:
    """Each loop becomes the point where it crosses.

    Args:
        points: N x 2, where the feather ends.
        cyclic: whether the last is joined to the first.
    """
    if len(points) < _FEWEST:
        return points
    at: list[Point] = [*map(tuple, points.astype(np.float32).tolist())]
    grid = _Grid(points, cyclic=cyclic)
    edges: Edges = defaultdict(list)
    count = len(at)
    for start in range(count if cyclic else count - 1):
        end = (start + 1) % count
        for cell in grid.cells(at[start], at[end], twice=True):
            edges[cell].append((start, end))
    for start in range(count):
        end = (start + 1) % count
        for cell in grid.cells(at[start], at[end], twice=False):
            _draw_together(at, edges[cell], start, end)
    return np.array(at)


class _Grid:
    """Cells as large as the longest edge, or larger."""

    def __init__(self, points: Points, *, cyclic: bool) -> None:
        low, high = points.min(axis=0), points.max(axis=0)
        thin = (high - low < _THIN) * 0.01
        self._low, span = low - thin, high - low + 2 * thin
        steps = abs(np.diff(points, axis=0, append=points[:1] if cyclic else points[-1:]))
        longest = float((steps.max(axis=0) / span).max())
        self._side = max(min(_MOST, int(0.9 / longest)), 1) if longest else _MOST
        self._scale = self._side / span

    def cells(self, start: Point, end: Point, *, twice: bool) -> list[Cell]:
        """Those at the ends of an edge, and the corners between; one of these twice for another."""
        (x, y), (end_x, end_y) = self._cell(start), self._cell(end)
        if (x, y) == (end_x, end_y):
            return [(x, y)]
        corner = (end_x, y) if twice else (x, end_y)
        return [(x, y), (end_x, end_y), (end_x, y), corner]

    def _cell(self, point: Point) -> Cell:
        x, y = ((at - low) * by for at, low, by in zip(point, self._low, self._scale, strict=True))
        return min(int(x), self._side - 1), min(int(y), self._side - 1)


def _draw_together(at: list[Point], edges: list[tuple[int, int]], start: int, end: int) -> None:
    """Loops that an edge makes with those before it."""
    for first, second in edges:
        if first >= start - 1 or end == first:
            continue
        crossing = _crossing(at[start], at[end], at[first], at[second])
        if crossing is None:
            continue
        if _is_smaller(at[second : start + 1], at[:second] + at[start + 1 :]):
            at[second : start + 1] = [crossing] * (start + 1 - second)
        else:
            at[: first + 1] = [crossing] * (first + 1)
            if end:
                at[end:] = [crossing] * (len(at) - end)


def _crossing(a: Point, b: Point, c: Point, d: Point) -> Point | None:
    """Where two edges cross, or touch."""
    along, other = (b[0] - a[0], b[1] - a[1]), (d[0] - c[0], d[1] - c[1])
    between = a[0] - c[0], a[1] - c[1]
    turn = along[0] * other[1] - along[1] * other[0]
    if turn == 0:
        return None
    part = (between[1] * other[0] - between[0] * other[1]) / turn
    other_part = (between[1] * along[0] - between[0] * along[1]) / turn
    if not (0 <= part <= 1 and 0 <= other_part <= 1):
        return None
    return a[0] + part * along[0], a[1] + part * along[1]


def _is_smaller(loop: list[Point], rest: list[Point]) -> bool:
    """Narrower, or lower."""
    (width, height), (rest_width, rest_height) = _extent(loop), _extent(rest)
    return width < rest_width or height < rest_height


def _extent(points: list[Point]) -> Point:
    if not points:
        return -np.inf, -np.inf
    x, y = zip(*points, strict=True)
    return max(x) - min(x), max(y) - min(y)
