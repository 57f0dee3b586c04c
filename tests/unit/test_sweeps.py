# SPDX-License-Identifier: Apache-2.0
"""The order in which frames are visited."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_server.session.sweeps import (
    Direction,
    frames_in,
    in_ranges,
    needed_frames,
    plan_sweeps,
)
from shared.errors import UnknownFrame

FRAMES = st.lists(st.integers(-50, 50), min_size=1, max_size=30, unique=True).map(sorted)
REFERENCES = st.sets(st.integers(-60, 60), min_size=1, max_size=5)


def plate(*frames: int) -> Any:
    return SimpleNamespace(name="shot", frames=frames)


def test_forward_and_backward_are_one_sweep() -> None:
    assert plan_sweeps([3, 4, 6], [4], "forward") == [[3, 4, 6]]
    assert plan_sweeps([3, 4, 6], [4], "backward") == [[6, 4, 3]]


def test_both_goes_outward_half_way_to_the_next_reference() -> None:
    swept = plan_sweeps(range(1, 11), [2, 7], "both")
    assert swept == [[2, 1], [2, 3, 4], [7, 6, 5], [7, 8, 9, 10]]


def test_both_from_references_outside_of_the_range() -> None:
    assert plan_sweeps([5, 6, 7], [1], "both") == [[5, 6, 7]]
    assert plan_sweeps([5, 6, 7], [12], "both") == [[7, 6, 5]]
    assert plan_sweeps([5, 6, 7], [1, 12], "both") == [[5, 6], [7]]


@given(FRAMES, REFERENCES, st.sampled_from(["forward", "backward", "both"]))
def test_every_frame_is_visited_and_only_references_twice(
    frames: list[int], references: set[int], direction: Direction
) -> None:
    swept = plan_sweeps(frames, references, direction)
    visited = Counter(frame for sweep in swept for frame in sweep)
    assert sorted(visited) == frames
    assert {frame for frame, times in visited.items() if times > 1} <= references
    assert all(swept)


@given(FRAMES, REFERENCES)
def test_both_only_ever_moves_away_from_the_nearest_reference(
    frames: list[int], references: set[int]
) -> None:
    for sweep in plan_sweeps(frames, references, "both"):
        away = [min(abs(frame - reference) for reference in references) for frame in sweep]
        assert away == sorted(away)


def test_frames_are_visited_for_others_before_and_after_them() -> None:
    args = (range(1, 11), {1, 2, 4, 6, 7, 8, 9, 10}, [1], "forward")
    assert needed_frames(*args, dependent=False) == [3, 5]
    assert needed_frames(*args, dependent=True) == [1, 2, 3, 4, 5]
    assert needed_frames(*args, dependent=True, ahead=2) == [1, 2, 3, 4, 5, 6, 7]
    assert needed_frames(*args, dependent=True, ahead=20) == list(range(1, 11))
    assert needed_frames([1], {1}, [1], "forward", dependent=True, ahead=2) == []


def test_limits_are_included_and_may_reach_beyond_the_plate() -> None:
    holed = plate(1001, 1002, 1004)
    assert frames_in(holed, None) == [1001, 1002, 1004]
    assert frames_in(holed, (1002, 1004)) == [1002, 1004]
    assert frames_in(holed, (1, 1001)) == [1001]
    assert frames_in(holed, (0, 9999)) == [1001, 1002, 1004]


@pytest.mark.parametrize("limits", [(1, 1000), (1003, 1003), (1005, 2000), (1004, 1001)])
def test_a_range_without_frames_is_refused(limits: tuple[int, int]) -> None:
    with pytest.raises(UnknownFrame, match=rf"{limits[0]} to {limits[1]}.*1001 to 1004"):
        frames_in(plate(1001, 1002, 1004), limits)


def test_frame_numbers_are_told_in_ranges() -> None:
    assert in_ranges([1003, 1007, 1008, 1009]) == "1003, 1007-1009"
    assert in_ranges([-5, -4, -2, 0, 1]) == "-5 to -4, -2, 0-1"
    assert in_ranges([]) == ""
