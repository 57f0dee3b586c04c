# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers with feather as mattes, with the pixels of Blender's compositor; see `feather`.

Between an outline and the end of its feather lie quads; a pixel gets the most that any of them,
or the inside, gives to its middle. Coordinates are 0..1 in both directions, y up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .feather import Spline, outline_of, with_feather
from .loops import without_loops
from .raster import Matte, inside

__all__ = ["FALLOFFS", "soft_fill"]

Points = NDArray[np.float64]
Quads = NDArray[np.float64]  # Q x 4 x 2: two points of the outline, two where the feather ends
Whole = NDArray[np.int64]

_AT_ONCE = 1 << 15  # pixels: other threads of Python wait meanwhile

FALLOFFS = {
    "SMOOTH": lambda v: v * v * (3 - 2 * v),
    "SPHERE": lambda v: np.sqrt(np.maximum(2 * v - v * v, 0)),
    "ROOT": np.sqrt,
    "SHARP": lambda v: v * v,
    "INVERSE_SQUARE": lambda v: v * (2 - v),
    "LINEAR": lambda v: v,
}


def soft_fill(
    splines: Sequence[Spline],
    height: int,
    width: int,
    *,
    holes: bool,
    falloff: str,
    wound: bool = False,
) -> Matte:
    """What a layer covers.

    Args:
        splines: of the layer.
        height, width: of the matte.
        holes: a spline in another one cuts it out; else both count.
        falloff: one of `FALLOFFS`.
        wound: of holes, only a spline that goes around the other way does so.
    """
    polygons, quads = [], []
    for spline in splines:
        line = _in_frame(outline_of(spline), height, width)
        end = _in_frame(with_feather(spline), height, width)
        end = _a_pixel_at_least(line, end, 1 / min(height, width))
        other = 2 * line - end
        if spline.untied:
            end, other = (without_loops(one, cyclic=spline.cyclic) for one in (end, other))
        if spline.filled:
            polygons.append(line * (width, -height) + (0, height))
            quads.append(_from_above(_beside(line, end, closed=True)))
        else:
            quads.extend(_around(line, (end, other), height, width, closed=spline.cyclic))
    matte = inside(polygons, height, width, holes=holes, wound=wound).astype(np.float32)
    _put(matte, np.concatenate(quads) if quads else np.empty((0, 4, 2)))
    return FALLOFFS[falloff](matte)


def _in_frame(points: Points, height: int, width: int) -> Points:
    """From the mask's own places to 0..1 along either side."""
    longer = max(height, width)
    return (points - 0.5) * (longer / width, longer / height) + 0.5


def _a_pixel_at_least(line: Points, end: Points, pixel: float) -> Points:
    """Blender smooths edges by a feather of a pixel, in the direction of the point before."""
    steps = _unit(np.roll(line, 1, axis=0) - line)
    turned = _unit(np.roll(steps, 1, axis=0) + steps)
    aside = np.stack([turned[:, 1], -turned[:, 0]], axis=1) * pixel
    near = ((end - line) ** 2).sum(axis=1) < pixel**2
    return np.where(near[:, None], line + aside, end)


def _beside(line: Points, end: Points, *, closed: bool) -> Quads:
    """The feather on one side."""
    after, after_end = np.roll(line, -1, axis=0), np.roll(end, -1, axis=0)
    quads = np.stack([line, after, after_end, end], axis=1)
    return quads if closed else quads[:-1]


def _turned(quads: Quads) -> Quads:
    """The same from the other end of the outline: they are cut along the other diagonal."""
    return quads[:, [1, 0, 3, 2]]


def _from_above(quads: Quads) -> Quads:
    """Those of what is filled begin at the higher end, or at the right one."""
    (x, y), (next_x, next_y) = quads[:, 0].T, quads[:, 1].T
    later = (y < next_y) | ((y == next_y) & (x < next_x))
    return np.where(later[:, None, None], _turned(quads), quads)


def _around(
    line: Points, ends: tuple[Points, Points], height: int, width: int, *, closed: bool
) -> Iterator[Quads]:
    """The feather of a line, on both sides, and around its ends."""
    end, other = ends
    yield _turned(_beside(line, end, closed=closed))
    yield _beside(line, other, closed=closed)
    if not closed:
        yield _cap(line[0], end[0], height, width, 1)
        yield _cap(line[-1], end[-1], height, width, -1)


def _cap(middle: Points, start: Points, height: int, width: int, turn: int) -> Quads:
    """Half a circle, in pixels, from one side of a line's end to the other."""
    pixels = np.hypot(*(start - middle)) * min(height, width)
    parts = int(np.clip(int(pixels / 2), 8, 64))
    squeeze = np.array([min(height / width, 1), min(width / height, 1)])
    x, y = (start - middle) / squeeze
    angles = turn * np.arange(parts + 1) * (np.pi / parts)
    cos, sin = np.cos(angles), np.sin(angles)
    rim = np.stack([x * cos - y * sin, x * sin + y * cos], axis=1) * squeeze + middle
    ends = np.broadcast_to(middle, (parts, 2))
    return np.stack([ends, ends, rim[:-1], rim[1:]], axis=1)


