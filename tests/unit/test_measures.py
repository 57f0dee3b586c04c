# SPDX-License-Identifier: Apache-2.0
"""J, F and the matte errors against numbers worked out by hand and by brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine_server.evaluation.measures import (
    boundary_map,
    boundary_measure,
    matte_dtssd,
    matte_mse,
    matte_sad,
    region_measure,
)
from shared.errors import UsageError

SIZES = st.tuples(st.integers(1, 14), st.integers(1, 14))
PAIRS = SIZES.flatmap(lambda size: st.tuples(arrays(bool, size), arrays(bool, size)))


def square(top: int, left: int, side: int = 20, size: tuple[int, int] = (120, 160)) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def slow_boundary(mask: np.ndarray) -> np.ndarray:
    """The published rule, pixel by pixel: last row and column are special, the corner is never."""
    height, width = mask.shape
    edge = np.zeros_like(mask)
    for y in range(height):
        for x in range(width):
            east = x + 1 < width and mask[y, x] != mask[y, x + 1]
            south = y + 1 < height and mask[y, x] != mask[y + 1, x]
            inside = y + 1 < height and x + 1 < width
            edge[y, x] = east or south or (inside and mask[y, x] != mask[y + 1, x + 1])
    return edge


def slow_boundary_measure(a: np.ndarray, b: np.ndarray, radius: int) -> float:
    """Every boundary pixel is dilated by a disc, one after the other."""
    edges = [np.argwhere(slow_boundary(mask)) for mask in (a, b)]
    if not len(edges[0]) or not len(edges[1]):
        return float(len(edges[0]) == len(edges[1]))
    near = [
        sum(any(math.dist(p, q) <= radius for q in other) for p in edge) / len(edge)
        for edge, other in (edges, edges[::-1])
    ]
    return 2 * near[0] * near[1] / sum(near) if sum(near) else 0.0


@pytest.mark.parametrize("shift", [0, 1, 7, 19, 20, 40])
def test_j_of_a_shifted_square_is_exact(shift: int) -> None:
    overlap = max(20 - shift, 0)
    expected = overlap / (40 - overlap)
    assert region_measure(square(30, 30), square(30, 30 + shift)) == pytest.approx(expected)


def test_j_of_empty_masks() -> None:
    empty = np.zeros((5, 6))
    assert region_measure(empty, empty) == 1
    assert region_measure(empty, empty + 1) == 0
    assert region_measure(empty + 1, empty) == 0


def test_f_forgives_what_is_within_the_tolerance() -> None:
    # the diagonal of 120 x 160 is 200, 0.8 % of it 1.6, rounded up 2 pixels
    assert boundary_measure(square(30, 30), square(30, 32)) == 1
    assert boundary_measure(square(30, 30), square(30, 33)) < 1


def test_f_of_a_square_shifted_by_three_pixels() -> None:
    # The boundary is a ring of 21 x 21 pixels, one wide: 80 of them. At a tolerance of 2 its left
    # column is out of reach (21 pixels), and its right column (15) but for 2 pixels next to each
    # end, which are near the top and bottom of the other ring. 44 of 80 are left, either way.
    assert boundary_measure(square(30, 30), square(30, 33)) == pytest.approx(44 / 80)
    assert boundary_measure(square(10, 10), square(90, 90)) == 0


def test_f_of_two_lines_by_hand() -> None:
    # Half planes: the boundary of each is one column of 60 pixels; 3 columns apart at a
    # diagonal of 100 (tolerance 1) nothing matches, 1 column apart all does.
    planes = [np.arange(80)[None].repeat(60, 0) >= start for start in (40, 41, 43)]
    assert np.count_nonzero(boundary_map(planes[0])) == 60
    assert boundary_measure(planes[0], planes[1]) == 1
    assert boundary_measure(planes[0], planes[2]) == 0


def test_f_by_hand_where_precision_and_recall_differ() -> None:
    # One square is right, a second one far away is not there: recall 1, precision one half.
    truth = square(10, 10)
    assert boundary_measure(truth | square(80, 100), truth) == pytest.approx(2 * 0.5 / 1.5)


def test_f_of_empty_and_of_full_masks() -> None:
    empty = np.zeros((40, 40), bool)
    assert boundary_measure(empty, empty) == 1
    assert boundary_measure(empty, ~empty) == 1  # neither has a boundary inside the image
    assert boundary_measure(empty, square(5, 5, size=(40, 40))) == 0


def test_tolerance_counts_from_the_diagonal() -> None:
    a, b = square(30, 30), square(30, 40)
    assert boundary_measure(a, b, tolerance=0.045) < 1  # 9 pixels of 200
    assert boundary_measure(a, b, tolerance=0.0451) == 1  # 9.02, rounded up


@given(arrays(bool, SIZES))
def test_boundary_is_that_of_the_rule(mask: np.ndarray) -> None:
    assert np.array_equal(boundary_map(mask), slow_boundary(mask))


@given(PAIRS, st.sampled_from([0.008, 0.1, 0.2, 0.35]))
def test_f_is_that_of_the_definition(pair: tuple[np.ndarray, np.ndarray], share: float) -> None:
    radius = math.ceil(share * math.hypot(*pair[0].shape))
    expected = slow_boundary_measure(*pair, radius)
    assert boundary_measure(*pair, tolerance=share) == pytest.approx(expected)


@given(PAIRS)
def test_measures_are_symmetric_bounded_and_one_for_the_same(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    a, b = pair
    for measure in (region_measure, boundary_measure):
        assert 0 <= measure(a, b) <= 1
        assert measure(a, b) == pytest.approx(measure(b, a))
        assert measure(a, a) == 1


def test_matte_errors_by_hand() -> None:
    truth = np.zeros((50, 40), np.float32)
    truth[:10] = 1  # 400 pixels
    prediction = truth * 0.5
    assert matte_sad(prediction, truth) == pytest.approx(0.2)  # 400 x 0.5, in thousands
    assert matte_mse(prediction, truth) == pytest.approx(400 * 0.25 / 2000)
    assert matte_sad(truth, truth) == matte_mse(truth, truth) == 0


@pytest.mark.parametrize("measure", [region_measure, boundary_measure, matte_sad, matte_mse])
def test_sizes_must_be_the_same(measure: object) -> None:
    with pytest.raises(UsageError, match=r"\(4, 5\) and \(5, 4\)"):
        measure(np.zeros((4, 5)), np.zeros((5, 4)))  # type: ignore[operator]


def test_flicker_by_hand() -> None:
    still = np.zeros((50, 40))
    jump = still.copy()
    jump[:20, :20] = 0.5  # 400 of 2000 pixels change by one half
    expected = 100 * math.sqrt(400 * 0.25 / 2000)
    assert matte_dtssd((still, jump), (still, still)) == pytest.approx(expected)
    assert matte_dtssd((still, still), (still, jump)) == pytest.approx(expected)
    assert matte_dtssd((still, jump), (still, jump)) == 0
    assert matte_dtssd((jump, jump), (still, still)) == 0  # wrong, but steadily so
    with pytest.raises(UsageError, match="one size"):
        matte_dtssd((still, jump), (still.T, jump.T))
    with pytest.raises(UsageError, match="one size"):
        matte_dtssd((still, still.T), (still, still.T))


@given(st.integers(0, 1000))
def test_flicker_counts_change_against_change(seed: int) -> None:
    a, b, c, d = np.random.default_rng(seed).random((4, 3, 4))
    expected = 100 * math.sqrt(sum((b - a - d + c).ravel() ** 2) / 12)
    assert matte_dtssd((a, b), (c, d)) == pytest.approx(expected)
