# SPDX-License-Identifier: Apache-2.0
"""Scripts with XMem++ nodes: saved, opened elsewhere, copied, undone; nodes that are deleted."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.zygote import Engine
from tests.nuke_fake import App, make_module
from tests.nuke_fake.parse import unknown_names
from tests.nuke_fake.plugin import Session, running
from tests.nuke_fake.render import pull

from .nuke_shot import FIRST, LAST, OBJECTS, Artist

NAME = "XMemPP1"
ALL = [*range(FIRST, LAST + 1)]


def propagated(session: Session, plate: Path, folder: Path, engine: Engine) -> Artist:
    """An artist with mattes of both objects."""
    artist = Artist(session, plate, folder)
    artist.open(engine, *OBJECTS)
    artist.paint(FIRST, *OBJECTS)
    artist.run("reference_add")
    artist.run("propagate")
    return artist


def test_a_script_on_the_farm(
    nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    """Another folder, no engine, not even the plugin: the EXRs are enough."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    artist = propagated(nuke, small_plates, here, engine)
    wanted = artist.downstream(1005).planes
    nuke.nuke.scriptSaveAs(str(here / "comp.nk"), True)
    text = (here / "comp.nk").read_text("utf-8")
    assert unknown_names(text) == []
    assert len(text) < 30_000  # nothing bulky
    shutil.move(here, there)
    app = App()
    module = make_module(app)
    module.scriptOpen(str(there / "comp.nk"))
    planes = pull(module.toNode(artist.node.name()), 1005).planes
    for name in ("creature.alpha", "ball.alpha", "rgba.alpha", "rgba.red"):
        assert np.array_equal(planes[name], wanted[name]), name


