# SPDX-License-Identifier: Apache-2.0
"""The confidence of a matte."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine_server.session.confidence import confidence


def matte(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0, 0, 0), 1.0),  # surely not in the picture
        ((1, 1, 0), 1.0),
        ((0.5, 0.5), 0.0),
        ((0.75, 0.25, 0), 0.5),
        ((0.9, 0.5, 0.04, 0.04), 0.4),  # what is surely background does not count
    ],
)
def test_certainty_where_the_object_may_be(values: tuple[float, ...], expected: float) -> None:
    assert confidence(matte(*values)) == pytest.approx(expected)


def test_the_size_of_the_object_does_not_matter() -> None:
    small, large = np.zeros((40, 40), np.float32), np.zeros((40, 40), np.float32)
    small[:2, :2], large[:20, :20] = 0.8, 0.8
    assert confidence(small) == pytest.approx(confidence(large))


@given(arrays(np.float32, (4, 5), elements=st.floats(0, 1, width=32)))
def test_always_a_plain_number_in_0_to_1(values: np.ndarray) -> None:
    found = confidence(values)
    assert isinstance(found, float)
    assert 0 <= found <= 1
