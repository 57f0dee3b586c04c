# SPDX-License-Identifier: Apache-2.0
"""Which frames are looked at, and in which order results come."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from numpy.typing import NDArray

from engine_server import FrameResult
from engine_server.media import open_plate
from engine_server.session.between import Seen
from engine_server.session.evidence import FlowEvidence
from engine_server.session.gaps import Gap
from engine_server.session.preparation import Preparation
from engine_server.session.scaling import Scaling
from engine_server.session.sparse import sparsely, steadied
from shared.errors import FrameUnreadable
from tests.drawn import Shot, draw_shot, texture, write_plate
from tests.unit.sessions import FIRST, painted_session

FRAMES = 20
SIZE = (64, 96)

View = NDArray[np.uint8]


def matte() -> NDArray[np.float32]:
    """Of what stands still."""
    told = np.zeros(SIZE, np.float32)
    told[16:48, 20:60] = 1
    return told


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> FlowEvidence:
    """Of a shot that stands still, painted at its first frame and at 1015."""
    picture = texture(*SIZE, 3, colour=(120, 110, 90))
    plate = open_plate(write_plate(tmp_path_factory.mktemp("plate"), [picture] * FRAMES))
    painted = {frame: {1: matte()} for frame in (FIRST, FIRST + 14)}
    return FlowEvidence(plate, Scaling.to_short_side(plate.size, 480), painted)


class Looks:
    """A network that finds the same everywhere, or something else at every frame."""

    def __init__(
        self, evidence: FlowEvidence, *, shift: int = 0, calm_from: int = FIRST + FRAMES
    ) -> None:
        self.evidence, self.shift, self.calm_from = evidence, shift, calm_from
        self.frames: list[int] = []
        self.begun: list[int] = []

    def ahead(self, frame: int, view: View) -> None:
        self.begun += [] if frame in self.begun else [frame]

    def __call__(self, frame: int, view: View) -> Generator[Preparation, None, Seen]:
        if frame not in self.evidence.references:
            yield from self.evidence.fill(frame)
        self.frames.append(frame)
        rough = 0 if frame >= self.calm_from else len(self.frames)
        planes = np.roll(matte(), self.shift * rough, 1)[None]
        return Seen(frame, view, planes, (0.9,), looked=True)


def swept(
    evidence: FlowEvidence, looks: Looks, frames: Sequence[int], lost: Sequence[int] = ()
) -> list[int]:
    """Frames in the order in which they are known; unreadable ones are negative."""
    picture = np.zeros((*SIZE, 3), np.uint8)
    views = (
        (frame, FrameUnreadable("damaged", frame=frame) if frame in lost else picture)
        for frame in frames
    )
    sights = list(steadied(sparsely(views, looks, evidence), evidence))
    numbers = [-s.frame if isinstance(s, FrameUnreadable) else s.frame for s in sights
               if not isinstance(s, Preparation)]  # fmt: skip
    return [number or 0 for number in numbers]


def shot(first: int, last: int) -> list[int]:
    step = 1 if last >= first else -1
    return list(range(FIRST + first, FIRST + last + step, step))


def test_where_all_is_calm_stretches_grow_to_four_frames(evidence: FlowEvidence) -> None:
    looks = Looks(evidence)
    assert swept(evidence, looks, shot(0, 13)) == shot(0, 13)
    assert looks.frames == [FIRST + i for i in (0, 2, 6, 10, 13)]


def test_ends_of_the_next_stretches_are_looked_at_ahead(evidence: FlowEvidence) -> None:
    calm, rough = Looks(evidence), Looks(evidence, shift=7)
    swept(evidence, calm, shot(0, 19))
    assert set(calm.frames) <= {*calm.begun}
    assert calm.begun[:4] == [FIRST + i for i in (0, 2, 6, 10)]  # 6 while 2 is looked at
    assert calm.begun == calm.frames
    swept(evidence, rough, shot(0, 10))
    assert {*rough.begun} == {FIRST, *shot(2, 10)}  # 1 is in the midst of a stretch


def test_painted_frames_end_a_stretch(evidence: FlowEvidence) -> None:
    looks = Looks(evidence)
    assert swept(evidence, looks, shot(5, 19)) == shot(5, 19)
    assert looks.frames == [FIRST + i for i in (5, 7, 11, 14, 18, 19)]


def test_a_sweep_may_go_backward(evidence: FlowEvidence) -> None:
    looks = Looks(evidence)
    assert swept(evidence, looks, shot(14, 7)) == shot(14, 7)
    assert looks.frames == [FIRST + i for i in (14, 12, 8, 7)]


def test_where_nothing_agrees_frames_are_looked_at_one_by_one(evidence: FlowEvidence) -> None:
    looks = Looks(evidence, shift=7)
    assert swept(evidence, looks, shot(0, 6)) == shot(0, 6)
    assert looks.frames == [FIRST + i for i in (0, 2, 1, 3, 4, 5, 6)]


def test_stretches_grow_again_after_a_rough_one(evidence: FlowEvidence) -> None:
    looks = Looks(evidence, shift=7, calm_from=FIRST + 3)
    assert swept(evidence, looks, shot(0, 13)) == shot(0, 13)
    assert looks.frames == [FIRST + i for i in (0, 2, 1, 3, 4, 5, 7, 11, 13)]


def test_an_unreadable_frame_is_told_at_once_and_the_others_come_in_order(
    evidence: FlowEvidence,
) -> None:
    found = swept(evidence, Looks(evidence), shot(0, 6), lost=[FIRST + 2, FIRST + 6])
    assert sorted(found) == [-(FIRST + 6), -(FIRST + 2), *(FIRST + i for i in (0, 1, 3, 4, 5))]
    assert [frame for frame in found if frame > 0] == [FIRST + i for i in (0, 1, 3, 4, 5)]


def test_an_unreadable_painted_frame_ends_a_stretch(evidence: FlowEvidence) -> None:
    """A stretch over it would follow the flow of both gaps again and again."""
    list(evidence.fill(FIRST + 19))
    with mock.patch.object(Gap, "around", side_effect=Gap.around) as gaps:
        found = swept(evidence, Looks(evidence), shot(10, 19), lost=[FIRST + 14])
    assert [abs(frame) for frame in found if frame > 0] == [*shot(10, 13), *shot(15, 19)]
    assert gaps.call_count == 2


@pytest.mark.parametrize(("network", "fewer"), [("lite", True), ("tiny", False)])
def test_a_network_that_lives_from_frame_to_frame_looks_at_all(
    tmp_path: Path, network: str, *, fewer: bool
) -> None:
    calm = draw_shot(12, height=96, width=160)
    still = Shot([calm.pictures[0]] * 12, [calm.labels[0]] * 12)
    session, _ = painted_session(tmp_path, still, at=(0, 11), network=network)
    with session:
        results = [r for r in session.propagate_frames(flow=True) if isinstance(r, FrameResult)]
    assert [r.frame for r in results] == list(range(FIRST, FIRST + 12))
    assert any(r.keys is None and not r.painted for r in results) == fewer
