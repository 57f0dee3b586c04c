# SPDX-License-Identifier: Apache-2.0
"""Propagations that are interrupted go on, and come to what they would have come to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine_server.session import Direction
from engine_server.session.closeup import CloseUp
from engine_server.session.preparation import Preparation
from engine_server.session.project import Project
from engine_server.session.propagation import FrameResult
from shared.errors import Busy, NoReferences
from tests.unit.projects import FIRST, SHOT, open_project, painted_project
from tests.unit.sessions import NETWORKS

Files = dict[tuple[int, int], bytes]


def files(project: Project) -> Files:
    return {
        (frame, obj): (project.folder.path / stored.file).read_bytes()
        for frame, told in project.contents.mattes.items()
        for obj, stored in told.items()
    }


def some(project: Project, direction: Direction, count: int, *, flow: bool = True) -> None:
    """Runs a propagation until so many frames are finished, and leaves it as a crash would."""
    results = 0
    for step in project.run(project.begin(direction=direction, flow=flow)):
        results += isinstance(step, FrameResult)
        if results == count:
            return


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
@pytest.mark.parametrize("count", [1, 4])
def test_a_killed_propagation_comes_to_the_same(
    tmp_path: Path, network: str, direction: Direction, count: int
) -> None:
    with painted_project(tmp_path / "whole", network=network) as project:
        project.set_reference(FIRST + 3, {1: SHOT.matte(3, 1)})
        project.propagate(direction=direction)
        whole = files(project)
        assert project.unfinished is None
    with painted_project(tmp_path / "killed", network=network) as project:
        project.set_reference(FIRST + 3, {1: SHOT.matte(3, 1)})
        some(project, direction, count)
        before = files(project)
        assert len(before) == 2 * count
    with open_project(tmp_path / "killed", network=network) as project:
        run = project.unfinished
        assert run is not None
        assert len(project.finished(run)) == count
        again = project.begin(direction=direction)
        assert again.n == run.n
        done = [step.frame for step in project.run(again) if isinstance(step, FrameResult)]
        project.end(again, "done")
        assert len(done) == 6 - count
        assert files(project) == whole
        assert {key: whole[key] for key in before} == before
        assert project.unfinished is None
        project.undo()
        assert files(project) == {}


def test_frames_that_don_t_depend_on_others_are_not_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    see = CloseUp.see
    monkeypatch.setattr(CloseUp, "see", lambda *a, **o: seen.append(1) or see(*a, **o))
    monkeypatch.setattr(CloseUp, "depends_on_past", False)
    with painted_project(tmp_path) as project:
        some(project, "forward", 4, flow=False)
        assert 4 <= len(seen) <= 5  # one may have begun ahead
        seen.clear()
        assert project.propagate(flow=False).done == [1005, 1006]
        assert len(seen) == 2
        assert project.propagate(direction="both", flow=False).done == []
        assert len(seen) == 2


@pytest.mark.parametrize("what", ["painted", "plate", "flow"])
def test_what_depends_on_something_else_is_computed_again(tmp_path: Path, what: str) -> None:
    with painted_project(tmp_path) as project:
        project.propagate()
        if what == "painted":
            project.set_reference(FIRST, {1: SHOT.matte(1, 1), 2: SHOT.matte(0, 2)})
        if what == "plate":
            os.utime(tmp_path / "plate" / "plate.1003.png", (0, 0))
        assert len(project.propagate(flow=what != "flow").done) == 6


def test_frames_with_a_memory_are_visited_again_but_not_stored_again(tmp_path: Path) -> None:
    with painted_project(tmp_path, network="tiny") as project:
        some(project, "forward", 3)
        log = len(project.history.edits)
        steps = list(project.run(project.begin()))
        replayed = [s.frame for s in steps if isinstance(s, Preparation) and s.stage == "replay"]
        assert replayed == [1001, 1002, 1003]
        assert len(project.history.edits) == log + 1 + 3


def test_a_propagation_that_was_cancelled_is_over_until_it_is_asked_for_again(
    tmp_path: Path,
) -> None:
    with painted_project(tmp_path) as project:
        assert project.propagate(cancelled=iter([False, False, False, True]).__next__).cancelled
        assert project.unfinished is None
        begun = len(project.history.done)
        project.propagate()
        assert len(project.history.done) == begun
        assert len(project.contents.mattes) == 6


def test_a_running_propagation_is_not_undone(tmp_path: Path) -> None:
    with painted_project(tmp_path) as project:
        steps = project.run(project.begin())
        next(steps)
        with pytest.raises(Busy):
            project.undo()
        project.add_object("meanwhile")
        project.undo()
        steps.close()
        project.undo()
        assert project.contents.mattes == {}


def test_edits_during_a_propagation_count(tmp_path: Path) -> None:
    with painted_project(tmp_path) as project:
        for step in project.run(project.begin(flow=False)):
            if isinstance(step, FrameResult) and step.frame == 1002:
                project.remove_object(2)
                project.lock_frames([(1004, 1004)])
        assert {frame: sorted(told) for frame, told in project.contents.mattes.items()} == {
            frame: [1] for frame in (1001, 1002, 1003, 1005, 1006)
        }


def test_a_damaged_frame_is_told_once(tmp_path: Path) -> None:
    with painted_project(tmp_path) as project:
        (tmp_path / "plate" / "plate.1004.png").write_bytes(b"no picture")
        assert list(project.propagate().skipped) == [1004]
        assert [e.fields["frame"] for e in project.history.edits if e.do == "skipped"] == [1004]
        assert project.confidence(1003)[1] <= 1


def test_a_propagation_goes_on_though_something_was_painted_meanwhile(tmp_path: Path) -> None:
    """With what was painted when it was asked for, as it would have without the crash."""
    with painted_project(tmp_path / "whole") as project:
        project.propagate()
        whole = files(project)
    with painted_project(tmp_path / "killed") as project:
        some(project, "forward", 3)
        project.set_reference(FIRST + 5, {1: SHOT.matte(5, 1)})
        project.add_object("late")
    with open_project(tmp_path / "killed") as project:
        run = project.unfinished
        assert run is not None
        again = project.take_up(run, request="aa" * 16)
        assert again.n == run.n
        assert len(project.finished(again)) == 3
        steps = [step.frame for step in project.run(again) if isinstance(step, FrameResult)]
        assert steps == [1004, 1005, 1006]
        project.end(again, "done")
        assert files(project) == whole
        assert project.unfinished is None


def test_a_propagation_that_waited_is_made_from_what_its_recipe_says(tmp_path: Path) -> None:
    with painted_project(tmp_path / "a") as project:
        project.propagate()
        whole = files(project)
    with painted_project(tmp_path / "b") as project:
        run = project.begin()
        project.set_reference(FIRST + 5, {1: SHOT.matte(2, 1)})
        list(project.run(run))
        assert files(project) == whole


def test_frames_locked_meanwhile_change_nothing_of_the_others(tmp_path: Path) -> None:
    """Though frames are averaged with those after them."""
    with painted_project(tmp_path / "whole") as project:
        project.propagate()
        whole = files(project)
    with painted_project(tmp_path / "killed") as project:
        some(project, "forward", 2)
        project.lock_frames([(1005, 1006)])
        project.propagate()
        project.unlock_frames([(1005, 1006)])
        project.propagate()
        assert files(project) == whole


def test_with_flow_a_result_is_one_of_its_range(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even of a network that has no memory, since neighbours tell of each other."""
    monkeypatch.setattr(CloseUp, "depends_on_past", False)
    with painted_project(tmp_path) as project:
        project.propagate(frames=(1001, 1003))
        assert len(project.propagate().done) == 6


