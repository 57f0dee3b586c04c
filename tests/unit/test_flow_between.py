# SPDX-License-Identifier: Apache-2.0
"""Flow from painted frames to each other: the same as a propagation that lacks one of them."""

from __future__ import annotations

import logging
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from engine_server.session import Preparation
from engine_server.session.adapt import _examples
from engine_server.session.evidence import FlowEvidence
from engine_server.session.flow import hints, in_unit
from engine_server.session.flow_between import FlowBetween
from tests.drawn import damage, draw_shot
from tests.unit.sessions import FIRST, painted_session

PAINTED = [FIRST, FIRST + 2, FIRST + 5]


def between(folder: Path, *, links: int = 99, broken: int | None = None) -> tuple:  # type: ignore[type-arg]
    session, _ = painted_session(folder, draw_shot(objects=2), at=(0, 2, 5), objects=(1, 2))
    if broken is not None:
        damage(session.plate.path(broken))
    flow = FlowBetween(_examples(session.plate, session.scaling, session.references))
    work: list[Preparation] = []
    for each in flow.fill(session.plate, session.scaling, lambda: len(work) >= links):
        work.append(each)  # noqa: PERF402  (looked at while it grows)
    return session, flow, work


@pytest.mark.parametrize("broken", [None, FIRST + 4])
@pytest.mark.parametrize("frame", PAINTED)
def test_it_is_what_a_propagation_would_show(
    tmp_path: Path, frame: int, broken: int | None
) -> None:
    session, flow, _ = between(tmp_path, broken=broken)
    others = {f: told for f, told in session.references.items() if f != frame}
    evidence = FlowEvidence(session.plate, session.scaling, others)
    list(evidence.fill(frame))
    expected = hints([2, 1], evidence.at(frame))
    assert expected.any()
    assert np.array_equal(flow.hints(frame, [2, 1], list(others)), in_unit(expected))


def test_each_link_is_told_of_once(tmp_path: Path) -> None:
    work = between(tmp_path)[2]
    assert [(each.stage, each.done, each.total) for each in work] == [
        ("flow", done, 5) for done in range(1, 6)
    ]


@pytest.mark.parametrize("why", ["time", "memory"])
def test_too_many_frames_in_between_are_not_followed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, why: str
) -> None:
    room = 3 * 48 * 80 * (4 if why == "memory" else 5)
    with (
        caplog.at_level(logging.INFO),
        mock.patch("engine_server.session.flow_between.LINK_BYTES", room),
    ):
        _, flow, work = between(tmp_path, links=4)
    assert len(work) == (4 if why == "time" else 0)
    assert "too many frames from first to last reference, 6" in caplog.text
    assert flow.hints(FIRST, [1, 2], PAINTED[1:]).shape == (2, 4, 48, 80)
    assert not flow.hints(FIRST, [1, 2], PAINTED[1:]).any()


def test_what_is_done_is_used_though_it_is_late(tmp_path: Path) -> None:
    _, flow, work = between(tmp_path, links=5)
    assert len(work) == 5
    assert flow.hints(FIRST, [1, 2], PAINTED[1:]).any()
