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
    plate: Plate, scaling: Scaling, ready: int
) -> None:
    """What is there when it is taken comes first, the rest is computed then."""
    may, reached = threading.Semaphore(ready), threading.Event()

    def held(*arguments: object) -> Iterator[Step]:
        for number, step in enumerate(steps(*arguments)):  # type: ignore[arg-type]
            if number >= ready:
                reached.set()
            else:
                may.acquire()
            yield step
        reached.set()

    with mock.patch.object(module, "steps", held):
        flow = BegunFlow(plate, scaling, FRAMES, 1)
        assert reached.wait(20)
        found = flow.take(FRAMES, scaling)
    assert same(found, steps(plate, scaling, FRAMES))


def test_nobody_gets_it_twice_or_for_others(plate: Plate, scaling: Scaling) -> None:
    flow = BegunFlow(plate, scaling, FRAMES, 1)
    assert flow.take(FRAMES[1:], scaling) is None
    assert flow.take(FRAMES, Scaling.to_short_side(plate.size, 24)) is None
    assert same(flow.take(FRAMES, scaling), steps(plate, scaling, FRAMES))
    assert flow.take(FRAMES, scaling) is None


def test_a_damaged_frame_is_stepped_over(plate: Plate, scaling: Scaling) -> None:
    damage(plate.path(FIRST + 2))
    flow = BegunFlow(plate, scaling, FRAMES, 1)
    assert same(flow.take(FRAMES, scaling), steps(plate, scaling, FRAMES))


def test_what_fails_in_its_thread_fails_where_it_is_used(plate: Plate, scaling: Scaling) -> None:
    with mock.patch("engine_server.session.motion.motion", side_effect=MemoryError("too large")):
        flow = BegunFlow(plate, scaling, FRAMES, 1)
        found = flow.take(FRAMES, scaling)
        assert found is not None
        with pytest.raises(MemoryError, match="too large"):
            list(found)


@pytest.mark.parametrize("taken", [False, True])
def test_closed_it_leaves_no_thread(plate: Plate, scaling: Scaling, *, taken: bool) -> None:
    before = threading.active_count()
    flow = BegunFlow(plate, scaling, FRAMES, 2)
    if taken:
        list(flow.take(FRAMES, scaling) or ())
    flow.close()
    assert threading.active_count() == before


def test_evidence_takes_it_once(plate: Plate, scaling: Scaling) -> None:
    matte = np.zeros(plate.size, np.float32)
    matte[10:30, 10:40] = 1
    painted = {frame: {1: matte} for frame in (FIRST, FIRST + 5)}
    flow = BegunFlow(plate, scaling, FRAMES, 1)
    early, late = (FlowEvidence(plate, scaling, painted, each) for each in (flow, None))
    with mock.patch("engine_server.session.evidence.steps") as computed:
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
