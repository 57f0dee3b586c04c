# SPDX-License-Identifier: Apache-2.0
"""Propagation: which frames, in what order, what is reported, and how it is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine_server import FrameResult, Preparation, Session
from engine_server.session import Direction
from shared.errors import FrameUnreadable, NoReferences, UnknownFrame, UsageError
from tests.drawn import Shot, damage, draw_shot, write_picture, write_plate
from tests.unit.sessions import FIRST, NETWORKS, drawn_session, painted_session, session_on

FRAMES = list(range(FIRST, FIRST + 6))


def _results(session: Session) -> Iterator[FrameResult]:
    return (step for step in session.propagate_frames() if isinstance(step, FrameResult))


def holed_session(folder: Path) -> Session:
    """Frames 1001 to 1006 without 1003; 1005 is damaged."""
    shot = draw_shot()
    write_plate(folder, shot.pictures)
    (folder / "plate.1003.png").unlink()
    damage(folder / "plate.1005.png")
    session = session_on(folder)
    session.add_object("hero")
    session.set_reference(FIRST, {1: shot.matte(0)})
    return session


def test_holes_and_damaged_frames_are_reported_by_number_and_the_rest_is_done(
    tmp_path: Path,
) -> None:
    session = holed_session(tmp_path)
    seen: list[int] = []
    report = session.propagate(on_frame=lambda result: seen.append(result.frame))
    assert report.done == seen == [1001, 1002, 1004, 1006]
    assert sorted(report.skipped) == [1003, 1005]
    assert "1003 is not in the plate" in report.skipped[1003]
    assert "plate.1005.png" in report.skipped[1005]
    assert not report.cancelled
    with pytest.raises(UnknownFrame, match="1005 has no matte"):
        session.matte(1005, 1)


def test_holes_outside_of_the_range_do_not_matter(tmp_path: Path) -> None:
    report = holed_session(tmp_path).propagate(frames=(1001, 1002))
    assert (report.done, report.skipped) == ([1001, 1002], {})


def test_holes_at_the_ends_of_the_range_are_reported(tmp_path: Path) -> None:
    report = holed_session(tmp_path).propagate(frames=(1002, 1003))
    assert (report.done, sorted(report.skipped)) == ([1002], [1003])
    beyond = holed_session(tmp_path).propagate(frames=(1006, 1009))
    assert (beyond.done, sorted(beyond.skipped)) == ([1006], [1007, 1008, 1009])


def test_one_propagation_at_a_time(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path)
    first = session.propagate_frames()
    next(first)
    with pytest.raises(UsageError, match="already"):
        session.propagate()
    first.close()
    assert session.propagate().done == FRAMES


def test_a_closed_session_says_so(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path)
    session.close()
    with pytest.raises(UsageError, match="closed"):
        session.propagate()
    with pytest.raises(UsageError, match="closed"):
        session.candidates()


def test_a_frame_of_another_size_is_skipped(tmp_path: Path) -> None:
    session, shot = painted_session(tmp_path)
    write_picture(tmp_path / "plate.1004.png", shot.pictures[3][:-1])
    report = session.propagate()
    assert list(report.skipped) == [1004]
    assert len(report.done) == 5


def test_a_painted_frame_that_cant_be_read_is_skipped_and_not_learnt_from(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path, at=(0, 3))
    damage(tmp_path / "plate.1004.png")
    report = session.propagate(direction="both")
    assert list(report.skipped) == [1004]
    assert session.tracker.memory.permanent.frames == (FIRST,)


def test_an_object_painted_on_unreadable_frames_only_is_named(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path)
    damage(tmp_path / "plate.1001.png")
    with pytest.raises(NoReferences, match=r"'object 1' is painted on can be read: 1001\."):
        session.propagate()


def test_nothing_painted_is_told(tmp_path: Path) -> None:
    session, _ = drawn_session(tmp_path)
    session.add_object("hero")
    with pytest.raises(NoReferences):
        session.propagate()


def test_a_part_of_the_shot_comes_out_as_in_the_whole(tmp_path: Path) -> None:
    """References outside of the range count; flow brings nothing from frames outside of it."""
    session, _ = painted_session(tmp_path, at=(0, 5))
    for flow, most in ((False, 0.0), (True, 0.02)):
        session.propagate(flow=flow)
        whole = {frame: session.matte(frame, 1) for frame in FRAMES}
        session.propagate(keep=False)
        report = session.propagate(frames=(1003, 1004), flow=flow)
        assert report.done == [1003, 1004]
        apart = [np.abs(session.matte(frame, 1) - whole[frame]).mean() for frame in FRAMES]
        assert max(apart) <= most


def test_a_range_may_reach_beyond_the_clip_but_not_lie_beside_it(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path)
    assert session.propagate(frames=(1005, 5000)).done == [1005, 1006]
    with pytest.raises(UnknownFrame, match="1001 to 1006"):
        session.propagate(frames=(1, 1000))


@pytest.mark.parametrize("network", NETWORKS)
def test_directions(tmp_path: Path, network: str) -> None:
    session, shot = painted_session(tmp_path, at=(1, 4), network=network)
    assert session.propagate(direction="forward").done == FRAMES
    assert session.propagate(direction="backward").done == FRAMES[::-1]
    both = session.propagate(direction="both").done
    assert both == [1002, 1001, 1003, 1005, 1004, 1006]
    assert np.array_equal(session.matte(1002, 1), shot.matte(1))


def test_a_network_with_working_memory_depends_on_the_direction(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path, at=(3,), network="tiny")
    session.propagate()
    forward = session.matte(FIRST, 1)
    session.propagate(direction="backward")
    assert not np.array_equal(session.matte(FIRST, 1), forward)
    session.propagate()
    assert np.array_equal(session.matte(FIRST, 1), forward)


def test_results_are_whole(tmp_path: Path) -> None:
    shot = draw_shot(objects=2)
    session, _ = painted_session(tmp_path, shot, objects=(1, 2))
    results: list[FrameResult] = []
    session.propagate(on_frame=results.append)
    assert [result.frame for result in results] == FRAMES
    for result in results:
        assert list(result.mattes) == list(result.confidence) == [1, 2]
        assert np.array_equal(result.view, shot.pictures[result.frame - FIRST])
        for matte in result.mattes.values():
            assert matte.shape == shot.size
            assert matte.dtype == np.float32
            assert 0 <= matte.min() <= matte.max() <= 1
        assert all(0 <= value <= 1 for value in result.confidence.values())
    assert np.array_equal(results[0].labels(), shot.labels[0])
    assert results[1].labels().dtype == np.uint8


def test_labels_are_ids_of_the_most_probable_object() -> None:
    mattes = {
        7: np.array([[1.0, 0.4, 0.2, 0.45, 0.0]], np.float32),
        200: np.array([[0.0, 0.5, 0.2, 0.45, 0.6]], np.float32),
    }
    result = FrameResult(1, mattes, {7: 1.0, 200: 1.0}, frozenset(), np.zeros((1, 5, 3), np.uint8))
    assert result.labels().tolist() == [[7, 200, 0, 7, 200]]


def test_a_cancelled_propagation_keeps_its_finished_frames(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path)
    seen: list[int] = []
    report = session.propagate(
        on_frame=lambda result: seen.append(result.frame), cancelled=lambda: len(seen) == 3
    )
    assert report.cancelled
    assert report.done == seen == FRAMES[:3]
    assert session.matte(1003, 1).any()
    with pytest.raises(UnknownFrame):
        session.matte(1004, 1)
    assert session.propagate().done == FRAMES


def test_a_cancel_before_the_first_frame_computes_nothing(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path)
    report = session.propagate(cancelled=lambda: True)
    assert (report.done, report.cancelled) == ([], True)
    assert not session.tracker.memory.sizes.permanent


def test_a_cancel_is_noticed_between_two_references(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path, at=(0, 2, 4))
    seen: list[Preparation] = []
    report = session.propagate(on_preparation=seen.append, cancelled=lambda: len(seen) == 2)
    assert (report.done, report.cancelled) == ([], True)
    assert seen == [Preparation("references", f, i, 3) for i, f in enumerate((1001, 1003))]
    assert session.tracker.memory.permanent.frames == (1001,)
    seen.clear()
    assert session.propagate(on_preparation=seen.append).done == FRAMES
    assert [work.frame for work in seen if work.stage == "references"] == [1003, 1005]


def test_a_cancel_is_noticed_between_two_links_of_flow(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path, at=(0, 5))
    flow: list[Preparation] = []

    def watch(work: Preparation) -> None:
        if work.stage == "flow":
            flow.append(work)

    report = session.propagate(on_preparation=watch, cancelled=lambda: len(flow) == 2)
    assert (report.done, report.cancelled) == ([1001], True)
    assert flow == [Preparation("flow", 1002, 1, 5), Preparation("flow", 1003, 2, 5)]
    assert session.propagate().done == FRAMES


def test_without_flow_only_references_are_prepared(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path, at=(0, 5))
    seen: list[Preparation] = []
    session.propagate(flow=False, on_preparation=seen.append)
    assert {work.stage for work in seen} == {"references"}
    session.propagate(flow=False, on_preparation=seen.append)
    assert len(seen) == 2  # they are in memory already


def test_an_error_in_a_callback_ends_the_run_and_not_the_session(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path)

    def failing(result: FrameResult) -> None:
        if result.frame == 1002:
            raise RuntimeError("the host is gone")

    with pytest.raises(RuntimeError, match="host"):
        session.propagate(on_frame=failing)
    assert session.matte(1002, 1).any()
    assert session.propagate().done == FRAMES


def test_what_is_done_to_a_result_does_not_come_back(tmp_path: Path) -> None:
    """Mattes of a frame are carried to the next ones; its result is the host's own."""
    calm = draw_shot(12, height=96, width=160)
    still = Shot([calm.pictures[0]] * 12, [calm.labels[0]] * 12)
    session, _ = painted_session(tmp_path, still, at=(0, 11))
    alone = [r.mattes[1].copy() for r in _results(session)]
    changed = []
    for result in _results(session):
        changed.append(result.mattes[1].copy())
        if not result.painted:
            result.mattes[1][:] = 0
    assert all(map(np.array_equal, alone, changed))


