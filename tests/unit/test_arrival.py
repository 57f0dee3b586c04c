# SPDX-License-Identifier: Apache-2.0
"""Mattes carried by flow are looked for only where they can be, and nothing is lost by that."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from engine_server.session.flow import Drift, arrival, carry, reached
from engine_server.session.region import Region


def drawn_drift(size: tuple[int, int]) -> Drift:
    """Smooth flow of several pixels, with a jump in it."""
    rng = np.random.default_rng(3)
    coarse = rng.normal(0, 6, (6, 8, 2)).astype(np.float32)
    back = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    back[:, size[1] // 2 :] += 40
    return Drift(back.astype(np.float16), rng.random(size).astype(np.float16))


@pytest.mark.parametrize("size", [(64, 96), (63, 95), (32, 48)])
def test_what_is_left_out_is_nothing(size: tuple[int, int]) -> None:
    """Of an even size, an odd one, and the size of the flow itself."""
    drift = drawn_drift((32, 48))
    planes = np.random.default_rng(4).random((2, *size)).astype(np.float32)
    planes[:, :20], planes[:, 45:], planes[..., :30], planes[..., 41:] = 0, 0, 0, 0
    whole, weight = arrival(planes, drift)
    carried = carry(dict(enumerate(planes)), drift)
    np.testing.assert_array_equal(np.stack(list(carried.mattes.values())), whole)
    np.testing.assert_array_equal(carried.weight, weight)
    there = Region.holding(planes, 0, size)
    assert there is not None
    region = reached(there, drift, size)
    assert region is not None
    assert np.prod(region.size) < np.prod(size)
    part = Region(3, 29, 11, 40)
    piece, sure = arrival(planes, drift, part)
    np.testing.assert_array_equal(piece, whole[(..., *part.part)])
    np.testing.assert_array_equal(sure, weight[part.part])
