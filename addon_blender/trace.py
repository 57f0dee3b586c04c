# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes to outlines: where a matte is one half, and polygons that stay close to that.

Everything here counts pixels from the top left; a pixel's middle is at (0.5, 0.5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .raster import Matte, Points

__all__ = ["Outline", "contours", "outlines", "simplified"]

# By the corners of a cell that are inside (top left 1, top right 2, bottom right 4, bottom left
# 8), where its contour comes in and goes out, with inside on its left. Two corners across: apart.
_TOP, _RIGHT, _BOTTOM, _LEFT = range(4)
_WAYS = {
    1: [(_LEFT, _TOP)],
    2: [(_TOP, _RIGHT)],
    3: [(_LEFT, _RIGHT)],
    4: [(_RIGHT, _BOTTOM)],
    5: [(_LEFT, _TOP), (_RIGHT, _BOTTOM)],
    6: [(_TOP, _BOTTOM)],
    7: [(_LEFT, _BOTTOM)],
    8: [(_BOTTOM, _LEFT)],
    9: [(_BOTTOM, _TOP)],
    10: [(_TOP, _RIGHT), (_BOTTOM, _LEFT)],
    11: [(_BOTTOM, _RIGHT)],
    12: [(_RIGHT, _LEFT)],
    13: [(_RIGHT, _TOP)],
    14: [(_TOP, _LEFT)],
}


@dataclass(frozen=True)
class Outline:
    """A closed polygon.

    Attributes:
        points: its corners.
        depth: how many others it lies in: 0 encloses the object, 1 a hole in it, 2 an island.
    """

    points: Points
    depth: int

    @property
    def area(self) -> float:
        """In square pixels."""
        return abs(_area(self.points))


def outlines(matte: Matte, tolerance: float, smallest: float = 4.0) -> list[Outline]:
    """What a matte covers by more than one half, as polygons, the largest first.

    Args:
        matte: H x W, 0..1.
        tolerance: pixels that a polygon may be away from the contour, and the contour from it.
        smallest: square pixels; smaller specks and holes are left out.
    """
    found = [loop for loop in contours(matte) if abs(_area(loop)) >= smallest]
    found.sort(key=lambda loop: -abs(_area(loop)))
    return [
        Outline(simplified(loop, tolerance), sum(_is_in(loop[0], other) for other in found[:rank]))
        for rank, loop in enumerate(found)
    ]


def contours(matte: Matte) -> list[Points]:
    """Where a matte is one half, between pixels' middles linearly; outside of it is nothing."""
    padded = np.pad(matte, 1).astype(np.float64)
    start, end = _segments(padded)
    order = np.argsort(start)
    places = _places(padded, start[order])
    after = np.searchsorted(start[order], end[order])
    return [places[loop] for loop in _loops(after)]


def simplified(loop: Points, tolerance: float) -> Points:
    """Fewer corners of a closed polygon; neither is farther from the other than the tolerance.

    Douglas and Peucker's way: an edge is split where the contour is farthest from it.
    """
    far = int(np.argmax(((loop - loop[0]) ** 2).sum(axis=1)))
    closed = np.concatenate([loop, loop[:1]])
    kept, waiting = {0, far}, [(0, far), (far, len(loop))]
    while waiting:
        first, last = waiting.pop()
        if last - first < 2:
            continue
        away = _distances(closed[first + 1 : last], closed[first], closed[last])
        at = int(np.argmax(away))
        if away[at] > tolerance:
            middle = first + 1 + at
            kept.add(middle)
            waiting += [(first, middle), (middle, last)]
    return loop[sorted(kept)]


def _segments(padded: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each piece of contour in a cell, the grid edges where it begins and ends."""
    inside = (padded > 0.5).astype(np.int64)
    corners = inside[:-1, :-1], inside[:-1, 1:], inside[1:, 1:], inside[1:, :-1]
    case = sum(corner << bit for bit, corner in enumerate(corners))
    rows, columns = np.nonzero((case > 0) & (case < 15))
    case = _joined(case[rows, columns], padded, rows, columns)
    pairs = [
        [_edge(side, rows[case == number], columns[case == number], padded.shape) for side in way]
        for number, ways in _JOINED.items()
        for way in ways
    ]
    start, end = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return start, end


# Two corners across that are joined through the middle of their cell.
_JOINED = {**_WAYS, 16 + 5: [*_WAYS[13], *_WAYS[7]], 16 + 10: [*_WAYS[14], *_WAYS[11]]}


def _joined(
    case: NDArray[np.int64],
    padded: NDArray[np.float64],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
) -> NDArray[np.int64]:
    middle = sum(padded[rows + y, columns + x] for y in (0, 1) for x in (0, 1)) / 4
    return np.where(((case == 5) | (case == 10)) & (middle > 0.5), case + 16, case)


def _edge(
    side: int, rows: NDArray[np.int64], columns: NDArray[np.int64], shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Numbers of edges of the grid: those along rows are even, those along columns odd."""
    row, column = rows + (side == _BOTTOM), columns + (side == _RIGHT)
    return 2 * (row * shape[1] + column) + (side in (_LEFT, _RIGHT))


def _places(padded: NDArray[np.float64], edges: NDArray[np.int64]) -> Points:
    """Where on these edges the matte is one half."""
    down = edges % 2
    row, column = np.divmod(edges // 2, padded.shape[1])
    one, other = padded[row, column], padded[row + down, column + 1 - down]
    part = (0.5 - one) / (other - one)
    return np.stack([column + (1 - down) * part, row + down * part], axis=1) - 0.5


def _loops(after: NDArray[np.int64]) -> Iterator[list[int]]:
    """The rings that a permutation goes in."""
    following, seen = after.tolist(), [False] * len(after)
    for first in range(len(following)):
        ring, at = [], first
        while not seen[at]:
            seen[at] = True
            ring.append(at)
            at = following[at]
        if ring:
            yield ring


def _distances(points: Points, one: Points, other: Points) -> NDArray[np.float64]:
    """Of points from a line between two."""
    along = other - one
    length = float(along @ along)
    part = np.clip((points - one) @ along / length, 0, 1) if length else np.zeros(len(points))
    return np.hypot(*(points - one - part[:, None] * along).T)


def _area(points: Points) -> float:
    x, y = points.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _is_in(point: Points, polygon: Points) -> bool:
    """Whether a line from the point to the right crosses the polygon an odd number of times."""
    a, b = polygon, np.roll(polygon, -1, axis=0)
    spans = (a[:, 1] > point[1]) != (b[:, 1] > point[1])
    a, b = a[spans], b[spans]
    x = a[:, 0] + (point[1] - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    return bool((x > point[0]).sum() % 2)
