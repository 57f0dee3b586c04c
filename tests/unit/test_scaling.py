# SPDX-License-Identifier: Apache-2.0
"""Between the size of the plate and that of the network's view."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_server.session.scaling import Scaling

SIDES = st.integers(1, 5000)


@pytest.mark.parametrize(
    ("plate", "size", "model"),
    [
        ((1080, 1920), 480, (480, 853)),
        ((1920, 1080), 480, (853, 480)),
        ((480, 854), 480, (480, 854)),
        ((9, 13), 480, (9, 13)),
        ((2000, 2), 16, (2000, 2)),
        ((1, 1), 480, (1, 1)),
    ],
)
def test_the_short_side_comes_down_and_never_goes_up(
    plate: tuple[int, int], size: int, model: tuple[int, int]
) -> None:
    assert Scaling.to_short_side(plate, size).model == model


@given(SIDES, SIDES, st.integers(16, 2000))
def test_proportions_stay(height: int, width: int, size: int) -> None:
    scaling = Scaling.to_short_side((height, width), size)
    assert min(scaling.model) == min(size, height, width)
    scale = min(scaling.model) / min(height, width)
    assert abs(scaling.model[0] - height * scale) <= 0.5
    assert abs(scaling.model[1] - width * scale) <= 0.5


def test_at_the_same_size_values_are_the_same_but_not_the_memory() -> None:
    scaling = Scaling.to_short_side((20, 30), 480)
    matte = np.random.default_rng(0).random((20, 30), np.float32)
    matte.setflags(write=False)
    assert np.array_equal(scaling.matte_in(matte), matte)
    assert not np.shares_memory(scaling.matte_in(matte), matte)
    assert np.array_equal(scaling.mattes_out(matte[None])[0], matte)
    assert not np.shares_memory(scaling.mattes_out(matte[None]), matte)


def test_a_matte_is_averaged_on_its_way_in() -> None:
    matte = np.zeros((40, 60), np.float32)
    matte[:20, :31] = 1
    small = Scaling.to_short_side((40, 60), 20).matte_in(matte)
    assert small.shape == (20, 30)
    assert small[0, 15] == 0.5  # a pixel that covers two columns, one of them painted
    assert float(small.mean()) == pytest.approx(matte.mean())


def test_mattes_come_out_at_plate_size_within_0_and_1() -> None:
    scaling = Scaling((54, 96), (27, 48))
    planes = np.random.default_rng(0).random((3, 27, 48), np.float32)
    out = scaling.mattes_out(planes)
    assert out.shape == (3, 54, 96)
    assert out.dtype == np.float32
    assert out.min() >= 0
    assert out.max() <= 1


def test_nothing_moves_by_half_a_pixel_on_the_way_in_and_out() -> None:
    scaling = Scaling.to_short_side((96, 160), 32)
    rows, columns = np.mgrid[:96, :160]
    disc = (np.hypot(rows - 50, columns - 70) < 25).astype(np.float32)
    back = scaling.mattes_out(scaling.matte_in(disc)[None])[0]
    for grid in (rows, columns):
        assert (back * grid).sum() / back.sum() == pytest.approx(
            (disc * grid).sum() / disc.sum(), abs=0.05
        )
