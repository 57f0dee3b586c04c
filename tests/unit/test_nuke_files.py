# SPDX-License-Identifier: Apache-2.0
"""Where the plugin for Nuke keeps mattes: names, owners, versions, files that are in use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.nuke_fake.plugin import Session


@pytest.fixture
def node(session: Session) -> Any:
    return session.part("graph").build()


@pytest.mark.parametrize("name", ["", "a/b", "a%04d", "[exit]", "a{b", "a\\b"])
def test_what_files_can_not_be_called(
    session: Session, node: Any, tmp_path: Path, name: str
) -> None:
    files = session.part("files")
    node["folder"].setValue(str(tmp_path))
    node["shot"].setValue(name)
    with pytest.raises(session.part("shared.errors").UsageError, match="can't be the name"):
        files.newest(node)
    node["shot"].setValue("sh010-plate_v2")
    assert files.newest(node).file(-5) == tmp_path / "sh010-plate_v2/v001/sh010-plate_v2.-005.exr"


@pytest.mark.parametrize("folder", ["/jobs/job#12", "/jobs/%04d", "/jobs/%V/x"])
def test_a_folder_that_nuke_reads_otherwise(session: Session, node: Any, folder: str) -> None:
    node["folder"].setValue(folder)
    node["shot"].setValue("sh010")
    with pytest.raises(session.part("shared.errors").UsageError, match="number of a frame"):
        session.part("files").newest(node)


def test_new_files_are_shown_without_a_look_at_all(
    session: Session, node: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There may be thousands, on a slow server, and Nuke waits."""
    graph, files, read = session.part("graph"), session.part("files"), node.node("Mattes")
    for knob, value in (("folder", str(tmp_path)), ("shot", "sh010")):
        node[knob].setValue(value)
    files.newest(node).folder.mkdir(parents=True)
    for frame in (1003, 1004):
        files.newest(node).file(frame).touch()
    graph.show_layers(node, ["hero"])
    graph.show_more(node, [1004])
    assert (read["first"].value(), read["last"].value()) == (1003, 1004)
    looks: list[Any] = []
    monkeypatch.setattr(files, "frames", looks.append)
    graph.show_more(node, [1001, 1002])
    assert (read["first"].value(), read["last"].value()) == (1001, 1004)
    node["version"].setValues(["v001", "v002"])  # new files go to the second, the first is shown
    graph.show_more(node, [1000])
    assert (read["first"].value(), looks) == (1001, [])


def test_an_expression_that_is_none(session: Session, node: Any) -> None:
    node["folder"].setValue("[nonsense")
    with pytest.raises(session.part("shared.errors").UsageError, match=r"'\[nonsense' can't be"):
        session.part("files").newest(node)


def test_only_files_of_the_session_are_deleted(session: Session, tmp_path: Path) -> None:
    """A node that has no session yet owns none, whatever lies in its folder."""
    files = session.part("files")
    sequence = files.Sequence(tmp_path, "plate")
    sequence.file(1001).write_bytes(b"a render")
    assert not files.keep_only(sequence, "", [])
    assert not files.keep_only(sequence, "s1", [])
    with pytest.raises(session.part("shared.errors").OutputExists, match="not of XMem"):
        files.claim(sequence, "s1")
    files.mark(sequence, "", 3)
    assert [entry.name for entry in tmp_path.iterdir()] == ["plate.1001.exr"]
    sequence.file(1001).unlink()
    files.claim(sequence, "s1")
    sequence.file(1001).write_bytes(b"a matte")
    files.claim(sequence, "s1")
    assert files.keep_only(sequence, "s1", [])
    assert files.frames(sequence) == []


def test_a_file_that_nuke_reads_is_replaced_when_it_was_read(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows it can't be before; a folder that refuses is named after a while."""
    files, replace, tries = session.part("files"), Path.replace, []

    def refused(path: Path, target: Path) -> Path:
        tries.append(path)
        if len(tries) in (3, 4):
            return replace(path, target)
        raise PermissionError(13, "in use")

    monkeypatch.setattr(Path, "replace", refused)
    monkeypatch.setattr(files, "_PAUSES", (0.001,) * 3)
    files.write(tmp_path / "a.exr", b"1")
    files.write(tmp_path / "a.exr", b"2")
    assert (tmp_path / "a.exr").read_bytes() == b"2"
    with pytest.raises(session.part("shared.errors").OutputUnwritable, match="in use"):
        files.write(tmp_path / "a.exr", b"3")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.exr"]


def test_start_anew_asks_first(session: Session, node: Any, tmp_path: Path) -> None:
    """One click must not part a node from what was painted."""
    node["folder"].setValue(str(tmp_path))
    for name, value in (("shot", "plate"), ("session", "s1"), ("workspace", "/projects/s1")):
        node[name].setValue(value)
    session.app.answers += [None, {}]
    session.app.press(node, "clip_forget")
    assert "/projects/s1" in session.app.messages[-1]
    assert node["session"].value() == "s1"
    session.app.press(node, "clip_forget")
    assert node["session"].value() == ""
    session.app.press(node, "clip_forget")  # nothing to lose: nobody is asked
    assert session.app.answers == []


def test_tokens_of_the_folder(
    session: Session, node: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nuke's own expressions: the script's folder, other knobs, the environment of the shot."""
    monkeypatch.setenv("PASS", "out")
    files = session.part("files")
    session.nuke.root()["name"].setValue(f"{tmp_path}/sh010/comp_v003.nk")
    node["shot"].setValue("plate")
    node["folder"].setValue("[file dirname [value root.name]]/[value shot]/[getenv PASS]")
    assert files.newest(node).folder == tmp_path / "sh010/plate/out/plate/v001"
    shown = node.node("Mattes")["file"].getEvaluatedValue()
    assert shown == f"{tmp_path}/sh010/plate/out/plate/v001/plate.%04d.exr"
