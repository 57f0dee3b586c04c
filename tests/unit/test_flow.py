# SPDX-License-Identifier: Apache-2.0
"""Mattes carried by optical flow, and how they are weighed against the network."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine_server.session.evidence import FlowEvidence
from engine_server.session.flow import Carried, Link, carry, drifts, fuse, hints, in_unit, link
from engine_server.session.scaling import Scaling
from tests.drawn import texture
from tests.unit.sessions import FIRST, painted_session

SHIFT = 6
HEIGHT, WIDTH = 96, 160


def pictures(count: int, shift: int = SHIFT) -> list[NDArray[np.uint8]]:
    """A texture that moves to the right."""
    wide = texture(HEIGHT, WIDTH + count * shift, 3, colour=(120, 110, 90))
    return [wide[:, (count - i) * shift :][:, :WIDTH].copy() for i in range(count)]


def square(left: int) -> NDArray[np.float32]:
    matte = np.zeros((HEIGHT, WIDTH), np.float32)
    matte[30:60, left : left + 30] = 1
    return matte


def arrival(matte: NDArray[np.float32], *links: Link) -> Carried:
    """What becomes of a matte over some links."""
    *_, (_, drift) = drifts(enumerate(links))
    return carry({1: matte}, drift)


def test_flow_of_a_shift_is_the_shift_and_is_trusted() -> None:
    found = link(*pictures(2))
    inside = (slice(8, -8), slice(12, -8))
    np.testing.assert_allclose(2 * found.back[inside][..., 0], -SHIFT, atol=0.5)
    np.testing.assert_allclose(2 * found.forth[inside][..., 0], SHIFT, atol=0.5)
    assert found.trust_back[inside].mean() > 0.9


def test_a_matte_moves_with_the_picture() -> None:
    first, second = pictures(2)
    arrived = arrival(square(50), link(first, second))
    moved = square(50 + SHIFT) > 0.5
    overlap = ((arrived.mattes[1] > 0.5) & moved).sum() / ((arrived.mattes[1] > 0.5) | moved).sum()
    assert overlap > 0.9


def test_a_matte_carried_far_stays_sharp() -> None:
    shots = pictures(7, shift=3)
    arrived = arrival(square(40), *(link(a, b) for a, b in itertools.pairwise(shots)))
    soft = (arrived.mattes[1] > 0.1) & (arrived.mattes[1] < 0.9)
    assert soft.sum() < 1.2 * 4 * 30  # about one pixel along the edge, however long the way


def test_hints_hold_both_mattes_and_their_weights() -> None:
    one, half = np.ones((4, 6), np.float32), np.full((4, 6), 0.5, np.float32)
    planes = hints([3, 8], [Carried({8: one}, half), Carried({3: half, 8: half}, half)])
    assert planes.shape == (2, 4, 4, 6)
    assert planes.dtype == np.uint8
    assert planes.strides[1] == 1  # the planes of a pixel side by side, as the network takes them
    np.testing.assert_array_equal(planes[:, :, 0, 0], [[0, 0, 64, 128], [128, 128, 64, 128]])
    np.testing.assert_allclose(in_unit(planes), planes / 255, rtol=1e-6)


def test_a_link_reversed_carries_back() -> None:
    first, second = pictures(2)
    there = arrival(square(50), link(first, second).reversed())
    expected = arrival(square(50), link(second, first))
    np.testing.assert_array_equal(there.mattes[1], expected.mattes[1])


def test_what_comes_in_at_the_border_has_no_weight() -> None:
    away = link(*pictures(2, shift=16))
    left = np.full((*away.back.shape[:2], 2), (-8, 0), np.float16)  # half-size pixels
    moved = Link(left, -left, away.trust_back * 0 + 1, away.trust_forth * 0 + 1)
    arrived = arrival(square(0), moved)
    assert arrived.weight[:, :15].max() == 0
    assert arrived.mattes[1][40, 10] == 0


def test_weight_falls_and_ends() -> None:
    step = link(*[texture(HEIGHT, WIDTH, 3, colour=(90, 90, 90))] * 2)
    weights = [float(d.weight.mean()) for _, d in drifts((i, step) for i in range(999))]
    assert all(b < a for a, b in itertools.pairwise(weights))
    assert 100 < len(weights) < 400


def test_a_sure_network_is_believed_and_an_unsure_one_helped() -> None:
    sure = np.full((4, 4), 0.99, np.float32)
    unsure = np.full((4, 4), 0.5, np.float32)
    against = Carried({7: np.zeros((4, 4), np.float32)}, np.full((4, 4), 0.3, np.float32))
    believed = fuse(np.stack([1 - sure, sure]), [7], [against])
    helped = fuse(np.stack([1 - unsure, unsure]), [7], [against])
    assert believed.min() > 0.5
    assert helped.max() < 0.25


def test_an_object_that_a_reference_does_not_tell_of_is_left_alone() -> None:
    planes = np.full((3, 4, 4), 1 / 3, np.float32)
    carried = Carried({1: np.ones((4, 4), np.float32)}, np.ones((4, 4), np.float32))
    first, second = fuse(planes, [1, 2], [carried])
    assert first.min() > 0.8
    np.testing.assert_allclose(second, 1 / 3, rtol=1e-6)


def test_fused_probabilities_stay_in_range() -> None:
    rng = np.random.default_rng(5)
    planes = rng.dirichlet(np.ones(4), (8, 9)).astype(np.float32).transpose(2, 0, 1)
    mattes = {i: rng.random((8, 9), np.float32) for i in (1, 2, 3)}
    evidence = [Carried(mattes, rng.random((8, 9), np.float32)) for _ in range(2)]
    fused = fuse(planes, [1, 2, 3], evidence)
    assert fused.min() >= 0
    assert fused.max() <= 1


@pytest.mark.parametrize("network", ["lite"])
def test_evidence_comes_from_both_sides_of_a_gap(tmp_path: Path, network: str) -> None:
    session, _ = painted_session(tmp_path, at=(1, 4), network=network)
    scaling = Scaling.to_short_side(session.plate.size, 480)
    evidence = FlowEvidence(session.plate, scaling, session.references)
    arrived = []
    for frame in (FIRST, FIRST + 2, FIRST + 3, FIRST + 5):
        steps = list(evidence.fill(frame))
        assert [step.done for step in steps] == list(range(1, len(steps) + 1))
        assert all(step.stage == "flow" and step.done <= step.total for step in steps)
        arrived.append((len(steps), len(evidence.at(frame))))
    assert arrived == [(1, 1), (3, 2), (0, 2), (1, 1)]


def test_a_gap_left_half_filled_is_filled_anew(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path, at=(1, 4))
    evidence = FlowEvidence(session.plate, session.scaling, session.references)
    next(evidence.fill(FIRST + 2))
    assert len(list(evidence.fill(FIRST + 2))) == 3
    assert len(evidence.at(FIRST + 2)) == 2


def test_an_unreadable_frame_is_stepped_over(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path, at=(0, 5))
    session.plate.path(FIRST + 2).write_bytes(b"no picture")
    report = session.propagate(flow=True)
    assert list(report.skipped) == [FIRST + 2]
    assert FIRST + 3 in report.done


def test_painted_frames_come_back_exactly_with_flow(tmp_path: Path) -> None:
    session, shot = painted_session(tmp_path, at=(0, 5))
    results = {}
    session.propagate(flow=True, on_frame=lambda r: results.update({r.frame: r}))
    np.testing.assert_array_equal(results[FIRST].mattes[1], shot.matte(0))
    np.testing.assert_array_equal(results[FIRST + 5].mattes[1], shot.matte(5))


def test_flow_lifts_a_drawn_shot(tmp_path: Path) -> None:
    session, shot = painted_session(tmp_path, at=(0, 5))
    session.propagate(flow=True)
    for i in (1, 2, 3, 4):
        found, truth = session.matte(FIRST + i, 1) > 0.5, shot.matte(i) > 0.5
        assert (found & truth).sum() / (found | truth).sum() > 0.8
