# SPDX-License-Identifier: Apache-2.0
"""Augmented pieces of painted frames: picture and planes move together."""

from __future__ import annotations

import numpy as np
import pytest

from engine_server.session.crops import Example, draw_crop, nudged


def example(height: int = 60, width: int = 90) -> Example:
    y, x = np.mgrid[:height, :width]
    matte = (np.hypot(x - 30, y - 25) < 14).astype(np.float32)
    picture = np.repeat(np.uint8(40 + 160 * matte)[..., None], 3, 2)
    return Example(7, picture, {1: matte})


@pytest.mark.parametrize("seed", range(8))
def test_planes_move_with_the_picture(seed: int) -> None:
    one = example()
    crop = draw_crop(np.random.default_rng(seed), one, one.mattes[1][None], 48)
    for picture, plane in ((crop.picture, crop.planes[0]), (crop.plain, crop.still[0])):
        assert picture.shape == (48, 48, 3)
        assert picture.dtype == np.uint8
        assert plane.shape == (48, 48)
        assert 0 <= plane.min() <= plane.max() <= 1
        if 20 < (plane > 0.5).sum() < 48 * 48 - 20:
            bright = picture[..., 1] > picture[..., 1].mean()
            assert ((plane > 0.5) == bright).mean() > 0.97


def test_what_was_moved_was_somewhere_near() -> None:
    one = example()
    crop = draw_crop(np.random.default_rng(3), one, one.mattes[1][None], 48)
    assert not np.array_equal(crop.planes, crop.still)
    assert set(np.unique(crop.plain)) <= set(range(40, 201))  # its colours are those painted on


def test_a_frame_without_the_object_gives_crops_too() -> None:
    empty = Example(1, np.zeros((40, 50, 3), np.uint8), {1: np.zeros((40, 50), np.float32)})
    crop = draw_crop(np.random.default_rng(0), empty, empty.mattes[1][None], 32)
    assert not crop.planes.any()


def test_the_generator_decides() -> None:
    one = example()
    a, b = (draw_crop(np.random.default_rng(5), one, one.mattes[1][None], 32) for _ in range(2))
    assert np.array_equal(a.picture, b.picture)
    assert np.array_equal(a.planes, b.planes)


def test_a_nudged_frame_is_much_the_same() -> None:
    one = example()
    moved = nudged(one)
    assert moved.picture.shape == one.picture.shape
    both = np.minimum(moved.mattes[1], one.mattes[1]).sum() / one.mattes[1].sum()
    assert 0.8 < both < 0.995
    bright = moved.picture[..., 0] > 120
    assert (bright == (moved.mattes[1] > 0.5)).mean() > 0.99
