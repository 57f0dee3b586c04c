# SPDX-License-Identifier: Apache-2.0
"""Odd shots in Nuke: names, numbers below zero, one frame, nodes in groups, copies during a job."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.zygote import Engine
from tests.nuke_fake.parse import unknown_names
from tests.nuke_fake.plugin import Session
from tests.nuke_fake.render import pull

from .nuke_shot import FIRST, LAST, Artist, small_plate, truth, write_picture

NAME = "XMemPP1"
ODD = "a b é $HOME \"q\" 'x' {y 100% ; \\z"


def test_odd_names(nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path) -> None:
    """Of folders and objects: all is there when the script is opened again."""
    home = tmp_path / ODD
    home.mkdir()
    shutil.copytree(small_plates.parent, home / "plate")
    artist = Artist(nuke, home / "plate" / small_plates.name, home)
    artist.open(engine)
    names = [ODD, "[exit]", "日本", "}", "a/b", "-", "#1"]
    for name in names:
        artist.run("object_add", name=name, source="matte:rgba.alpha")
    artist.run("object_rename", name="a/b", to=" two\n\tlines ")
    names[4] = "two lines"
    for wrong in (" ", "x" * 300, "a\0b"):
        with pytest.raises(nuke.part("shared.errors").UsageError, match="can't be the name"):
            artist.run("object_rename", name="#1", to=wrong)
    artist.paint(FIRST, "creature")
    artist.run("reference_add")
    assert artist.app.rendered == [f"{FIRST}.exr"] * len(names)  # the plate is the Read's files
    nuke.nuke.scriptSaveAs(str(home / "comp.nk"), True)
    assert unknown_names((home / "comp.nk").read_text("utf-8")) == []
    nuke.nuke.scriptOpen(str(home / "comp.nk"))
    node = nuke.nuke.toNode(NAME)
    assert node["object"].values() == names
    layers = nuke.part("graph").layers_shown(node)
    assert len({*layers}) == len(names)
    for layer in layers:
        assert np.array_equal(pull(node, FIRST).planes[f"{layer}.alpha"], truth("creature", FIRST))


@pytest.mark.parametrize(
    ("first", "last", "pattern", "how"),
    [
        (-3, 2, "%04d", "automatic"),
        (-3, 2, "####", "rendered"),
        (5, 5, "%d", "automatic"),
        (99_999, 100_001, "%04d", "automatic"),
    ],
)
def test_odd_frames(
    nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path,
    first: int, last: int, pattern: str, how: str,
) -> None:  # fmt: skip
    """Plate and matte as files of such numbers, or rendered."""
    frames = range(first, last + 1)
    for at, frame in enumerate(frames, FIRST):
        number = f"{frame:04d}" if pattern != "%d" else str(frame)
        shutil.copy(small_plates.parent / f"plate.{at}.exr", tmp_path / f"plate.{number}.exr")
        write_picture(tmp_path / f"m.{number}.exr", truth("creature", at)[..., None], "A")
    artist = Artist(nuke, tmp_path / f"plate.{pattern}.exr", tmp_path, last)
    artist.read["first"].setValue(first)
    values = {"file": str(tmp_path / f"m.{pattern}.exr"), "first": first, "last": last}
    artist.node.setInput(1, nuke.nuke.nodes.Read(**values))
    artist.node["plate_as"].setValue(how)
    nuke.nuke.frame(first)
    artist.open(engine)
    artist.run("object_add", name="creature", source="matte:rgba.alpha")
    artist.run("reference_add")
    artist.run("propagate")
    rendered = [f"{frame}.exr" for frame in (first, *frames)]  # the matte, then the plate
    assert nuke.app.rendered == (rendered if how == "rendered" else [])
    assert artist.files() == [*frames]
    wanted = truth("creature", FIRST)
    assert np.array_equal(artist.downstream(first).planes["creature.alpha"], wanted)
    assert artist.downstream(last).planes["creature.alpha"].any()


def test_a_retimed_plate_with_handles_and_proxy(
    nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    artist = Artist(nuke, small_plates, tmp_path)
    for knob, value in (("frame_mode", "start at"), ("frame", "1")):
        artist.read[knob].setValue(value)
    nuke.nuke.root()["proxy"].setValue(True)
    artist.node["handles"].setValue(2)
    artist.open(engine, "creature")
    artist.roto._painted[3, "rgba.alpha"] = truth("creature", 1003)
    nuke.nuke.frame(3)
    artist.run("reference_add")
    artist.run("propagate")
    assert artist.files() == [3, 4, 5, 6]
    nuke.nuke.root()["proxy"].setValue(False)
    planes = artist.downstream(3).planes
    assert np.array_equal(planes["creature.alpha"], truth("creature", 1003))


def test_a_node_in_a_group(
    nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    """The plate comes through the group's input: it is rendered. The session is taken up there."""
    artist, module = Artist(nuke, small_plates, tmp_path), nuke.nuke
    outer = module.nodes.Group(name="Artists")
    with outer:
        source = module.nodes.Input(name="p", number=0)
        artist.roto = module.nodes.Roto(inputs=[source])
        artist.node = nuke.part("graph").build(source, artist.roto)
        module.nodes.Output(inputs=[artist.node])
    outer.setInput(0, artist.read)
    for knob, value in (("size", 72), ("model", "lite")):
        artist.node[knob].setValue(value)
    artist.open(engine, "creature")
    artist.paint(FIRST, "creature")
    artist.run("reference_add")
    artist.run("propagate")
    assert artist.files() == [*range(FIRST, LAST + 1)]
    module.scriptSaveAs(str(tmp_path / "comp.nk"), True)
    module.scriptOpen(str(tmp_path / "comp.nk"))
    outer = module.toNode("Artists")
    assert pull(outer, LAST).planes["creature.alpha"].any()
    artist.node = outer.node(NAME)
    artist.run("clip_open")
    artist.run("propagate")
    assert artist.node["message"].value() == ""


