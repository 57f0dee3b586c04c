# SPDX-License-Identifier: Apache-2.0
"""Looking after projects: verify, repair, gc, info, and their commands."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from engine_server.commands import workspace as commands
from engine_server.session.workspace import ProjectFolder, ProjectLock, Workspace
from engine_server.session.workspace.upkeep import collect_garbage, info, repair, verify
from shared.errors import NotFound, UsageError, WorkspaceBusy, WorkspaceDamaged
from tests.unit.projects import FIRST, SHOT, only_folder, open_project, painted_project
from tests.unit.test_project import play, snapshot


@pytest.fixture
def folder(tmp_path: Path) -> ProjectFolder:
    with open_project(tmp_path) as project:
        play(project)
    return only_folder(tmp_path)


def lines(folder: ProjectFolder) -> list[bytes]:
    return folder.log.read_bytes().splitlines(keepends=True)


def spoil(folder: ProjectFolder, *kinds: str) -> None:
    """Damages the first log line of each kind."""
    text = lines(folder)
    for kind in kinds:
        at = next(i for i, line in enumerate(text) if b'"do": "%s"' % kind.encode() in line)
        text[at] = b"#" + text[at][1:]
    folder.log.write_bytes(b"".join(text))


def test_a_whole_project_is_whole(folder: ProjectFolder) -> None:
    assert verify(folder) == []
    assert vars(repair(folder)) == {"lines": [], "references": [], "lost": []}


def test_info_tells_what_there_is(folder: ProjectFolder) -> None:
    told = info(folder)
    assert told["objects"] == {"1": "ball", "2": "wall"}
    assert told["references"] == [FIRST]
    assert told["locked"] == [1003]
    assert told["undo"][0] == "unlock frame 1002"
    assert told["undo"][2] == "colour object 1"
    assert told["redo"] == []
    assert told["in_use_by"] is None


def test_a_lost_matte_is_told_left_out_and_made_again(
    folder: ProjectFolder, tmp_path: Path
) -> None:
    with open_project(tmp_path) as project:
        lost = folder.path / project.contents.mattes[1005][1].file
        flipped = folder.path / project.contents.mattes[1006][1].file
    lost.unlink()
    data = bytearray(flipped.read_bytes())
    data[-20] ^= 1
    flipped.write_bytes(data)
    problems = verify(folder)
    assert len(problems) == 2
    assert "missing" in problems[0]
    assert "not what was written" in problems[1]
    assert repair(folder).lost == [folder.relative(lost), folder.relative(flipped)]
    assert verify(folder) == []
    with open_project(tmp_path) as project:
        assert 1 not in project.contents.mattes[1005]
        assert 1 not in project.contents.mattes[1006]
        project.set_reference(FIRST + 5, {1: SHOT.matte(5, 1)})  # what they were made with
        project.propagate(direction="both")
        assert 1 in project.contents.mattes[1005]
    assert verify(folder) == []


@pytest.mark.parametrize("kind", ["add_object", "reference", "propagate", "matte", "lock", "end"])
def test_a_damaged_line_costs_no_painting(folder: ProjectFolder, tmp_path: Path, kind: str) -> None:
    with open_project(tmp_path) as project:
        before = snapshot(project)
    spoil(folder, kind)
    with pytest.raises(WorkspaceDamaged, match="repair"), open_project(tmp_path):
        pass
    assert len(verify(folder)) == 1
    assert len(repair(folder).lines) == 1
    assert verify(folder) == []
    assert len(list(folder.path.glob("edits.damaged-*.jsonl"))) == 1
    with open_project(tmp_path) as project:
        assert snapshot(project)["references"] == before["references"]
        assert sorted(project.objects) == [1, 2]
        project.propagate()


def test_several_damaged_lines(folder: ProjectFolder, tmp_path: Path) -> None:
    spoil(folder, "add_object", "reference", "propagate", "lock")
    report = repair(folder)
    assert len(report.lines) == 4
    assert report.references == [FIRST]
    with open_project(tmp_path) as project:
        assert list(project.references) == [FIRST]


def test_gc_keeps_what_undo_and_redo_can_reach(folder: ProjectFolder, tmp_path: Path) -> None:
    with open_project(tmp_path) as project:
        for _ in range(6):
            project.undo()
        before = snapshot(project)
    (folder.path / "mattes" / "0004" / ".half.1234").write_bytes(b"x" * 1000)
    (folder.path / "references" / "0099").mkdir()
    (folder.path / "references" / "0099" / "1001_1.png").write_bytes(b"y" * 500)
    folder.cache.mkdir()
    (folder.cache / "thumbnail").write_bytes(b"z" * 50)
    assert collect_garbage(folder) == 1550
    assert collect_garbage(folder) == 0
    assert verify(folder) == []
    with open_project(tmp_path) as project:
        assert snapshot(project) == before
        for _ in range(6):
            project.redo()


def test_gc_forgets_undo_steps_when_asked(folder: ProjectFolder, tmp_path: Path) -> None:
    with open_project(tmp_path) as project:
        project.set_reference(FIRST + 5, {1: SHOT.matte(4, 1)})
        project.propagate()
        before = snapshot(project)
    assert collect_garbage(folder, undo_steps=2) > 0
    assert verify(folder) == []
    with open_project(tmp_path) as project:
        now = snapshot(project)
        assert now["undo"] == before["undo"][-2:]
        assert {**now, "undo": 0} == {**before, "undo": 0}
        project.undo()
        project.undo()
        assert {f for f, _ in snapshot(project)["references"]} == {FIRST}
        assert snapshot(project)["mattes"]


def test_a_project_in_use_is_left_alone(tmp_path: Path) -> None:
    with painted_project(tmp_path) as project:
        for act in (collect_garbage, repair):
            with pytest.raises(WorkspaceBusy):
                act(project.folder)
        assert info(project.folder)["in_use_by"]["pid"]


def test_headers_that_can_not_be_used(folder: ProjectFolder) -> None:
    header = json.loads(folder.header_file.read_text())
    folder.header_file.write_text(json.dumps({**header, "version": 99}))
    with pytest.raises(UsageError, match="newer engine"):
        folder.header()
    for text in ("{", "[]", '{"format": "xmempp project", "version": 1}', '{"format": "x"}'):
        folder.header_file.write_text(text)
        with pytest.raises(WorkspaceDamaged, match=r"project\.json"):
            folder.header()
        assert verify(folder)
    folder.header_file.unlink()
    with pytest.raises(NotFound):
        folder.header()


def test_a_header_may_hold_more_than_is_known(folder: ProjectFolder) -> None:
    header = json.loads(folder.header_file.read_text())
    folder.header_file.write_text(json.dumps({**header, "mood": "good"}))
    assert folder.header().name == "plate"


# Commands


def call(name: str, capsys: pytest.CaptureFixture[str], **options: Any) -> tuple[int, str]:
    told = argparse.Namespace(**{"json": False, "workspace": None, **options})
    code = getattr(commands, f"run_{name}")(told, Console())
    return code, capsys.readouterr().out


def test_the_commands(
    folder: ProjectFolder, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    root, name = folder.path.parent, folder.path.name
    code, out = call("list", capsys, workspace=root, json=True)
    assert (code, [row["project"] for row in json.loads(out)]) == (0, [name])
    assert "1001" in call("list", capsys, workspace=root)[1]
    assert call("list", capsys, workspace=tmp_path / "nowhere", json=True) == (0, "[]\n")
    assert "wall" in call("info", capsys, workspace=root, project=name)[1]
    assert json.loads(call("info", capsys, project=str(folder.path), json=True)[1])["mattes"]
    assert call("verify", capsys, project=str(folder.path)) == (0, "The project is whole.\n")
    spoil(folder, "reference")
    code, out = call("verify", capsys, project=str(folder.path), json=True)
    assert (code, json.loads(out)["whole"]) == (1, False)
    assert "error" in json.loads(call("list", capsys, workspace=root, json=True)[1])[0]
    lock = ProjectLock(folder.lock)
    assert "in use" not in call("list", capsys, workspace=root)[1].splitlines()[-2]
    lock.release()
    assert "found again" in call("repair", capsys, project=str(folder.path))[1]
    assert "nothing" in call("repair", capsys, project=str(folder.path))[1]
    code, out = call("gc", capsys, project=str(folder.path), keep_undo=None)
    assert (code, out) == (0, "0.0 MB freed.\n")
    with pytest.raises(NotFound, match="nothing-here"):
        call("info", capsys, workspace=root, project="nothing-here")
    assert Workspace(root).named(name).path == folder.path