def _put(matte: Matte, quads: Quads) -> None:
    """Brightens the pixels whose middle lies in a quad."""
    height, width = matte.shape
    flat = matte.reshape(-1)
    for quad, row, column in _pixels(quads * (width, -height) + (0, height), height, width):
        at = np.stack([(column + 0.5) / width, 1 - (row + 0.5) / height], axis=1)
        corners = quads[quad] - at[:, None]
        hit = _hit(corners)
        values = 1 - _depth(corners[hit])
        np.maximum.at(flat, row[hit] * width + column[hit], values.astype(np.float32))


def _pixels(quads: Quads, height: int, width: int) -> Iterator[tuple[Whole, Whole, Whole]]:
    """Quad, row and column of the pixels that quads may have, some at a time."""
    quad, row = _spread(quads[..., 1].min(axis=1), quads[..., 1].max(axis=1), height)
    left, right = _spans(quads[quad], row + 0.5)
    first, last = _between(left, right, width)
    ends = np.cumsum(np.maximum(last - first, 0))
    begin = 0
    while begin < len(quad):
        end = max(begin + 1, int(np.searchsorted(ends, _before(ends, begin) + _AT_ONCE)))
        some = slice(begin, end)
        at, column = _counted(first[some], last[some])
        yield quad[some][at], row[some][at], column
        begin = end


def _before(ends: Whole, begin: int) -> int:
    return int(ends[begin - 1]) if begin else 0


def _spread(low: Points, high: Points, most: int) -> tuple[Whole, Whole]:
    """Which quad, and its rows."""
    return _counted(*_between(low, high, most))


def _between(low: Points, high: Points, most: int) -> tuple[Whole, Whole]:
    """The first pixel with its middle in a span, and the one after the last."""
    first = np.ceil(np.clip(low - 0.5 - 1e-6, 0, most))
    last = np.floor(np.clip(high - 0.5 + 1e-6, -1, most - 1)) + 1
    return first.astype(np.int64), last.astype(np.int64)


def _counted(first: Whole, last: Whole) -> tuple[Whole, Whole]:
    """Each number from first to last, with the index of the pair that it comes from."""
    count = np.maximum(last - first, 0)
    index = np.repeat(np.arange(len(count)), count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return index, first[index] + within


def _spans(quads: Quads, y: Points) -> tuple[Points, Points]:
    """Where a quad begins and ends on a line: by its two triangles, since its sides may cross."""
    a, b = quads[:, [0, 1, 2, 3, 0]], quads[:, [1, 2, 3, 0, 2]]
    rise = b[..., 1] - a[..., 1]
    part = (y[:, None] - a[..., 1]) / np.where(rise == 0, 1, rise)
    x = a[..., 0] + np.clip(part, 0, 1) * (b[..., 0] - a[..., 0])
    crossed = (part > -1e-3) & (part < 1 + 1e-3)
    left = np.where(crossed, x, np.inf).min(axis=1)
    return left, np.where(crossed, x, -np.inf).max(axis=1)


def _hit(corners: Quads) -> NDArray[np.bool_]:
    """Whether the origin lies in one of the two triangles of a quad."""
    a, b, c, d = (corners[:, at] for at in range(4))
    return _in_triangle(a, b, c) | _in_triangle(a, c, d)


def _in_triangle(a: Points, b: Points, c: Points) -> NDArray[np.bool_]:
    sides = np.stack([_cross(a, b), _cross(b, c), _cross(c, a)])
    return (sides >= 0).all(axis=0) | (sides <= 0).all(axis=0)


def _cross(a: Points, b: Points) -> Points:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _depth(corners: Quads) -> Points:
    """How far the origin is from the outline, 0..1: mean value coordinates in a quad."""
    after = np.roll(corners, -1, axis=1)
    lengths = np.hypot(corners[..., 0], corners[..., 1])
    area = corners[..., 0] * after[..., 1] - corners[..., 1] * after[..., 0]
    rest = lengths * np.roll(lengths, -1, axis=1) - (corners * after).sum(axis=2)
    half = np.where(area == 0, 0, np.abs(rest / np.where(area == 0, 1, area)))
    weights = (np.roll(half, 1, axis=1) + half) / np.maximum(lengths, 1e-12)
    total = weights.sum(axis=1)
    depth = weights[:, 2:].sum(axis=1) / np.where(total == 0, 1, total)
    return np.where(total == 0, 0.5, depth)


def _unit(directions: Points) -> Points:
    length = np.hypot(directions[:, 0], directions[:, 1])[:, None]
    return directions / np.where(length == 0, 1, length)
