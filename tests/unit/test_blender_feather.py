# SPDX-License-Identifier: Apache-2.0
"""Splines with feather as mattes, without Blender; `tests/hosts` compares them with its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ..addon import addon_part

feather, raster, soft_raster = (addon_part(n) for n in ("feather", "raster", "soft_raster"))
loops = addon_part("loops")

SIDE = 100  # pixels of a square matte: a mask's own places are hundredths of it


def spline(points: list[tuple[float, float]], weight: float = 0.1, **options: Any) -> Any:
    """Straight lines between places in pixels from the top left, all as wide."""
    at = np.array([(x / SIDE, 1 - y / SIDE) for x, y in points])
    usual = {"cyclic": True, "filled": True, "even": True, "ease": False, "steps": 8}
    knots, weights = np.repeat(at[:, None], 3, axis=1), np.full(len(at), weight)
    return feather.Spline(knots, weights, ((),) * len(at), **{**usual, **options})


def square(low: float, high: float, **options: Any) -> Any:
    """Clockwise on the screen: its feather lies outside."""
    corners = [(low, low), (high, low), (high, high), (low, high)]
    return spline(corners, **options)


def matte(*splines: Any, holes: bool = False, falloff: str = "LINEAR") -> np.ndarray:
    return soft_raster.soft_fill(splines, SIDE, SIDE, holes=holes, falloff=falloff)


def test_feather_falls_from_the_outline_to_its_end() -> None:
    found = matte(square(30, 70))
    assert (found[31:69, 31:69] == 1).all()
    middle = found[50]
    assert middle[70:80] == pytest.approx(1 - (np.arange(10) + 0.5) / 10, abs=1e-4)
    assert middle[20:30] == pytest.approx((np.arange(10) + 0.5) / 10, abs=1e-4)
    assert (middle[81:] == 0).all()


@pytest.mark.parametrize("falloff", ["SMOOTH", "SPHERE", "ROOT", "SHARP", "INVERSE_SQUARE"])
def test_every_falloff_goes_from_one_to_nothing(falloff: str) -> None:
    shape = soft_raster.FALLOFFS[falloff]
    values = np.linspace(0, 1, 50, dtype=np.float32)
    assert shape(values)[[0, -1]] == pytest.approx([0, 1])
    assert (np.diff(shape(values)) >= 0).all()
    assert matte(square(30, 70), falloff=falloff)[50, 75] == pytest.approx(shape(0.45), abs=1e-3)


def test_without_width_an_edge_is_a_pixel_soft() -> None:
    found = matte(square(30, 70, weight=0.0))
    assert found[50, 69] == 1
    assert found[50, 70] == pytest.approx(0.5, abs=1e-4)
    assert found[50, 71] == 0


def test_width_changes_along_a_segment() -> None:
    one = square(30, 70)
    wide = replace(one, weights=np.array([0.1, 0.1, 0.2, 0.2]))
    middle, below = matte(wide)[50], matte(wide)[65]
    assert middle[70:85].all()
    assert middle[86] == 0
    assert below[86] > 0
    pulled = replace(one, between=(((0.5, 0.5),), (), (), ()))
    assert (matte(pulled)[20:25, 50] == 0).all()
    assert matte(pulled)[25:30, 50].all()
    assert np.array_equal(matte(pulled)[60:], matte(one)[60:])


def test_a_hole_is_cut_out_or_not() -> None:
    outer, inner = square(20, 80, weight=0.02), square(40, 60, weight=0.02)
    assert matte(outer, inner)[50, 50] == 1
    assert matte(outer, inner, holes=True)[50, 50] == 0
    assert matte(outer, inner, holes=True)[30, 30] == 1


def test_by_winding_only_what_goes_the_other_way_around_is_cut_out() -> None:
    corners = [np.array([(a, a), (b, a), (b, b), (a, b)]) for a, b in ((10.0, 50.0), (20.0, 40.0))]
    for hole, there in ((corners[1], 1), (corners[1][::-1], 0)):
        found = raster.fill([corners[0], hole], 60, 60, holes=True, wound=True)
        assert (found[30, 30], found[15, 30], found[5, 30]) == (there, 1, 0)


@pytest.mark.parametrize(("holes", "wound"), [(False, False), (True, False), (True, True)])
def test_coverage_and_middles_agree_on_what_is_inside(holes: bool, wound: bool) -> None:
    random = np.random.default_rng(3)
    polygons = [random.uniform(0, 60, (5, 2)) for _ in range(3)]
    covered = raster.fill(polygons, 60, 60, holes=holes, wound=wound)
    inside = raster.inside(polygons, 60, 60, holes=holes, wound=wound)
    assert inside[covered > 0.999].all()
    assert not inside[covered < 0.001].any()


def test_a_line_is_soft_on_both_sides_and_round_at_its_ends() -> None:
    found = matte(spline([(30, 50), (70, 50)], filled=False, cyclic=False))
    column = found[:, 50]
    assert column[41:59] == pytest.approx(column[41:59][::-1], abs=1e-4)
    assert column[[48, 51]] == pytest.approx(0.85, abs=1e-4)
    assert found[50, 22:30].all()
    assert (found[50, :20] == 0).all()
    assert found[42, 22] == 0  # a corner that a square end would have


def test_a_line_of_two_ends_on_each_other_is_nothing_to_stumble_over() -> None:
    found = matte(spline([(50, 50), (50, 50)], filled=False, cyclic=False))
    assert np.isfinite(found).all()


def test_more_steps_where_a_segment_is_longer() -> None:
    short, long = square(30, 40), square(10, 90.5)
    assert feather.steps_of(short, (100, 100)) == 4
    assert feather.steps_of(long, (100, 100)) == 20
    assert feather.steps_of(long, (4000, 4000)) == 32
    jumping = replace(short, between=(((0.1, 5.0),), (), (), ()))
    assert feather.steps_of(jumping, (100, 100)) == 32


def test_a_loop_is_drawn_together_where_it_crosses() -> None:
    eight = np.array([(0, 0), (10, 10), (12, 10), (12, 8), (11, 8), (0, 19), (-9, 9)], float)
    found = loops.without_loops(eight, cyclic=True)
    assert found[:1] == pytest.approx(eight[:1])
    assert found[1:5] == pytest.approx(np.full((4, 2), 9.5))
    assert found[5:] == pytest.approx(eight[5:])


@pytest.mark.parametrize("cyclic", [True, False])
def test_what_does_not_cross_stays(cyclic: bool) -> None:
    turn = np.linspace(0, 6, 200)
    round_one = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    for points in (round_one, round_one[:3], round_one * (1, 0)):
        found = loops.without_loops(points, cyclic=cyclic)
        assert found.shape == points.shape
    assert loops.without_loops(round_one, cyclic=cyclic) == pytest.approx(round_one, abs=1e-6)
    assert np.isfinite(loops.without_loops(np.ones((9, 2)), cyclic=cyclic)).all()
