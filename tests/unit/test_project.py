# SPDX-License-Identifier: Apache-2.0
"""Projects: everything is on disk, everything can be undone, locked frames stay."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine_server.session.project import Project
from engine_server.session.workspace import Clip, Edit, History, Workspace
from shared.errors import (
    BadPlate,
    DiskFull,
    FrameLocked,
    FrameUnreadable,
    NoReferences,
    NothingToUndo,
    OutputUnwritable,
    UnknownFrame,
    UnknownObject,
    UsageError,
    WorkspaceBusy,
    WorkspaceDamaged,
)
from tests.drawn import draw_shot, write_plate
from tests.unit.projects import FIRST, SHOT, open_project, painted_project

Snapshot = dict[str, Any]


def snapshot(project: Project) -> Snapshot:
    """Everything an artist can see."""
    contents = project.contents
    return {
        "names": dict(contents.names),
        "colours": dict(contents.colours),
        "references": {
            (f, i): m.tobytes() for f, told in project.references.items() for i, m in told.items()
        },
        "mattes": {
            (f, i): project.matte(f, i).tobytes()
            for f, told in contents.mattes.items()
            for i in told
        },
        "locked": set(contents.locked),
        "undo": [edit.n for edit in project.history.done],
        "redo": [edit.n for edit in project.history.undone],
    }


def play(project: Project) -> list[Snapshot]:
    """An artist at work; what there is after each edit."""
    seen = [snapshot(project)]

    def did(_: object) -> None:
        seen.append(snapshot(project))

    did(project.add_object("ball", obj=1))
    did(project.add_object("block", colour=(1, 2, 3)))
    did(project.set_reference(FIRST, {1: SHOT.matte(0, 1) * np.float32(0.3), 2: SHOT.matte(0, 2)}))
    did(project.propagate())
    did(project.lock_frames([(FIRST + 1, FIRST + 2)]))
    did(project.set_reference(FIRST + 5, {1: SHOT.matte(5, 1)}))
    did(project.propagate(direction="both"))
    did(project.rename_object(2, "wall"))
    did(project.colour_object(1, (9, 9, 9)))
    did(project.remove_reference(FIRST + 5))
    did(project.unlock_frames([(FIRST + 1, FIRST + 1)]))
    return seen


def test_frames_that_the_plate_has_not_are_not_locked(tmp_path: Path) -> None:
    with open_project(tmp_path) as project:
        with pytest.raises(UnknownFrame, match="The plate has frames"):
            project.lock_frames([(FIRST + 5000, FIRST + 5001)])
        project.lock_frames([(FIRST - 10, FIRST)])
        assert project.contents.locked == {FIRST}


def test_reopening_continues_with_everything(tmp_path: Path) -> None:
    with open_project(tmp_path) as project:
        seen = play(project)
    with open_project(tmp_path) as project:
        assert snapshot(project) == seen[-1]
        for before in seen[-2::-1]:
            project.undo()
            now = snapshot(project)
            assert {k: now[k] for k in now if k != "redo"} == {
                k: before[k] for k in before if k != "redo"
            }
        with pytest.raises(NothingToUndo):
            project.undo()
    with open_project(tmp_path) as project:
        for after in seen[1:]:
            project.redo()
            assert snapshot(project)["mattes"] == after["mattes"]
        with pytest.raises(NothingToUndo):
            project.redo()
        assert snapshot(project) == seen[-1]


def test_a_new_edit_ends_the_way_forward(tmp_path: Path) -> None:
    with painted_project(tmp_path) as project:
        project.undo()
        project.add_object("third")
        with pytest.raises(NothingToUndo):
            project.redo()


def test_a_refused_edit_changes_nothing(tmp_path: Path) -> None:
    with painted_project(tmp_path) as project:
        before, log = snapshot(project), project.folder.log.read_bytes()
        with pytest.raises(UsageError):
            project.add_object("object 1")
        with pytest.raises(UnknownObject):
            project.rename_object(7, "x")
        with pytest.raises(UnknownObject):
            project.colour_object(7, (0, 0, 0))
        with pytest.raises(UnknownObject):
            project.remove_object(7)
        with pytest.raises(UnknownFrame):
            project.set_reference(1, {1: SHOT.matte(0)})
        with pytest.raises(UnknownFrame):
            project.remove_reference(FIRST + 3)
        with pytest.raises(UsageError):
            project.load_mattes(FIRST, {1: SHOT.matte(0)})
        assert snapshot(project) == before
        assert project.folder.log.read_bytes() == log


def test_two_engines_don_t_work_on_one_project(tmp_path: Path) -> None:
    with open_project(tmp_path), pytest.raises(WorkspaceBusy), open_project(tmp_path):
        pass
    with open_project(tmp_path) as project:
        assert project.folder.lock.exists()
    assert not project.folder.lock.exists()


def test_a_closed_project_takes_no_edits(tmp_path: Path) -> None:
    with open_project(tmp_path) as project:
        pass
    with pytest.raises(UsageError, match="closed"):
        project.add_object("x")


def test_locked_frames_never_change(tmp_path: Path) -> None:
    with painted_project(tmp_path) as project:
        project.propagate()
        project.lock_frames([(FIRST, FIRST + 2)])
        held = [m for f, told in project.contents.mattes.items() for m in told.values() if f < 1004]
        before = [(project.folder.path / stored.file).read_bytes() for stored in held]
        for edit in (
            lambda: project.set_reference(FIRST, {1: SHOT.matte(1)}),
            lambda: project.remove_reference(FIRST),
            lambda: project.remove_object(1),
        ):
            with pytest.raises(FrameLocked, match=r"10\d\d"):
                edit()
        project.set_reference(FIRST + 4, {1: 1 - SHOT.matte(4)})
        assert project.propagate().done == [1004, 1005, 1006]
        assert [project.contents.mattes[1002][1], project.contents.mattes[1003][1]] == [
            held[2],
            held[4],
        ]
        assert [(project.folder.path / m.file).read_bytes() for m in held] == before


def test_only_the_objects_asked_for_are_replaced(tmp_path: Path) -> None:
    with painted_project(tmp_path) as project:
        project.propagate()
        old = project.contents.mattes[1004]
        project.set_reference(FIRST + 5, {1: 1 - SHOT.matte(5, 1), 2: SHOT.matte(5, 2)})
        run = project.begin(objects=[1])
        for _ in project.run(run):
            pass
        project.end(run, "done")
        new = project.contents.mattes[1004]
        assert new[2] == old[2]
        assert new[1].file != old[1].file


def test_a_request_that_comes_twice_is_recognised(tmp_path: Path) -> None:
    with open_project(tmp_path) as project:
        project.add_object("ball", request="ab" * 16)
    with open_project(tmp_path) as project:
        edit = project.edit_of("ab" * 16)
        assert edit is not None
        assert edit.fields["name"] == "ball"
        assert project.edit_of("cd" * 16) is None


@pytest.mark.parametrize("after", [0, 3, 5])
def test_a_full_disk_is_told_and_nothing_is_harmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """While the first or second matte is written, or the log."""
    with painted_project(tmp_path) as project:
        before = snapshot(project)
        calls = [0]
        fsync = os.fsync

        def full(handle: int) -> None:
            calls[0] += 1
            if calls[0] > after:
                raise OSError(errno.ENOSPC, "No space left on device")
            fsync(handle)

        both = {obj: SHOT.matte(1, obj) for obj in (1, 2)}
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(DiskFull, match="disk is full"):
                project.set_reference(FIRST + 1, both)
        assert snapshot(project) == before
    with open_project(tmp_path) as project:
        assert snapshot(project) == before
        project.set_reference(FIRST + 1, {1: SHOT.matte(1, 1)})


def test_a_folder_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    with painted_project(tmp_path) as project:
        (project.folder.path / "references" / "0004").write_text("in the way")
        with pytest.raises(OutputUnwritable, match="0004"):
            project.set_reference(FIRST + 1, {1: SHOT.matte(1)})


def test_a_plate_of_another_size_is_refused(tmp_path: Path) -> None:
    with painted_project(tmp_path):
        pass
    write_plate(tmp_path / "plate", draw_shot(6, height=40).pictures)
    with pytest.raises(BadPlate, match="80 x 48"), open_project(tmp_path):
        pass
    with pytest.raises(BadPlate), open_project(tmp_path):  # not: in use
        pass


def test_a_painting_that_was_changed_on_disk_is_not_taken(tmp_path: Path) -> None:
    with painted_project(tmp_path) as project:
        stored = project.contents.references[FIRST]
        files = [project.folder.path / stored[obj].file for obj in (1, 2)]
    files[0].write_bytes(files[1].read_bytes())
    with pytest.raises(WorkspaceDamaged, match="not what was written"), open_project(tmp_path):
        pass


def test_previews_are_kept_nowhere_and_fit_between_two_steps(tmp_path: Path) -> None:
    with painted_project(tmp_path) as project:
        alone = project.preview(FIRST + 3)
        assert project.contents.mattes == {}
        run = project.begin(flow=False)
        steps = project.run(run)
        next(steps)
        between = project.preview(FIRST + 3)
        results = {step.frame: step for step in steps}
        for preview in (alone, between):
            assert preview.mattes[1].tobytes() == results[FIRST + 3].mattes[1].tobytes()
        with pytest.raises(UnknownFrame):
            project.preview(1)


def test_a_preview_of_a_damaged_frame_says_so(tmp_path: Path) -> None:
    with painted_project(tmp_path) as project:
        (tmp_path / "plate" / "plate.1004.png").write_bytes(b"no picture")
        with pytest.raises(FrameUnreadable, match="1004"):
            project.preview(1004)


def test_nothing_painted_is_told_before_anything_is_logged(tmp_path: Path) -> None:
    with open_project(tmp_path) as project:
        log = project.folder.log.read_bytes()
        with pytest.raises(NoReferences):
            project.propagate()
        assert project.folder.log.read_bytes() == log


def test_a_part_of_a_clip_with_numbers_of_its_own(tmp_path: Path) -> None:
    plate = write_plate(tmp_path / "plate", SHOT.pictures)
    clip = Clip(str(plate), range=(3, 5), offset=-1000)
    with Project.of_clip(Workspace(tmp_path / "w"), clip, model="lite", device="cpu") as project:
        assert project.plate.frames == (3, 4, 5)
        assert np.array_equal(project.plate.view(3), SHOT.pictures[2])
        assert project.plate.path(3).name == "plate.1003.png"
    with pytest.raises(UnknownFrame, match="1 to 6"):
        Project.of_clip(Workspace(tmp_path / "w"), Clip(str(plate), range=(9, 9), offset=-1000))


def test_a_project_keeps_the_size_that_it_was_given_last(tmp_path: Path) -> None:
    clip = Clip(str(write_plate(tmp_path / "plate", SHOT.pictures)))
    for asked, kept in ((None, 480), (96, 96), (None, 96)):
        workspace = Workspace(tmp_path / "w")
        with Project.of_clip(workspace, clip, size=asked, device="cpu") as project:
            assert project.header.size == kept


def test_paintings_that_are_no_more_take_no_memory(tmp_path: Path) -> None:
    with painted_project(tmp_path) as project:
        first = project.references[FIRST]
        for n in range(1, 6):
            project.set_reference(FIRST, {1: SHOT.matte(n)})
        assert len(project._painted) == 1
        for _ in range(5):
            project.undo()
        assert project.references[FIRST][1].tobytes() == first[1].tobytes()


def test_edits_elsewhere_leave_a_painting_the_same(tmp_path: Path) -> None:
    """The same object: else the network would encode it again."""
    with painted_project(tmp_path) as project:
        first = project.references[FIRST]
        project.add_object("third")
        project.set_reference(FIRST + 1, {1: SHOT.matte(1)})
        project.undo()
        project.redo()
        assert project.references[FIRST] is first


def test_files_of_an_edit_stay_once_it_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C or no memory right after the log line must not take the painting away."""
    with painted_project(tmp_path) as project:
        shown = iter([None])

        def show(self: Project) -> None:
            if next(shown, True):
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Project, "_show", show)
            with pytest.raises(KeyboardInterrupt):
                project.set_reference(FIRST + 2, {1: SHOT.matte(2, 1)})
    with open_project(tmp_path) as project:
        assert np.array_equal(project.references[FIRST + 2][1], SHOT.matte(2, 1))


