# SPDX-License-Identifier: GPL-3.0-or-later
"""A matte that is painted on: strokes of a soft brush, and a way back from each.

A stroke covers each pixel once, however often the brush passes; only what a movement touches is
computed. Pixels are counted from the top left; a pixel's middle is at (0.5, 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Canvas", "Rect", "Tip", "joined"]

Matte = NDArray[np.uint16]  # H x W, 0..65535, rows from the top
Rect = tuple[int, int, int, int]  # left, top, right, bottom; the last two outside

FULL = 65535
_MOST_STROKES = 64  # that can be taken back


@dataclass(frozen=True)
class Tip:
    """The brush at a moment.

    Attributes:
        radius: pixels of the matte.
        strength: 0..1, how much of the matte a stroke replaces.
        hardness: 0..1, the part of the radius that is covered in full.
        erase: whether it takes away.
    """

    radius: float
    strength: float = 1.0
    hardness: float = 0.8
    erase: bool = False


class Canvas:
    """A matte and the strokes on it.

    Args:
        matte: what is there already; it is copied.
    """

    def __init__(self, matte: Matte) -> None:
        self.matte = matte.copy()
        self._before: Matte | None = None
        self._cover = np.zeros((0, 0), np.float32)
        self._last: tuple[float, float, Tip] | None = None
        self._touched: Rect | None = None
        self._undo: list[tuple[Rect, Matte]] = []
        self._redo: list[tuple[Rect, Matte]] = []

    @property
    def stroking(self) -> bool:
        """Whether a stroke has begun."""
        return self._before is not None

    @property
    def untouched(self) -> bool:
        """Whether there is no stroke to take back."""
        return not self._undo

    def press(self) -> None:
        """Begins a stroke."""
        self._before = self.matte.copy()
        self._cover = np.zeros(self.matte.shape, np.float32)
        self._last = self._touched = None

    def move(self, x: float, y: float, tip: Tip) -> Rect | None:
        """Goes on with a stroke to a place; the rectangle that changed."""
        x0, y0, old = self._last or (x, y, tip)
        self._last = x, y, tip
        steps = max(1, int(np.hypot(x - x0, y - y0) / max(2 * tip.radius, 16)) + 1)
        changed: Rect | None = None
        for step in range(steps):
            start, end = (_between((x0, y0, old), (x, y, tip), s / steps) for s in (step, step + 1))
            changed = joined(changed, self._segment(start, end))
        self._touched = joined(self._touched, changed)
        return changed

    def release(self) -> bool:
        """Ends a stroke; whether anything changed."""
        before, rect = self._before, self._touched
        self._before = self._last = None
        if before is None or rect is None:
            return False
        self._undo = [*self._undo[1 - _MOST_STROKES :], (rect, _part(before, rect).copy())]
        self._redo.clear()
        return True

    def undo(self) -> Rect | None:
        """Takes the last stroke back; the rectangle that changed, None if there is none."""
        return self._swap(self._undo, self._redo)

    def redo(self) -> Rect | None:
        """Does a stroke again that was taken back."""
        return self._swap(self._redo, self._undo)

    def _swap(self, source: list[tuple[Rect, Matte]], to: list[tuple[Rect, Matte]]) -> Rect | None:
        if not source or self.stroking:
            return None
        rect, pixels = source.pop()
        to.append((rect, _part(self.matte, rect).copy()))
        _part(self.matte, rect)[:] = pixels
        return rect

    def _segment(self, start: tuple[float, float, Tip], end: tuple[float, float, Tip]) -> Rect:
        """Covers what lies along a short straight movement."""
        rect = _around(start, end, self.matte.shape)
        if self._before is None or rect[0] >= rect[2] or rect[1] >= rect[3]:
            return rect
        cover = _part(self._cover, rect)
        np.maximum(cover, _covered(start, end, rect), out=cover)
        before = _part(self._before, rect).astype(np.float32)
        wanted = np.float32(0 if end[2].erase else FULL)
        _part(self.matte, rect)[:] = np.rint(before + cover * (wanted - before)).astype(np.uint16)
        return rect


def joined(one: Rect | None, other: Rect | None) -> Rect | None:
    """The rectangle around both."""
    if one is None or other is None:
        return one or other
    low = min(one[0], other[0]), min(one[1], other[1])
    return (*low, max(one[2], other[2]), max(one[3], other[3]))


def _part(matte: NDArray[np.generic], rect: Rect) -> NDArray[np.generic]:
    left, top, right, bottom = rect
    return matte[top:bottom, left:right]


def _between(
    a: tuple[float, float, Tip], b: tuple[float, float, Tip], t: float
) -> tuple[float, float, Tip]:
    radius = a[2].radius + (b[2].radius - a[2].radius) * t
    strength = a[2].strength + (b[2].strength - a[2].strength) * t
    tip = Tip(radius, strength, b[2].hardness, b[2].erase)
    return a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, tip


def _around(
    a: tuple[float, float, Tip], b: tuple[float, float, Tip], shape: tuple[int, ...]
) -> Rect:
    """Whole pixels around both places, inside the matte."""
    reach = max(a[2].radius, b[2].radius) + 1
    height, width = shape
    x, y = sorted((a[0], b[0])), sorted((a[1], b[1]))
    left, right = (int(np.clip(v, 0, width)) for v in (x[0] - reach, x[1] + reach + 1))
    top, bottom = (int(np.clip(v, 0, height)) for v in (y[0] - reach, y[1] + reach + 1))
    return left, top, right, bottom


def _covered(
    a: tuple[float, float, Tip], b: tuple[float, float, Tip], rect: Rect
) -> NDArray[np.float32]:
    """0..1 for each pixel of a rectangle: how much the movement from a to b covers it."""
    left, top, right, bottom = rect
    x = np.arange(left, right, dtype=np.float32)[None, :] + np.float32(0.5 - a[0])
    y = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5 - a[1])
    dx, dy = b[0] - a[0], b[1] - a[1]
    along = np.float32(1 / max(dx * dx + dy * dy, 1e-9))
    t = np.clip((x * np.float32(dx) + y * np.float32(dy)) * along, 0, 1)
    distance = np.hypot(x - t * np.float32(dx), y - t * np.float32(dy))
    radius, strength = _mixed(a[2].radius, b[2].radius, t), _mixed(a[2].strength, b[2].strength, t)
    soft = np.maximum(radius * np.float32(1 - b[2].hardness), 1)
    edge = np.clip((radius + np.float32(0.5) - distance) / soft, 0, 1)
    return edge * edge * (3 - 2 * edge) * strength


def _mixed(a: float, b: float, t: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.float32(a) + np.float32(b - a) * t
