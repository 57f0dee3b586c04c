# SPDX-License-Identifier: Apache-2.0
"""The confidence of a matte: its formula by hand, and what it must not depend on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine_server import FrameResult
from engine_server.session.confidence import ALONE, DISSENT, DOUBT, confidence
from tests.drawn import draw_shot
from tests.unit.sessions import painted_session

PLANES = arrays(np.float32, (4, 5), elements=st.floats(0, 1, width=32))


def matte(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((1, 1, 0), 1.0),
        ((0.8, 0), 0.8),  # one pixel taken at its word
        ((0.9, 0.7, 0.25), 1.6 / (1.6 + 0.1 + 0.3 + 0.25)),
        ((0.9, 0.04, 0.04, 0.04), 0.9),  # surely background: however much, it does not count
        ((0, 0, 0), 1.0),  # surely not in the picture
        ((0.3, 0.2), 0.7),  # empty: the most probable pixel tells
        ((0.5, 0.5), 0.5),
    ],
)
def test_probabilities_at_their_word_by_hand(values: tuple[float, ...], expected: float) -> None:
    assert confidence(matte(*values), doubt=1) == pytest.approx(expected)


def test_doubt_multiplies_what_is_expected_to_differ() -> None:
    assert confidence(matte(0.9, 0.7, 0.25), doubt=3) == pytest.approx(1.6 / (1.6 + 3 * 0.65))
    assert confidence(matte(0.2), doubt=3) == pytest.approx(0.8 / (0.8 + 3 * 0.2))
    assert confidence(matte(0.9)) == pytest.approx(0.9 / (0.9 + ALONE * 0.1))


def test_looks_that_agree_take_nothing_away() -> None:
    seen = matte(0.9, 0.7, 0.25)
    assert confidence(seen, seen) == pytest.approx(1.6 / (1.6 + DOUBT * 0.65))


def test_what_one_look_has_and_the_other_has_not_counts_in_part() -> None:
    large = np.zeros((8, 8), np.float32)
    large[:4, :4] = 1
    small = np.zeros((4, 4), np.float32)
    small[:2, 2:] = 1  # as many pixels, elsewhere: 32 of the large ones are not shared
    assert confidence(large, small) == pytest.approx(16 / (16 + DOUBT * DISSENT * 32))


def test_an_empty_matte_is_doubted_by_the_look_that_is_not() -> None:
    empty, full = np.zeros((8, 8), np.float32), np.full((4, 4), 0.8, np.float32)
    assert confidence(empty, full, doubt=1) == pytest.approx(0.2)
    assert confidence(empty, full * 0, doubt=1) == 1
    assert confidence(empty + np.float32(0.4), full * 0, doubt=1) == pytest.approx(0.6)


def test_it_is_the_expected_overlap_of_large_mattes() -> None:
    rng = np.random.default_rng(1)
    plane = np.clip(rng.normal(0.5, 0.4, (300, 300)), 0.06, 1).astype(np.float32)
    truth = rng.random(plane.shape) < plane  # what the probabilities promise
    cut = plane > 0.5
    measured = np.count_nonzero(cut & truth) / np.count_nonzero(cut | truth)
    assert confidence(plane, doubt=1) == pytest.approx(measured, abs=0.01)


def test_the_size_of_the_object_and_of_the_picture_does_not_matter() -> None:
    small, large = np.zeros((40, 40), np.float32), np.zeros((80, 80), np.float32)
    small[:2, :2], large[:20, :20] = 0.8, 0.8
    assert confidence(small) == pytest.approx(confidence(large))


@given(PLANES)
def test_always_a_plain_number_in_0_to_1(values: np.ndarray) -> None:
    found = confidence(values)
    assert isinstance(found, float)
    assert 0 <= found <= 1


@given(PLANES, st.floats(0.1, 10), st.floats(1.01, 10))
def test_more_doubt_never_gives_more_confidence(
    values: np.ndarray, doubt: float, times: float
) -> None:
    assert confidence(values, doubt=doubt * times) <= confidence(values, doubt=doubt)


@pytest.mark.parametrize("size", [48, 24])
def test_a_session_tells_it_of_what_the_network_saw(tmp_path: Path, size: int) -> None:
    session, shot = painted_session(tmp_path, draw_shot(3, objects=2), objects=(1, 2), size=size)
    results: list[FrameResult] = []
    session.propagate(on_frame=results.append)
    assert shot.size[0] == 48
    assert results[0].confidence == {1: 1, 2: 1}  # painted
    for result in results[1:]:
        for obj, sure in result.confidence.items():
            assert 0 < sure <= confidence(result.mattes[obj], doubt=DOUBT) + 0.1