def test_the_session_is_taken_up(
    nuke_home: Path, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    """Saved, closed, opened in another Nuke: the work goes on where it was left."""
    with running(nuke_home) as first:
        artist = propagated(first, small_plates, tmp_path, engine)
        name, session = artist.node.name(), artist.node["session"].value()
        first.nuke.scriptSaveAs(str(tmp_path / "comp.nk"), True)
        times = {f: artist_file(artist, f).stat().st_mtime_ns for f in ALL}
    with running(nuke_home) as second:
        second.nuke.scriptOpen(str(tmp_path / "comp.nk"))
        node = second.nuke.toNode(name)
        assert node["candidates"].Class() == "Double_Knob"
        assert len(node["confidence"].getKeyList()) >= LAST - FIRST
        assert node["state"].value() == "stopped"
        second.plugin.run(node, "engine_connect")  # sessions that are remembered are taken up
        assert node["session"].value() == session
        assert node["reference"].values() == [str(FIRST)]
        again = {f: artist_file(artist, f, second).stat().st_mtime_ns for f in ALL}
        assert again == times  # nothing changed: nothing is written
        assert [s.input for s in second.part("sources").read(node).values()] == ["matte", "matte"]
        roto = second.nuke.toNode("Paint")
        roto._painted[1004, "rgba.alpha"] = np.ones((72, 128), np.float32)
        second.nuke.frame(1004)
        second.plugin.run(node, "reference_add")
        assert node["reference"].values() == ["1001", "1004"]
        steps = second.app.undo_steps
        for frame in ("1001", "1004"):
            second.plugin.run(node, "reference_next")
            assert node["reference"].value() == frame
        assert second.app.undo_steps == steps
        assert pull(node, 1004).planes["creature.alpha"].all()


def test_two_nodes_and_a_copy(
    nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    artist = propagated(nuke, small_plates, tmp_path, engine)
    node, module = artist.node, nuke.nuke
    other = nuke.part("graph").build(artist.read, artist.roto)
    assert other.name() != node.name()
    other["size"].setValue(72)
    nuke.plugin.run(other, "clip_open")
    assert other["session"].value() not in ("", node["session"].value())
    assert other["shot"].value() == f"{node['shot'].value()}_2"

    node.setSelected(True)
    module.nodeCopy(str(tmp_path / "clipboard"))
    copy = module.nodePaste(str(tmp_path / "clipboard"))
    copy.setInput(0, artist.read)
    copy.setInput(1, artist.roto)
    assert {"creature.alpha", "ball.alpha"} <= pull(copy, 1003).planes.keys()
    errors = nuke.part("shared.errors")
    with pytest.raises(errors.UsageError, match="is a copy of"):
        nuke.plugin.run(copy, "clip_open")
    steps = nuke.app.undo_steps
    nuke.plugin.run(copy, "clip_forget")
    assert nuke.app.undo_steps == steps
    nuke.plugin.run(copy, "clip_open")
    nuke.plugin.run(copy, "object_add", name="ball", source="matte:paint.ball")
    module.frame(FIRST)
    nuke.plugin.run(copy, "reference_add")
    assert node["object"].values() == [*OBJECTS]
    assert artist.files() == ALL
    assert pull(copy, FIRST).planes["ball.alpha"].any()
    assert "creature.alpha" in artist.downstream(1003).planes


def test_mattes_of_another_session_are_not_overwritten(
    nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    artist = propagated(nuke, small_plates, tmp_path, engine)
    other = nuke.part("graph").build(artist.read, artist.roto)
    other["shot"].setValue(artist.node["shot"].value())
    before = {f: artist_file(artist, f).read_bytes() for f in artist.files()}
    errors = nuke.part("shared.errors")
    with pytest.raises(errors.OutputExists, match="another session"):
        nuke.plugin.run(other, "clip_open")  # before anything is painted for it
    other["shot"].setValue("other")
    nuke.plugin.run(other, "clip_open")
    nuke.plugin.run(other, "object_add", name="thing", source="matte:rgba.alpha")
    other["shot"].setValue(artist.node["shot"].value())
    with pytest.raises(errors.OutputExists, match="another session"):
        nuke.plugin.run(other, "reference_add")
    assert {f: artist_file(artist, f).read_bytes() for f in artist.files()} == before


def test_files_of_others_are_neither_deleted_nor_overwritten(
    nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    """Renders may lie where mattes would go, under the same names."""
    folder = tmp_path / "mattes" / "plate" / "v001"
    folder.mkdir(parents=True)
    for frame in (*ALL, 2000):
        (folder / f"plate.{frame}.exr").write_bytes(b"a render")
    artist = Artist(nuke, small_plates, tmp_path)
    artist.node["shot"].setValue("plate")
    with pytest.raises(nuke.part("shared.errors").OutputExists, match="not of XMem"):
        artist.open(engine)
    artist.node["shot"].setValue("")
    artist.run("clip_open")  # by itself it takes a name that is free
    assert artist.node["shot"].value() == "plate_2"
    artist.run("object_add", name="creature", source="matte:rgba.alpha")
    artist.node["shot"].setValue("plate")
    artist.paint(FIRST, "creature")
    with pytest.raises(nuke.part("shared.errors").OutputExists, match="not of XMem"):
        artist.run("reference_add")
    assert {file.read_bytes() for file in folder.iterdir()} == {b"a render"}
    assert len([*folder.iterdir()]) == len(ALL) + 1


def test_nodes_of_one_name_in_two_groups(nuke: Session, tmp_path: Path) -> None:
    """Their files don't get the same name."""
    module, graph = nuke.nuke, nuke.part("graph")
    nuke.plugin._commands()
    found = []
    for _ in range(2):
        with module.nodes.Group():
            read = module.nodes.Read(file=f"{tmp_path}/plate.%04d.exr")
            found.append(graph.build(read))
        found[-1]["folder"].setValue(str(tmp_path / "out"))
    assert found[0].name() == found[1].name()
    found[0]["shot"].setValue("plate")
    assert nuke.part("commands_shot")._free_name(found[1]) == "plate_2"


def artist_file(artist: Artist, frame: int, session: Session | None = None) -> Path:
    """The EXR of a frame, in the Nuke where it was made or in another."""
    nuke = session or artist.session
    node = artist.node if session is None else nuke.nuke.toNode(NAME)
    return Path(nuke.part("files").newest(node).file(frame))


def test_files_that_are_older_are_written_again(
    nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    """What was edited while the script was closed is there when it is opened."""
    artist = propagated(nuke, small_plates, tmp_path, engine)
    messages, client = nuke.part("shared.messages"), nuke.bridge().engine.client
    session, workspace = (artist.node[name].value() for name in ("session", "workspace"))
    artist.run("clip_close")
    client.ask(messages.AttachSession(workspace), session)
    client.ask(messages.UpdateReference(FIRST, (messages.PaintedMatte(1, "empty"),)), session)
    client.ask(messages.CloseSession(), session)
    before = artist.downstream(FIRST).planes["creature.alpha"]
    assert before.any()
    artist.run("clip_open")
    assert not artist.downstream(FIRST).planes["creature.alpha"].any()


def test_files_that_could_not_be_written_are_written_later(
    nuke: Session,
    engine: Engine,
    small_plates: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A full disk leaves older mattes in place: they are not taken for those of today."""
    artist = propagated(nuke, small_plates, tmp_path, engine)
    files, errors = nuke.part("files"), nuke.part("shared.errors")
    write = files.write

    def full(target: Path, data: bytes) -> None:
        if target.name.endswith(f".{FIRST}.exr"):
            raise errors.OutputUnwritable("The disk is full.")
        write(target, data)

    monkeypatch.setattr(files, "write", full)
    artist.nuke.frame(FIRST)
    with pytest.raises(errors.OutputUnwritable, match="disk is full"):
        artist.run("not_visible", name="creature")
    artist.run("lock")  # another edit, which goes well
    monkeypatch.setattr(files, "write", write)
    artist.run("clip_close")
    artist.run("clip_open")
    assert not artist.downstream(FIRST).planes["creature.alpha"].any()


def test_a_deleted_node_ends_its_session(
    nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    artist = propagated(nuke, small_plates, tmp_path, engine)
    messages, client = nuke.part("shared.messages"), nuke.bridge().engine.client
    assert len(client.ask(messages.ListSessions()).sessions) == 1
    nuke.nuke.delete(artist.node)
    nuke.plugin.wait()
    nuke.bridge().wait(lambda: not client.ask(messages.ListSessions()).sessions, 20)
    nuke.nuke.undo()
    assert artist.overlap(1004, "creature") > 0.6  # the EXRs are there
    artist.run("clip_open")
    assert artist.node["reference"].values() == [str(FIRST)]


def test_undo_in_nuke_reaches_only_what_the_artist_did(
    nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    artist = Artist(nuke, small_plates, tmp_path)
    artist.node["connection_file"].setValue(str(engine.file))
    steps = nuke.app.undo_steps
    artist.open(engine, "creature")  # the connection file is the same
    assert nuke.app.undo_steps == steps
    artist.node["count"].setValue(3)
    artist.paint(FIRST, "creature")
    artist.run("reference_add")
    artist.run("propagate")
    assert nuke.app.undo_steps == steps + 1
    nuke.nuke.undo()
    assert artist.node["count"].value() == 5
    assert artist.node["reference"].values() == [str(FIRST)]
    assert artist.overlap(1004, "creature") > 0.6


def test_closing_the_script_ends_its_sessions(
    nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    artist = propagated(nuke, small_plates, tmp_path, engine)
    assert artist.node
    messages, client = nuke.part("shared.messages"), nuke.bridge().engine.client
    nuke.nuke.scriptClose()
    nuke.bridge().wait(lambda: not client.ask(messages.ListSessions()).sessions, 20)


def test_a_script_without_a_folder_is_refused(
    nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    artist = Artist(nuke, small_plates, tmp_path)
    nuke.nuke.root()["name"].setValue("")
    with pytest.raises(nuke.part("shared.errors").UsageError, match="Save the script"):
        artist.open(engine)
    artist.node["folder"].setValue(str(tmp_path / "out"))
    artist.run("clip_open")
    assert artist.node["session"].value()
