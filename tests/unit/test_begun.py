# SPDX-License-Identifier: Apache-2.0
"""Flow that is computed before it is asked for, and the gaps that it is computed through."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_server.media import Plate, open_plate
from engine_server.session import begun as module
from engine_server.session import motion
from engine_server.session.begun import BegunFlow
from engine_server.session.evidence import FlowEvidence
from engine_server.session.gaps import REACH, Gap
from engine_server.session.motion import Step, steps
from engine_server.session.scaling import Scaling
from tests.drawn import damage, draw_shot, write_plate
from tests.unit.sessions import FIRST

FRAMES = tuple(range(FIRST, FIRST + 6))


@pytest.fixture
def plate(tmp_path: Path) -> Plate:
    return open_plate(write_plate(tmp_path / "plate", draw_shot(6).pictures))


@pytest.fixture
def scaling(plate: Plate) -> Scaling:
    return Scaling.to_short_side(plate.size, 480)


def same(found: Iterator[Step] | None, wanted: Iterator[Step]) -> bool:
    assert found is not None
    pairs = list(zip(found, wanted, strict=True))
    return bool(pairs) and all(
        (a.first, a.second) == (b.first, b.second) and np.array_equal(a.motion.back, b.motion.back)
        for a, b in pairs
    )


@pytest.mark.parametrize("ready", [0, 2, 5])
def test_steps_are_the_same_however_many_are_done(
    plate: Plate, scaling: Scaling, monkeypatch: pytest.MonkeyPatch, ready: int
) -> None:
    """What is there when it is taken comes first, the rest is computed then."""
    one = next(steps(plate, scaling, FRAMES)).motion.nbytes
    monkeypatch.setattr(module, "MOST", ready * one)
    flow = BegunFlow(plate, scaling, [FRAMES])
    flow._thread.join(20)
    with mock.patch.object(motion, "motion", side_effect=motion.motion) as computed:
        assert same(flow.take(FRAMES, scaling, 2), steps(plate, scaling, FRAMES))
    assert computed.call_count == 2 * 5 - ready


def test_rows_are_begun_in_their_order_and_taken_in_any(plate: Plate, scaling: Scaling) -> None:
    rows = FRAMES[:4], FRAMES[3:]
    flow = BegunFlow(plate, scaling, rows)
    flow._thread.join(20)
    with mock.patch.object(motion, "motion") as computed:
        found = {row: list(flow.take(row, scaling, 1) or ()) for row in reversed(rows)}
    assert not computed.called
    for row in rows:
        assert same(iter(found[row]), steps(plate, scaling, row))


def test_what_there_is_room_for_goes_to_the_first_row(
    plate: Plate, scaling: Scaling, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = next(steps(plate, scaling, FRAMES)).motion.nbytes
    monkeypatch.setattr(module, "MOST", 4 * one)
    flow = BegunFlow(plate, scaling, [FRAMES[:4], FRAMES[3:]])
    flow._thread.join(20)
    with mock.patch.object(motion, "motion", side_effect=motion.motion) as computed:
        assert len(list(flow.take(FRAMES[:4], scaling, 1) or ())) == 3
        assert not computed.called
        assert len(list(flow.take(FRAMES[3:], scaling, 1) or ())) == 2
        assert computed.call_count == 1


def test_nobody_gets_it_twice(plate: Plate, scaling: Scaling) -> None:
    flow = BegunFlow(plate, scaling, [FRAMES])
    assert same(flow.take(FRAMES, scaling, 1), steps(plate, scaling, FRAMES))
    assert flow.take(FRAMES, scaling, 1) is None


@pytest.mark.parametrize(("first", "size"), [(1, 480), (0, 24)])
def test_of_others_it_is_forgotten(plate: Plate, scaling: Scaling, first: int, size: int) -> None:
    flow = BegunFlow(plate, scaling, [FRAMES])
    assert flow.take(FRAMES[first:], Scaling.to_short_side(plate.size, size), 1) is None
    assert not flow._thread.is_alive()
    assert flow.take(FRAMES, scaling, 1) is None


@pytest.mark.parametrize("damaged", [0, 2, 5])
def test_a_damaged_frame_is_stepped_over(plate: Plate, scaling: Scaling, damaged: int) -> None:
    damage(plate.path(FIRST + damaged))
    flow = BegunFlow(plate, scaling, [FRAMES])
    assert same(flow.take(FRAMES, scaling, 1), steps(plate, scaling, FRAMES))


def test_what_fails_in_its_thread_fails_where_it_is_used(plate: Plate, scaling: Scaling) -> None:
    failing = mock.Mock(side_effect=MemoryError("too large"))
    with mock.patch.object(motion, "motion", failing), mock.patch.object(module, "motion", failing):
        flow = BegunFlow(plate, scaling, [FRAMES])
        flow._thread.join(20)
        found = flow.take(FRAMES, scaling, 1)
        assert found is not None
        with pytest.raises(MemoryError, match="too large"):
            list(found)


@pytest.mark.parametrize("taken", [False, True])
def test_closed_it_leaves_no_thread(plate: Plate, scaling: Scaling, *, taken: bool) -> None:
    before = threading.active_count()
    flow = BegunFlow(plate, scaling, [FRAMES])
    if taken:
        list(flow.take(FRAMES, scaling, 1) or ())
    flow.close()
    assert threading.active_count() == before


def test_evidence_takes_it_once(plate: Plate, scaling: Scaling) -> None:
    matte = np.zeros(plate.size, np.float32)
    matte[10:30, 10:40] = 1
    painted = {frame: {1: matte} for frame in (FIRST, FIRST + 5)}
    flow = BegunFlow(plate, scaling, [FRAMES])
    early, late = (FlowEvidence(plate, scaling, painted, each) for each in (flow, None))
    flow._thread.join(20)
    with mock.patch.object(motion, "motion") as computed:
        list(early.fill(FIRST + 2))
    assert not computed.called
    list(late.fill(FIRST + 2))
    for a, b in zip(early.at(FIRST + 2), late.at(FIRST + 2), strict=True):
        assert np.array_equal(a.mattes[1], b.mattes[1])


@given(
    st.lists(st.integers(0, 400), min_size=1, max_size=5, unique=True),
    st.integers(0, 400),
)
def test_pieces_reach_as_far_as_flow_does(painted: list[int], frame: int) -> None:
    painted.sort()
    if frame in painted:
        return
    gap = Gap.around(frame, painted, range(401))
    inside = [f for f in range(401) if _between(gap.before, f, gap.behind)]
    assert list(gap.frames) == inside
    assert frame in gap.frames
    near = {f for f in inside for p in (gap.before, gap.behind) if p is not None
            and abs(f - p) <= REACH}  # fmt: skip
    assert {f for piece in gap.pieces for f in piece} == near
    assert len(gap.pieces) == 1 or max(gap.pieces[0]) < min(gap.pieces[1])


def _between(before: int | None, frame: int, behind: int | None) -> bool:
    return (before is None or before <= frame) and (behind is None or frame <= behind)