@pytest.mark.parametrize("lost", [(0,), (5,), (2, 3), (4,), (1,), (3,), (3, 4)])
@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
def test_no_frame_is_lost_beside_unreadable_ones(
    tmp_path: Path, lost: tuple[int, ...], direction: Direction
) -> None:
    """Painted ones among them; frames of each sweep come in its order."""
    session, shot = painted_session(tmp_path, at=(1,))
    session.add_object("late")
    for index, mattes in ((3, {1: shot.matte(3)}), (5, {1: shot.matte(5), 2: 0 * shot.matte(5)})):
        session.set_reference(FIRST + index, mattes)
    session.set_reference(FIRST, {2: shot.matte(0)})
    for index in lost:
        damage(tmp_path / f"plate.{FIRST + index}.png")
    report = session.propagate(direction=direction)
    assert sorted(report.skipped) == [FIRST + index for index in lost]
    assert sorted(report.done) == [f for f in FRAMES if f - FIRST not in lost]
    if direction != "both":
        assert report.done == sorted(report.done, reverse=direction == "backward")


def test_results_need_not_be_kept(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path)
    assert session.propagate(keep=False).done == FRAMES
    with pytest.raises(UnknownFrame, match="1002 has no matte"):
        session.matte(1002, 1)
    assert session.confidence(1002)[1] <= 1


def test_frames_may_be_taken_one_by_one(tmp_path: Path) -> None:
    session = holed_session(tmp_path)
    steps = session.propagate_frames()
    kinds = [(step.frame, type(step)) for step in steps]
    lost, made, before = FrameUnreadable, FrameResult, Preparation
    flow = [(frame, before) for frame in (1002, 1004, 1006)]
    assert kinds == [
        (1003, lost), (1001, before), (1001, made), *flow,
        (1002, made), (1005, lost), (1004, made), (1006, made),
    ]  # fmt: skip


def test_what_was_never_propagated_is_not_known(tmp_path: Path) -> None:
    session, shot = painted_session(tmp_path)
    assert np.array_equal(session.matte(FIRST, 1), shot.matte(0))  # but what is painted is
    for call in (lambda: session.matte(1002, 1), lambda: session.confidence(1002)):
        with pytest.raises(UnknownFrame, match="Propagate"):
            call()


def test_the_folder_of_results_goes_with_the_session(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path)
    with session:
        session.propagate()
        folder: Any = session._mattes._folder
        assert list(folder.rglob("*.png"))
    assert not folder.exists()
    session.close()


def test_sizes_that_the_network_cant_see_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="15"):
        drawn_session(tmp_path, size=15)
