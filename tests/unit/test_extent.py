# SPDX-License-Identifier: Apache-2.0
"""How large and thick painted objects are, told from their mattes."""

from __future__ import annotations

import numpy as np
import pytest

from engine_server.session.extent import Extent, edge_length
from engine_server.session.references import Matte


def block(height: int, width: int) -> Matte:
    """Of a frame of 100 x 200, away from its border."""
    matte = np.zeros((100, 200), np.float32)
    matte[10 : 10 + height, 10 : 10 + width] = 1
    return matte


def test_nothing_painted_asks_for_nothing() -> None:
    assert Extent.of({}) == Extent.of({1: {1: block(0, 0)}}) == Extent(1, 1)


def test_the_smallest_is_the_object_that_is_smallest_on_half_of_its_frames() -> None:
    square = {side: block(side, side) for side in (5, 10, 30, 40)}
    frames = {1: {1: square[10]}, 2: {1: square[30]}, 3: {1: square[40]}}
    assert Extent.of(frames).smallest == pytest.approx(0.3)
    both = {1: {1: square[10], 2: square[5]}, 2: {2: block(0, 0)}}
    assert Extent.of(both).smallest == pytest.approx(0.05)


def test_a_rope_is_thin_however_long_it_is() -> None:
    assert Extent.of({1: {1: block(2, 150)}}).thinnest == pytest.approx(2 * 300 / 300 / 100)
    assert Extent.of({1: {1: block(40, 40)}}).thinnest == pytest.approx(2 * 1600 / 156 / 100)
    both = Extent.of({1: {1: block(40, 40), 2: block(2, 150)}})
    assert both.thinnest == pytest.approx(0.02)
    assert both.smallest == pytest.approx(300**0.5 / 100)


def test_the_border_of_the_frame_is_no_edge() -> None:
    mask = np.zeros((10, 10), bool)
    mask[:, :5] = True
    assert edge_length(mask) == 10
    assert edge_length(np.ones((10, 10), bool)) == 0
    assert edge_length(np.zeros((10, 10), bool)) == 0