def test_a_propagation_of_another_plate_begins_anew(tmp_path: Path) -> None:
    with painted_project(tmp_path) as project:
        some(project, "forward", 3)
    os.utime(tmp_path / "plate" / "plate.1003.png", (0, 0))
    with open_project(tmp_path) as project:
        run = project.unfinished
        assert run is not None
        again = project.take_up(run)
        assert again.n > run.n
        assert run.ended == "failed"
        assert project.finished(again) == set()


def test_a_propagation_of_objects_that_are_gone_is_not_one_of_all(tmp_path: Path) -> None:
    with painted_project(tmp_path) as project:
        next(project.run(project.begin(objects=[2])))
        project.remove_object(2)
        project.remove_object(1)
    with open_project(tmp_path) as project:
        run = project.unfinished
        assert run is not None
        with pytest.raises(NoReferences):
            project.take_up(run)


@pytest.mark.parametrize(
    ("changed", "to"), [("__version__", "0.0.1"), ("precision_of", lambda *_: "another")]
)
def test_mattes_of_another_engine_or_number_format_are_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str, to: object
) -> None:
    with painted_project(tmp_path) as project:
        some(project, "both", 2)
    monkeypatch.setattr(f"engine_server.session.project.{changed}", to)
    with open_project(tmp_path) as project:
        run = project.unfinished
        assert run is not None
        assert len(project.finished(run)) == 2
        assert not project.finished(project.take_up(run))
