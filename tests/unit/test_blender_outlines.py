# SPDX-License-Identifier: Apache-2.0
"""Mattes to outlines and back, within the tolerance; without Blender."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ..addon import addon_part

raster, trace, strands = addon_part("raster"), addon_part("trace"), addon_part("strands")


def soft(matte: np.ndarray, sigma: float = 1.2) -> np.ndarray:
    return cv2.GaussianBlur(matte.astype(np.float32), (0, 0), sigma)


def disc(x: float, y: float, radius: float, size: tuple[int, int] = (90, 120)) -> np.ndarray:
    rows, columns = np.mgrid[: size[0], : size[1]] + 0.5
    return (np.hypot(columns - x, rows - y) < radius).astype(np.float32)


def blobs(seed: int, size: tuple[int, int] = (70, 90)) -> np.ndarray:
    """A soft matte with holes, islands in them, and pieces that the border cuts."""
    noise = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 4)
    return np.clip(0.5 + smooth / smooth.std() * 0.4, 0, 1)


def filled(found: list, size: tuple[int, int]) -> np.ndarray:
    """What a mask with these outlines covers: depths are added and subtracted in turn."""
    matte = np.zeros(size, np.float32)
    for depth in range(1 + max((one.depth for one in found), default=-1)):
        layer = raster.fill([one.points for one in found if one.depth == depth], *size)
        matte = raster.blend(matte, layer, "SUBTRACT" if depth % 2 else "ADD", 1.0)
    return matte


def farthest(points: list[np.ndarray], others: list[np.ndarray]) -> float:
    """How far the edges of polygons get from those of others, looked at every tenth of a pixel."""
    along = np.concatenate([dense(one) for one in points])
    nearest = np.full(len(along), np.inf)
    for other in others:
        for a, b in zip(other, np.roll(other, -1, axis=0), strict=True):
            nearest = np.minimum(nearest, trace._distances(along, a, b))
    return float(nearest.max())


def dense(points: np.ndarray) -> np.ndarray:
    ends = np.roll(points, -1, axis=0)
    return np.concatenate(
        [a + (b - a) * np.arange(0, 1, 0.1 / max(0.1, np.hypot(*(b - a))))[:, None]
         for a, b in zip(points, ends, strict=True)]
    )  # fmt: skip


def test_the_contour_of_a_disc_is_its_circle() -> None:
    rows, columns = np.mgrid[:90, :120] + 0.5
    matte = np.clip(0.5 + (30 - np.hypot(columns - 60, rows - 40)) / 8, 0, 1)
    (loop,) = trace.contours(matte)
    assert np.allclose(np.hypot(*(loop - (60, 40)).T), 30, atol=0.02)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("tolerance", [0.25, 1.0, 3.0])
def test_polygons_stay_within_the_tolerance(seed: int, tolerance: float) -> None:
    matte = blobs(seed)
    found = trace.outlines(matte, tolerance, smallest=0)
    exact = trace.contours(matte)
    assert len(found) == len(exact) > 2
    assert farthest([one.points for one in found], exact) <= tolerance + 1e-6
    assert farthest(exact, [one.points for one in found]) <= tolerance + 1e-6


@pytest.mark.parametrize("seed", range(6))
def test_filled_again_they_are_the_matte(seed: int) -> None:
    """Pixels that are farther than a pixel from the contour are as they were: holes, islands."""
    matte = blobs(seed)
    found = trace.outlines(matte, 0.5, smallest=0)
    assert max(one.depth for one in found) >= 1
    kernel = np.ones((5, 5), np.uint8)
    solid = (matte > 0.5).astype(np.uint8)
    again = filled(found, matte.shape)
    assert again[cv2.erode(solid, kernel, borderValue=0) == 1].min() > 0.99
    assert again[cv2.dilate(solid, kernel) == 0].max(initial=0) < 0.01


def test_fewer_corners_with_more_tolerance() -> None:
    counts = [len(trace.outlines(soft(disc(60, 45, 35)), t)[0].points) for t in (0.1, 0.5, 2.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[1] < 40


def test_a_matte_that_fills_the_picture_has_its_border() -> None:
    (one,) = trace.outlines(np.ones((20, 30), np.float32), 0.1)
    assert filled([one], (20, 30)).min() > 0.8
    assert one.area == pytest.approx(600, abs=1)


def test_depths_of_rings() -> None:
    matte = disc(60, 45, 40) - disc(60, 45, 30) + disc(60, 45, 20) - disc(60, 45, 10)
    found = trace.outlines(matte, 0.5)
    assert [one.depth for one in found] == [0, 1, 2, 3]
    assert abs(filled(found, matte.shape) - matte).mean() < 0.02


def test_nothing_and_specks() -> None:
    assert trace.outlines(np.zeros((9, 9), np.float32), 1) == []
    speck = np.zeros((9, 9), np.float32)
    speck[4, 4] = 1
    assert trace.outlines(speck, 1) == []
    assert len(trace.outlines(speck, 0.1, smallest=0)) == 1


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**25 - 1))
def test_any_hard_matte_comes_back(bits: int) -> None:
    """Every case of a cell, with corners across."""
    small = np.array([bits >> i & 1 for i in range(25)], np.float32).reshape(5, 5)
    matte = np.kron(small, np.ones((6, 6), np.float32))
    again = filled(trace.outlines(matte, 0.01, smallest=0), matte.shape)
    assert abs(again - matte).max() < 0.51  # corners are cut by half a pixel
    assert abs(again - matte).mean() < 0.02


# Through frames


def moving(frames: int = 5) -> dict[int, list]:
    return {
        1001 + i: trace.outlines(soft(disc(30 + 6 * i, 40, 14 + 2 * i)), 0.3) for i in range(frames)
    }


def test_an_outline_keeps_its_corners_and_their_order() -> None:
    frames = moving()
    (strand,) = strands.strands_of(frames)
    shapes = [*strand.shapes(frames)]
    assert {len(shape) for shape in shapes} == {strand.corners}
    for frame, shape in zip(frames, shapes, strict=True):
        own = frames[frame][0].points
        assert farthest([shape], [own]) < 1e-6
        assert farthest([own], [shape]) < 1e-6
    for one, other in itertools.pairwise(shapes):
        assert np.hypot(*(other - one - (6, 0)).T).mean() < 6  # none goes around


def test_an_outline_that_is_not_there_is_nowhere() -> None:
    frames = {**moving(), 1003: []}
    (strand,) = strands.strands_of(frames)
    shapes = dict(zip(frames, strand.shapes(frames), strict=True))
    assert (shapes[1003] == strands.NOWHERE).all()
    assert raster.fill([shapes[1003]], 90, 120).max() == 0
    assert raster.fill([shapes[1004]], 90, 120).max() == 1


def test_two_outlines_are_not_mixed_up() -> None:
    frames = {
        f: trace.outlines(soft(np.maximum(disc(25, 30 + f, 12 + f), disc(90, 40, 16))), 0.3)
        for f in range(6)
    }
    left, right = sorted(strands.strands_of(frames), key=lambda one: one.outlines[0][0, 0])
    for f in frames:
        assert left.outlines[f].max(0)[0] < 60 < right.outlines[f].min(0)[0]
