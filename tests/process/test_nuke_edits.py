# SPDX-License-Identifier: Apache-2.0
"""Objects, references, locks, versions and the engine's undo in Nuke: files follow each edit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.zygote import Engine
from tests.nuke_fake.plugin import Session
from tests.nuke_fake.render import pull

from .nuke_shot import FIRST, LAST, OBJECTS, Artist, truth

ALL = [*range(FIRST, LAST + 1)]


@pytest.fixture
def artist(nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path) -> Artist:
    found = Artist(nuke, small_plates, tmp_path)
    found.open(engine, *OBJECTS)
    return found


def references(artist: Artist) -> list[str]:
    """Painted frames as the node lists them."""
    return [*artist.node["reference"].values()]


def test_references(artist: Artist) -> None:
    """Painted, changed, not visible, taken back; the EXRs are what was painted."""
    node = artist.node
    artist.paint(1002, "creature")
    artist.run("reference_add")
    planes = artist.downstream(1002).planes
    assert np.array_equal(planes["creature.alpha"], truth("creature", 1002))
    assert not planes["ball.alpha"].any()
    artist.paint(1002, "ball")
    artist.roto._painted[1002, "rgba.alpha"][:] = 0  # black: nothing is told of the creature
    artist.run("reference_update")
    planes = artist.downstream(1002).planes
    assert np.array_equal(planes["creature.alpha"], truth("creature", 1002))
    assert np.array_equal(planes["ball.alpha"], truth("ball", 1002))
    artist.run("not_visible", name="ball")
    assert not artist.downstream(1002).planes["ball.alpha"].any()
    artist.paint(1006, "ball")
    artist.run("reference_add")
    assert references(artist) == ["1002", "1006"]
    artist.run("reference_next")
    assert artist.nuke.frame() == 1002
    artist.run("reference_previous")
    assert artist.nuke.frame() == 1006
    assert node["reference"].value() == "1006"
    artist.run("reference_remove")
    assert references(artist) == ["1002"]
    assert artist.files() == [1002]
    artist.nuke.frame(1002)
    artist.run("reference_remove")
    assert references(artist) == ["-"]
    assert artist.files() == []
    assert artist.downstream(1002).planes.keys() >= {"rgba.red"}
    assert "creature.alpha" not in artist.downstream(1002).planes  # all passes


def test_objects(artist: Artist) -> None:
    """Named by the artist; their layers are names that Nuke accepts, in every file."""
    artist.paint(FIRST, *OBJECTS)
    artist.run("reference_add")
    artist.run("propagate")
    artist.run("object_rename", name="creature", to="01 héro")
    planes = artist.downstream(1004).planes
    assert "object_01_hero.alpha" in planes
    assert "creature.alpha" not in planes
    artist.run("object_add", name="ball.", source="matte:rgba.alpha")
    assert {"ball.alpha", "ball_2.alpha"} <= artist.downstream(1004).planes.keys()
    artist.run("object_source", name="ball.", source="new_input")
    assert artist.session.part("sources").read(artist.node)[3].input == "matte2"
    artist.node.setInput(2, artist.roto)
    artist.run("object_remove", name="ball")
    planes = artist.downstream(1004).planes
    assert "ball.alpha" in planes  # the name is free: now that of the third
    assert "ball_2.alpha" not in planes
    artist.paint(1003, "creature")
    artist.run("reference_add")
    planes = artist.downstream(1003).planes
    assert np.array_equal(planes["ball.alpha"], truth("creature", 1003))  # of an input of its own
    errors = artist.session.part("shared.errors")
    with pytest.raises(errors.UsageError, match=r"'ball\.' already"):
        artist.run("object_add", name="ball.", source="matte:paint.ball")
    assert artist.session.part("sources").read(artist.node)[3].input == "matte2"
    with pytest.raises(errors.UnknownObject, match="no object 'x'"):
        artist.run("object_remove", name="x")


def test_many_objects_take_several_copies(artist: Artist) -> None:
    for number in range(5):
        artist.run("object_add", name=f"part {number}", source="matte:rgba.alpha")
    artist.paint(FIRST, "creature")
    artist.run("reference_add")
    names = {f"part_{number}.alpha" for number in range(5)} | {"creature.alpha", "ball.alpha"}
    planes = artist.downstream(FIRST).planes
    assert names <= planes.keys()
    for name in names - {"ball.alpha"}:
        assert np.array_equal(planes[name], truth("creature", FIRST)), name
    copies = [n.name() for n in artist.node.nodes() if n.Class() == "Copy"]
    assert sorted(copies) == ["Layers1", "Layers2"]


def test_locked_frames_stay(artist: Artist) -> None:
    artist.paint(FIRST, "creature")
    artist.run("reference_add")
    artist.run("propagate")
    artist.node["lock_range"].setValue("1003-1004, 1006")
    artist.run("lock")
    assert artist.node["locked"].value() == "1003-1004 1006"
    before = {f: artist.downstream(f).planes["creature.alpha"] for f in ALL}
    artist.paint(LAST, "creature")
    artist.run("reference_add")
    artist.run("propagate")
    for frame in ALL:
        same = np.array_equal(artist.downstream(frame).planes["creature.alpha"], before[frame])
        assert same == (frame in (1001, 1003, 1004, 1006)), frame
    artist.run("unlock")
    assert artist.node["locked"].value() == "none"


def test_the_chosen_object_alone(artist: Artist) -> None:
    """A propagation replaces its mattes, and leaves those of the others as they are."""
    artist.paint(FIRST, *OBJECTS)
    artist.run("reference_add")
    artist.run("propagate")
    before = {f: artist.downstream(f).planes for f in ALL}
    artist.paint(LAST, *OBJECTS)
    artist.run("reference_add")
    for knob, value in (("replaced", "the chosen one"), ("object", "ball"), ("priority", "high")):
        artist.node[knob].setValue(value)
    artist.run("propagate")
    for frame in ALL[1:-1]:
        after = artist.downstream(frame).planes
        same = [
            np.array_equal(after[n], before[frame][n]) for n in ("creature.alpha", "ball.alpha")
        ]
        assert same == [True, False], frame
    assert sorted(confidence(artist)) == ALL


def test_undo_in_the_engine(artist: Artist) -> None:
    artist.paint(FIRST, "creature")
    artist.run("reference_add")
    artist.run("propagate")
    artist.run("undo")
    assert artist.files() == [FIRST]
    artist.run("redo")
    assert artist.files() == ALL
    artist.paint(1004, "creature")
    artist.run("reference_add")
    first = artist.downstream(1004).planes["creature.alpha"]
    artist.roto._painted[1004, "rgba.alpha"] = np.ones((72, 128), np.float32)
    artist.run("reference_add")
    assert artist.downstream(1004).planes["creature.alpha"].all()
    artist.run("undo")
    assert np.array_equal(artist.downstream(1004).planes["creature.alpha"], first)


def confidence(artist: Artist) -> dict[int, float]:
    """The curve's keys."""
    curve = artist.node["confidence"]
    return {int(frame): curve.getValueAt(frame) for frame in curve.getKeyList()}