def test_an_undo_that_brings_back_what_can_not_be_read_is_refused(tmp_path: Path) -> None:
    with painted_project(tmp_path) as project:
        stored = project.contents.references[FIRST][1]
        project.set_reference(FIRST, {1: SHOT.matte(1, 1)})
    (project.folder.path / stored.file).write_bytes(b"no picture")
    with open_project(tmp_path) as project:
        before = snapshot(project)
        with pytest.raises(WorkspaceDamaged):
            project.undo()
        assert snapshot(project) == before
        project.add_object("more")


def test_a_wrong_model_is_refused_and_not_kept(tmp_path: Path) -> None:
    plate = Clip(str(write_plate(tmp_path / "plate", SHOT.pictures)))
    workspace = Workspace(tmp_path / "projects")
    with pytest.raises(UsageError, match="no weights"):
        Project.of_clip(workspace, plate, model="nonsense", device="cpu")
    assert not list(workspace.projects())
    with open_project(tmp_path):
        pass
    with pytest.raises(UsageError, match="no weights"):
        Project.of_clip(workspace, plate, model="nonsense", device="cpu")
    with open_project(tmp_path) as project:
        assert project.header.model == "lite"
    (folder,) = workspace.projects()
    Project(folder, device="cpu").close()


def test_a_long_way_of_undos_opens_quickly(tmp_path: Path) -> None:
    """Contents are replayed once, not at each of the undos."""
    line = {"obj": 1, "name": "a"}
    edits = [Edit(n, "rename_object", line) for n in range(1, 2000)]
    edits += [Edit(2000 + n, "undo", {"step": 1999 - n}) for n in range(1998)]
    began = time.process_time()
    assert History(edits).contents.names == {1: "a"}
    assert time.process_time() - began < 1.5


def test_a_preview_with_flow_is_nearer_to_the_propagation(tmp_path: Path) -> None:
    """Only near, where a network remembers the frames before."""
    with painted_project(tmp_path) as project:
        project.set_reference(FIRST + 5, {1: SHOT.matte(5, 1), 2: SHOT.matte(5, 2)})
        shown = [project.preview(FIRST + 2, flow=flow).mattes for flow in (True, False)]
        project.propagate(direction="both")
        made = {obj: project.matte(FIRST + 2, obj) for obj in (1, 2)}
        near, far = (sum(np.abs(each[i] - made[i]).mean() for i in (1, 2)) for each in shown)
        assert near < far / 2


@pytest.mark.parametrize("fields", [("lock", {}), ("reference", {"frame": 1})])
def test_a_log_that_is_not_understood_is_told(
    tmp_path: Path, fields: tuple[str, dict[str, Any]]
) -> None:
    with open_project(tmp_path) as project:
        project._log.append(fields[0], **fields[1])
    with pytest.raises(WorkspaceDamaged, match="understand"), open_project(tmp_path):
        pass
    with pytest.raises(WorkspaceDamaged), open_project(tmp_path):  # not: in use
        pass
