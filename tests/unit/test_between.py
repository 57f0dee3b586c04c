# SPDX-License-Identifier: Apache-2.0
"""Frames told by flow from both sides, and looks averaged with what flow brings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine_server.media import open_plate
from engine_server.session.between import Seen, steady, told
from engine_server.session.evidence import FlowEvidence
from engine_server.session.scaling import Scaling
from tests.drawn import texture, write_plate

FIRST, SHIFT = 1001, 3
HEIGHT, WIDTH, FRAMES = 96, 160, 6

View = NDArray[np.uint8]
Matte = NDArray[np.float32]


def pictures(*aside: int) -> list[View]:
    """A texture that moves to the right, or is so far aside."""
    aside = aside or tuple(i * SHIFT for i in range(FRAMES))
    wide = texture(HEIGHT, WIDTH + FRAMES * SHIFT, 3, colour=(120, 110, 90))
    return [wide[:, FRAMES * SHIFT - far :][:, :WIDTH].copy() for far in aside]


def square(index: int, *, larger: int = 1, aside: int = 0) -> Matte:
    """What moves with it, in a picture enlarged."""
    matte = np.zeros((HEIGHT * larger, WIDTH * larger), np.float32)
    left = (50 + aside + index * SHIFT) * larger
    matte[20 * larger : 65 * larger, left : left + 45 * larger] = 1
    return matte


def seen(index: int, matte: Matte, sure: float = 0.9, *, looked: bool = True) -> Seen:
    """A frame with one object."""
    return Seen(FIRST + index, pictures()[index], matte[None], (sure,), looked)


def overlap(found: Matte, true: Matte) -> float:
    """Of the hard mattes."""
    a, b = found > 0.5, true > 0.5
    return float((a & b).sum() / (a | b).sum())


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> FlowEvidence:
    """Of the whole clip."""
    return evidence_of(tmp_path_factory.mktemp("plate"), pictures())


def evidence_of(folder: Path, shown: list[View]) -> FlowEvidence:
    """Of six pictures, the first and last one being painted."""
    plate = open_plate(write_plate(folder, shown))
    painted = {FIRST + i: {1: square(i)} for i in (0, FRAMES - 1)}
    found = FlowEvidence(plate, Scaling.to_short_side(plate.size, 480), painted)
    list(found.fill(FIRST + 1))
    return found


def views(*indices: int) -> list[tuple[int, View]]:
    return [(FIRST + i, pictures()[i]) for i in indices]


@pytest.mark.parametrize("larger", [1, 2])
def test_what_both_sides_agree_on_is_told(evidence: FlowEvidence, larger: int) -> None:
    start, end = (seen(i, square(i, larger=larger), sure) for i, sure in ((0, 0.9), (4, 0.8)))
    found = told(start, views(1, 2, 3), end, evidence)
    assert found is not None
    assert [each.frame for each in found] == [FIRST + 1, FIRST + 2, FIRST + 3]
    for index, each in enumerate(found, 1):
        assert overlap(each.planes[0], square(index, larger=larger)) > 0.95
        assert not each.looked
        assert each.keys is None
        assert 0.75 < each.confidence[0] <= 0.8


def test_time_may_run_backward(evidence: FlowEvidence) -> None:
    found = told(seen(4, square(4)), views(3, 2), seen(1, square(1)), evidence)
    assert found is not None
    assert [
        overlap(each.planes[0], square(i)) > 0.95 for each, i in zip(found, (3, 2), strict=True)
    ]


def test_what_they_disagree_on_is_not(evidence: FlowEvidence) -> None:
    assert told(seen(0, square(0)), views(1), seen(2, square(2, aside=5)), evidence) is None


def test_an_object_that_comes_or_goes_is_not(evidence: FlowEvidence) -> None:
    nowhere = np.zeros((HEIGHT, WIDTH), np.float32)
    assert told(seen(0, nowhere), views(1), seen(2, square(2)), evidence) is None


def test_a_small_object_that_goes_is_not_outvoted_by_a_large_one(tmp_path: Path) -> None:
    still = evidence_of(tmp_path, pictures(*[0] * FRAMES))
    small = np.zeros((HEIGHT, WIDTH), np.float32)
    small[76:82, 20:26] = 1

    def both(index: int, other: Matte) -> Seen:
        planes = np.stack([square(0), other])
        return Seen(FIRST + index, pictures()[0], planes, (0.9, 0.9), looked=True)

    assert told(both(0, small), views(1), both(2, 0 * small), still) is None
    assert told(both(0, small), views(1), both(2, small), still) is not None


def test_a_shaken_camera_cuts_nothing_off(tmp_path: Path) -> None:
    """An object may be outside of where it was before and after."""
    shaken = evidence_of(tmp_path, pictures(0, 12, 0, 0, 0, 0))
    found = told(seen(0, square(0)), views(1), seen(2, square(0)), shaken)
    assert found is not None
    assert overlap(found[0].planes[0], square(0, aside=12)) > 0.95


def test_an_object_that_is_nowhere_stays_so(evidence: FlowEvidence) -> None:
    nowhere = np.zeros((HEIGHT, WIDTH), np.float32)
    found = told(seen(0, nowhere), views(1), seen(2, nowhere, 0.7), evidence)
    assert found is not None
    assert found[0].planes.max() == 0
    assert found[0].confidence == pytest.approx((0.7,))


def test_without_flow_nothing_is_told(evidence: FlowEvidence) -> None:
    beyond = [(FIRST + 9, pictures()[0])]
    assert told(seen(0, square(0)), beyond, seen(2, square(2)), evidence) is None


def test_a_mistake_of_one_frame_fades(evidence: FlowEvidence) -> None:
    wrong = square(2)
    wrong[35:45, 70:80] = 0.4
    found = steady(seen(2, wrong), [seen(1, square(1)), seen(3, square(3))], evidence)
    assert found.planes[0, 40, 75] > 0.6
    assert overlap(found.planes[0], square(2)) > overlap(wrong, square(2))
    assert wrong[40, 75] == np.float32(0.4)  # what was given is as it was


def test_a_rope_is_left_as_it_is(evidence: FlowEvidence) -> None:
    rope = square(2)
    rope[40:42, 95:150] = 0.8
    found = steady(seen(2, rope), [seen(1, square(1)), seen(3, square(3))], evidence)
    np.testing.assert_array_equal(found.planes[0, 40:42, 110:150], np.float32(0.8))


def test_without_flow_nothing_is_steadied(evidence: FlowEvidence) -> None:
    here = seen(2, square(2))
    assert steady(here, [], evidence) is here
    assert steady(here, [seen(5, square(5))], evidence) is here  # no neighbour
