# SPDX-License-Identifier: GPL-3.0-or-later
"""Splines of a mask as Blender draws them: the outline, and the one where its feather ends.

This follows Blender 3.4 to 5.0 (`mask_evaluate.cc`, `mask_rasterize.cc`), so that a matte has the
very pixels of the compositor. Coordinates are those of a mask: 0..1 along the longer side.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["Spline", "outline_of", "steps_of", "with_feather"]

Points = NDArray[np.float64]
Numbers = NDArray[np.float64]

_MOST = 128  # segments of a curve before they are made fewer
_AROUND = 0.05  # how far along a curve Blender looks for its direction


@dataclass(frozen=True)
class Spline:
    """A spline at a frame.

    Attributes:
        knots: N x 3 x 2: left handle, point, right handle.
        weights: N, how wide the feather is at each point.
        between: for each point, place along its segment and factor of the feather's own points.
        cyclic: whether the last point is joined to the first.
        filled: whether it is more than a line.
        even: the feather keeps its distance; else its curve is as smooth as the outline.
        ease: width changes softly from point to point.
        untied: loops are taken out of the feather's end.
        steps: parts of each segment.
    """

    knots: Points
    weights: Numbers
    between: tuple[tuple[tuple[float, float], ...], ...]
    cyclic: bool
    filled: bool
    even: bool
    ease: bool
    untied: bool = False
    steps: int = 4

    @property
    def soft(self) -> bool:
        """Whether it has a feather, or is a line."""
        return bool(self.weights.any()) or not self.filled

    def ends(self) -> Points:
        """The points at which the segments end."""
        return np.roll(self.knots, -1, axis=0) if self.cyclic else self.knots[1:]

    def starts(self) -> Points:
        """The points at which they begin."""
        return self.knots if self.cyclic else self.knots[:-1]


def outline_of(spline: Spline) -> Points:
    """Its own line, from point to point: M x 2."""
    return _closed_off(_curves(_corners(spline), _along(spline)), spline.knots[-1, 1], spline)


def with_feather(spline: Spline) -> Points:
    """Where its feather ends, for each point of `outline_of`."""
    return _even(spline) if spline.even else _smooth(spline)


def steps_of(spline: Spline, size: tuple[int, int]) -> int:
    """How many parts Blender makes of each segment, at a height and width in pixels.

    The points are those before tracks moved them.
    """
    left, middle, right = 0, 1, 2
    start, end = (points.astype(np.float32) for points in (spline.starts(), spline.ends()))
    legs = (
        start[:, middle] - start[:, right],
        start[:, right] - end[:, left],
        end[:, left] - end[:, middle],
    )
    length = sum(np.hypot(leg[:, 0], leg[:, 1]) for leg in legs)
    fewest = int(np.clip(int(max(length, default=0.0) * max(size)), 1, _MOST))
    jump = max((_jump(spline, at) for at in range(len(spline.knots))), default=0.0)
    most = _MOST if fewest == _MOST else min(int(fewest + jump / 0.005), _MOST)
    return max(fewest // 4, most // 4, 4)


def _jump(spline: Spline, at: int) -> float:
    """How fast the factors of the feather's points change after a point of the spline."""
    places = [(0.0, float(spline.weights[at])), *spline.between[at]]
    pairs = pairwise(places)
    rates = [abs((b[1] - a[1]) / (b[0] - a[0])) for a, b in pairs if b[0] - a[0] > 1.2e-7]
    return max(rates, default=0.0)


def _along(spline: Spline) -> Numbers:
    return np.arange(spline.steps) / spline.steps


def _corners(spline: Spline) -> Points:
    """S x 4 x 2: what each segment is made of."""
    start, end = spline.starts(), spline.ends()
    return np.stack([start[:, 1], start[:, 2], end[:, 0], end[:, 1]], axis=1)


def _curves(corners: Points, t: Numbers) -> Points:
    """S x T x 2: points of cubic segments; T of them for all, or S x T for each."""
    t = np.broadcast_to(t, (len(corners), t.shape[-1]))
    weights = np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    return np.einsum("kst,skd->std", weights, corners)


def _closed_off(curves: Points, last: Points, spline: Spline) -> Points:
    """The segments behind each other; one that is open has its last point as well."""
    points = curves.reshape(-1, 2)
    return points if spline.cyclic else np.concatenate([points, last[None]])