def test_a_copy_while_a_job_runs(nuke: Session, engine: Engine, tmp_path: Path) -> None:
    """The job goes on for the node that was copied; afterwards both work at once."""
    last = FIRST + 31
    frames = [*range(FIRST, last + 1)]
    artist = Artist(nuke, small_plate(tmp_path / "plate", FIRST, last), tmp_path, last)
    artist.open(engine, "creature")
    artist.paint(FIRST, "creature")
    artist.run("reference_add")
    bridge, commands, files = nuke.bridge(), nuke.part("commands").COMMANDS, nuke.part("files")
    commands["propagate"](artist.node)
    bridge.wait(lambda: len(artist.files()) >= 3)
    artist.node.setSelected(True)
    nuke.nuke.nodeCopy(str(tmp_path / "clipboard"))
    copy = nuke.nuke.nodePaste(str(tmp_path / "clipboard"))
    for number, source in enumerate((artist.read, artist.roto)):
        copy.setInput(number, source)
    with pytest.raises(nuke.part("shared.errors").UsageError, match="is a copy of"):
        commands["cancel"](copy)
    commands["clip_forget"](copy)
    commands["clip_open"](copy)
    bridge.wait()
    assert artist.files() == frames
    nuke.plugin.run(copy, "object_add", name="thing", source="matte:rgba.alpha")
    nuke.plugin.run(copy, "reference_add")
    for node in (copy, artist.node):
        commands["propagate"](node)
    bridge.wait()
    assert files.frames(files.newest(copy)) == frames
    assert [copy["message"].value(), artist.node["message"].value()] == ["", ""]
    commands["propagate"](artist.node)
    bridge.wait(lambda: "propagate" in artist.node["state"].value())
    nuke.nuke.delete(artist.node)
    bridge.wait()
    nuke.nuke.undo()
    assert artist.node["state"].value() == "connected"
    artist.run("clip_open")
    assert artist.files() == frames