def test_the_curve_of_confidence_is_of_mattes_that_are_there(artist: Artist) -> None:
    """Keys of frames that were taken back are gone; the values are those of the engine."""
    artist.paint(1004, *OBJECTS)
    artist.run("reference_add")
    assert confidence(artist) == {}
    for knob, value in (("range", "custom"), ("first", 1003), ("last", 1006)):
        artist.node[knob].setValue(value)
    artist.run("propagate")
    both = confidence(artist)
    assert sorted(both) == [1003, 1004, 1005, 1006]
    artist.node["range"].setValue("clip")
    artist.run("propagate")
    whole = confidence(artist)
    assert sorted(whole) == ALL
    artist.run("undo")
    assert confidence(artist) == pytest.approx(both)
    artist.run("redo")
    assert confidence(artist) == pytest.approx(whole)
    artist.run("object_remove", name="ball")
    alone = confidence(artist)
    assert alone.keys() == whole.keys()
    assert all(alone[frame] >= whole[frame] - 1e-6 for frame in alone)
    assert alone != pytest.approx(whole)  # the ball was the least sure somewhere
    for command in ("undo", "undo", "undo", "undo"):
        artist.run(command)
    assert confidence(artist) == {}
    assert not artist.node["confidence"].isAnimated()


def test_an_object_that_comes_back_is_still_painted_where_it_was(artist: Artist) -> None:
    """Without its source, what was painted of it would be replaced by nothing."""
    artist.paint(FIRST, *OBJECTS)
    artist.run("reference_add")
    artist.run("object_remove", name="creature")
    artist.run("undo")
    artist.run("reference_add")
    for name in OBJECTS:
        assert np.array_equal(
            artist.downstream(FIRST).planes[f"{name}.alpha"], truth(name, FIRST)
        ), name
    artist.node["sources"].setValue("{}")  # as of an object that was added elsewhere
    with pytest.raises(artist.session.part("shared.errors").BadMask, match="Matte From"):
        artist.run("reference_add")
    assert references(artist) == [str(FIRST)]


def test_versions(artist: Artist) -> None:
    """New mattes leave those of earlier versions alone, and an earlier one can be shown."""
    node = artist.node
    artist.paint(FIRST, "creature")
    artist.run("reference_add")
    artist.run("propagate")
    first = artist.downstream(1004).planes["creature.alpha"]
    artist.run("version_new")
    assert node["version"].values() == ["v001", "v002"]
    assert artist.files() == ALL
    artist.paint(1004, "creature")
    artist.run("reference_add")
    second = artist.downstream(1004).planes["creature.alpha"]
    assert not np.array_equal(first, second)
    node.showControlPanel()
    node["version"].setValue("v001")
    assert np.array_equal(artist.downstream(1004).planes["creature.alpha"], first)
    artist.run("layers_load")
    assert np.array_equal(artist.downstream(1004).planes["creature.alpha"], first)
    node["version"].setValue("v002")
    assert np.array_equal(artist.downstream(1004).planes["creature.alpha"], second)


def test_the_farm_may_ask_for_black(artist: Artist) -> None:
    artist.paint(FIRST, "creature")
    artist.run("reference_add")
    artist.paint(LAST, "creature")
    artist.run("reference_add")
    with pytest.raises(RuntimeError, match="no such file"):
        artist.downstream(1004)
    artist.node["missing"].setValue("black")
    assert not artist.downstream(1004).planes["creature.alpha"].any()
    assert pull(artist.read, 1004).planes["rgba.red"].any()


def test_a_folder_that_can_not_be_written(artist: Artist) -> None:
    """The sentence names it; when it is put right, nothing has to be painted again."""
    errors = artist.session.part("shared.errors")
    folder = artist.session.part("files").newest(artist.node).folder
    folder.parent.parent.mkdir()
    folder.parent.write_text("in the way")
    artist.paint(FIRST, "creature")
    with pytest.raises(errors.OutputUnwritable, match="can't be written"):
        artist.run("reference_add")
    assert references(artist) == [str(FIRST)]
    folder.parent.unlink()
    artist.run("layers_load")
    planes = artist.downstream(FIRST).planes
    assert np.array_equal(planes["creature.alpha"], truth("creature", FIRST))