def _even(spline: Spline) -> Points:
    t = _along(spline) if spline.cyclic else np.append(_along(spline), 1.0)
    corners = _corners(spline)
    at = _curves(corners, t)
    points = at + _normals(spline, corners, at, t) * _widths(spline, t)[..., None]
    if spline.cyclic:
        return points.reshape(-1, 2)
    return np.concatenate([points[:, :-1].reshape(-1, 2), points[-1, -1:]])


def _normals(spline: Spline, corners: Points, at: Points, t: Numbers) -> Points:
    """Across the curve, by the points a little before and behind."""
    before = _curves(corners, np.maximum(t - _AROUND, 0))
    behind = _curves(corners, np.minimum(t + _AROUND, 1))
    wrapped_before = np.roll(_curves(corners, np.minimum(1 + t - _AROUND, 1)), 1, axis=0)
    wrapped_behind = np.roll(_curves(corners, np.maximum(t + _AROUND - 1, 0)), -1, axis=0)
    if not spline.cyclic:
        wrapped_behind[-1] = spline.knots[-1, 1]
    first, last = t - _AROUND < 0, t + _AROUND > 1
    before[:, first], behind[:, last] = wrapped_before[:, first], wrapped_behind[:, last]
    back = _unit(at - before)
    if not spline.cyclic:  # there is nothing before its first point
        back[0, first] = 0
        at = at.copy()
        at[0, first] = spline.knots[0, 1]
    return _across(back + _unit(behind - at))


def _widths(spline: Spline, t: Numbers) -> Numbers:
    """S x T: how wide the feather is."""
    ends, count = np.roll(spline.weights, -1), len(spline.starts())
    segments = [*zip(spline.weights, ends, spline.between, strict=True)][:count]
    return np.stack([_width(spline, a, b, between, t) for a, b, between in segments])


def _width(
    spline: Spline, a: float, b: float, between: tuple[tuple[float, float], ...], t: Numbers
) -> Numbers:
    """Along a segment: factors of the points on it times what lies between its own ends."""
    places = np.array([(0.0, 1.0), *between, (1.0, 1.0)])
    after = np.clip(np.searchsorted(places[:, 0], t), 1, len(places) - 1)
    (u, factor), (next_u, next_factor) = places[after - 1].T, places[after].T
    width, next_width = factor * (a + (b - a) * u), next_factor * (a + (b - a) * next_u)
    part = (t - u) / np.maximum(next_u - u, 1e-12)
    part = part**2 * (3 - 2 * part) if spline.ease else part
    found = width + (next_width - width) * part
    return np.where(t <= 0, a, np.where(t >= 1, b, found))


def _smooth(spline: Spline) -> Points:
    corners, weights = _corners(spline), spline.weights
    aside = _across(_unit(spline.knots[:, 1] - spline.knots[:, 0])) * weights[:, None]
    start, end = (aside, np.roll(aside, -1, axis=0)) if spline.cyclic else (aside[:-1], aside[1:])
    moved = corners + np.stack([start, start, end, end], axis=1)
    scale = _length(moved[:, 3] - moved[:, 0]) / _not_zero(_length(corners[:, 3] - corners[:, 0]))
    moved[:, 1] = moved[:, 0] + (moved[:, 1] - moved[:, 0]) * scale[:, None]
    moved[:, 2] = moved[:, 3] + (moved[:, 2] - moved[:, 3]) * scale[:, None]
    curves = _curves(moved, _along(spline))
    return _closed_off(_scaled(spline, curves, corners), moved[-1, 3], spline)


def _scaled(spline: Spline, curves: Points, corners: Points) -> Points:
    """The feather's own points pull it nearer, or push it away."""
    if not any(spline.between):
        return curves
    t = _along(spline)
    own = np.array([bool(one) for one in spline.between])[: len(corners), None, None]
    ends = np.roll(spline.weights, -1)[: len(corners)]
    plain = spline.weights[: len(corners), None] * (1 - t) + ends[:, None] * t
    factor = _widths(spline, t) / np.where(plain == 0, 1, plain)
    at = _curves(corners, t)
    return np.where(own, at + (curves - at) * factor[..., None], curves)


def _across(directions: Points) -> Points:
    return _unit(np.stack([-directions[..., 1], directions[..., 0]], axis=-1))


def _unit(directions: Points) -> Points:
    return directions / _not_zero(_length(directions))[..., None]


def _length(directions: Points) -> Numbers:
    return np.hypot(directions[..., 0], directions[..., 1])


def _not_zero(numbers: Numbers) -> Numbers:
    return np.where(numbers == 0, 1, numbers)
