# SPDX-License-Identifier: Apache-2.0
"""What goes wrong in Nuke: cancelled jobs, engines that die, frames that are missing."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.zygote import Engine, Zygote
from tests.nuke_fake.plugin import Session

from .nuke_shot import FIRST, LAST, Artist, small_plate, truth

ROOT = Path(__file__).parents[2]
ALL = [*range(FIRST, LAST + 1)]


def painted(
    session: Session,
    plate: Path,
    folder: Path,
    engine: Engine,
    last: int = LAST,
    plate_as: str = "automatic",
) -> Artist:
    """An artist who painted the creature on the first frame."""
    artist = Artist(session, plate, folder, last)
    artist.node["plate_as"].setValue(plate_as)
    artist.open(engine, "creature")
    artist.paint(FIRST, "creature")
    artist.run("reference_add")
    return artist


def test_cancel_in_the_middle(nuke_gui: Session, engine: Engine, tmp_path: Path) -> None:
    """By the button of the progress bar; what is finished stays and is seen downstream."""
    last = FIRST + 31
    plate = small_plate(tmp_path / "plate", FIRST, last)
    artist = painted(nuke_gui, plate, tmp_path, engine, last)
    bridge = nuke_gui.bridge()
    nuke_gui.part("commands").COMMANDS["propagate"](artist.node)
    bridge.wait(lambda: nuke_gui.app.tasks and nuke_gui.app.tasks[-1].percent >= 10)
    assert "Propagating" in nuke_gui.app.tasks[-1].title
    nuke_gui.app.tasks[-1].stop = True
    bridge.wait()
    there = artist.files()
    assert 1 < len(there) < last - FIRST
    assert artist.overlap(there[-1], "creature") > 0.5
    artist.run("propagate")
    assert artist.files() == [*range(FIRST, last + 1)]


@pytest.mark.parametrize("by", ["CancelledError", "RuntimeError"])
def test_cancel_while_the_plate_is_sent(
    nuke_gui: Session, engine: Engine, small_plates: Path, tmp_path: Path, by: str
) -> None:
    """By the button of Nuke's own render, whose panels look for a RuntimeError's first word."""
    nuke_gui.app.cancelled = {"RuntimeError": RuntimeError}.get(by, nuke_gui.nuke.CancelledError)
    artist = painted(nuke_gui, small_plates, tmp_path, engine, plate_as="rendered")
    nuke_gui.app.cancel_render_at = 1003
    with pytest.raises(nuke_gui.part("shared.errors").Cancelled, match="cancelled"):
        artist.run("propagate")
    assert nuke_gui.app.rendered == ["1001.exr", "1001.exr", "1002.exr"]
    artist.run("propagate")
    assert nuke_gui.app.rendered.count("1001.exr") == 2  # the matte and the plate, once each
    assert artist.files() == ALL


def test_cancel_while_the_engine_takes_a_frame(
    nuke_gui: Session, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    """An engine that is busy or stopped must not hold Nuke for minutes."""
    artist = painted(nuke_gui, small_plates, tmp_path, engine, plate_as="rendered")
    app, render = nuke_gui.app, nuke_gui.nuke.execute

    def stopped(*frames: object) -> None:
        render(*frames)
        app.tasks[-1].stop = True
        os.kill(engine.pid, signal.SIGSTOP)

    nuke_gui.nuke.execute = stopped
    began = time.monotonic()
    try:
        with pytest.raises(nuke_gui.part("shared.errors").Cancelled, match="was cancelled"):
            nuke_gui.part("commands").COMMANDS["propagate"](artist.node)
    finally:
        os.kill(engine.pid, signal.SIGCONT)
    assert time.monotonic() - began < 20


def test_the_engine_is_killed_in_the_middle(
    nuke: Session, engine: Engine, zygote: Zygote, small_plates: Path, tmp_path: Path
) -> None:
    artist = painted(nuke, small_plates, tmp_path, engine)
    bridge = nuke.bridge()
    nuke.part("commands").COMMANDS["propagate"](artist.node)
    bridge.wait(lambda: len(artist.files()) >= 3)
    engine.kill()
    assert engine.wait()
    second = zygote.start(tmp_path / "projects")
    try:
        bridge.wait(lambda: artist.files() == ALL, 60)
        bridge.wait()
        assert np.array_equal(
            artist.downstream(FIRST).planes["creature.alpha"], truth("creature", FIRST)
        )
        assert artist.overlap(LAST, "creature") > 0.5
    finally:
        second.kill()
        assert second.wait()


def test_the_engine_is_killed_while_the_plate_is_sent(
    nuke: Session, engine: Engine, zygote: Zygote, small_plates: Path, tmp_path: Path
) -> None:
    """What it had is not rendered again, and what was on its way is sent to the next one."""
    artist = painted(nuke, small_plates, tmp_path, engine, plate_as="rendered")
    render, others = nuke.nuke.execute, []

    def dies(node: object, frame: int, *rest: int) -> None:
        render(node, frame, *rest)
        if frame == 1003:
            engine.kill()
            assert engine.wait()
            others.append(zygote.start(tmp_path / "projects"))

    nuke.nuke.execute = dies
    try:
        artist.run("propagate")
        assert nuke.app.rendered[1:] == [f"{frame}.exr" for frame in ALL]
        assert artist.files() == ALL
    finally:
        for second in others:
            second.kill()
            assert second.wait()


def test_an_engine_of_its_own(
    nuke: Session, small_plates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started by the button, started again when it is killed, ended by the button."""
    program = tmp_path / "xmempp"
    call = f"exec '{sys.executable}' -m engine_server.cli"
    program.write_text(f"#!/bin/sh\nPYTHONPATH='{ROOT}' {call} \"$@\"\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XMEMPP_WORKSPACE", str(tmp_path / "projects"))
    artist = Artist(nuke, small_plates, tmp_path)
    artist.node["engine_program"].setValue(str(program))
    artist.node["device"].setValue("cpu")
    artist.run("engine_start")
    assert artist.node["state"].value() == "connected"
    artist.run("clip_open")
    process = nuke.bridge().engine.process
    os.kill(process.pid, signal.SIGKILL)
    nuke.bridge().wait(lambda: nuke.bridge().state != "connected", 60)
    artist.run("object_add", name="creature")
    assert artist.node["object"].values() == ["creature"]
    artist.run("engine_stop")
    assert artist.node["state"].value() == "stopped"


@pytest.mark.parametrize("how", ["automatic", "rendered"])
def test_a_missing_plate_frame(
    nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path, how: str
) -> None:
    """It is named and left out; all others are done."""
    plate = tmp_path / "plate"
    shutil.copytree(small_plates.parent, plate)
    (plate / "plate.1004.exr").unlink()
    artist = Artist(nuke, plate / small_plates.name, tmp_path)
    artist.node["plate_as"].setValue(how)
    artist.open(engine, "creature")
    artist.paint(FIRST, "creature")
    artist.run("reference_add")
    artist.run("propagate")
    assert artist.files() == [frame for frame in ALL if frame != 1004]
    assert "Left out so far: 1004." in artist.node["message"].value()
    assert artist.overlap(1005, "creature") > 0.6
    with pytest.raises(RuntimeError, match="no such file"):  # nothing is silently black
        artist.downstream(1004)


def test_a_range_beyond_the_clip(
    nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    """What is there is done, and what is not is named."""
    artist = painted(nuke, small_plates, tmp_path, engine)
    for knob, value in (("range", "custom"), ("first", 1006), ("last", 1010)):
        artist.node[knob].setValue(value)
    artist.run("propagate")
    assert artist.files() == [FIRST, 1006, 1007, 1008]
    assert "Left out so far: 1009-1010." in artist.node["message"].value()


def test_another_plate_is_told_of(
    nuke: Session,
    engine: Engine,
    small_plates: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The engine still has the plate that the shot was opened with. The terminal says it too."""
    artist = painted(nuke, small_plates, tmp_path, engine)
    artist.run("propagate")
    newer = tmp_path / "plate_v2"
    caplog.clear()
    shutil.copytree(small_plates.parent, newer)
    artist.read["file"].setValue(str(newer / small_plates.name))
    with pytest.raises(nuke.part("shared.errors").UsageError, match=r"opened with .* is now .*v2"):
        artist.run("propagate")
    assert "plate_v2" in artist.node["message"].value()
    assert ["plate_v2" in record.message for record in caplog.records] == [True]
    artist.read["file"].setValue(str(small_plates))
    artist.run("propagate")


def test_without_an_engine(nuke: Session, small_plates: Path, tmp_path: Path) -> None:
    errors = nuke.part("shared.errors")
    artist = Artist(nuke, small_plates, tmp_path)
    with pytest.raises(errors.EngineUnreachable, match="no engine yet"):
        artist.run("clip_open")
    with pytest.raises(errors.UsageError, match="not open"):
        artist.run("propagate")
    artist.node["engine_program"].setValue(str(tmp_path / "nothing"))
    with pytest.raises(errors.EngineNotFound, match="There is no engine at"):
        artist.run("engine_start")
    artist.node["connection_file"].setValue(str(tmp_path / "nothing.json"))
    with pytest.raises(errors.XmemppError):
        artist.run("engine_connect")


def test_an_engine_that_is_gone(
    nuke: Session,
    engine: Engine,
    small_plates: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its connection file is still there: nobody waits for ever."""
    artist = Artist(nuke, small_plates, tmp_path)
    engine.kill()
    assert engine.wait()
    artist.node["connection_file"].setValue(str(engine.file))
    assert nuke.bridge().state == "stopped"
    monkeypatch.setattr(nuke.part("engine"), "PATIENCE", 0.5)
    with pytest.raises(nuke.part("shared.errors").EngineUnreachable, match="does not answer"):
        artist.run("engine_connect")
    assert artist.node["state"].value() == "stopped"
    assert "does not answer" in artist.node["message"].value()


def test_what_is_wrong_is_said(
    nuke_gui: Session, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    """By a button: a message for the artist, and never an exception for Nuke."""
    artist = Artist(nuke_gui, small_plates, tmp_path)
    artist.open(engine, "creature")
    app, node = nuke_gui.app, artist.node
    for button, words in (
        ("reference_add", "Nothing is painted at frame 1001."),
        ("propagate", "Nothing is painted yet."),
        ("candidate_next", "There are no candidates."),
        ("cancel", "No job is running."),
        ("layers_load", "There are no mattes yet."),
    ):
        app.press(node, button)
        assert words in app.messages[-1]
    node["lock_range"].setValue("soon")
    app.press(node, "lock")
    assert "'soon' is no range of frames." in app.messages[-1]
    node.setInput(1, None)
    app.press(node, "reference_add")
    assert "nothing is connected" in app.messages[-1]
    node["handles"].setValue(50)
    app.press(node, "propagate")
    assert "has no frames" in app.messages[-1]


def test_no_node_is_changed_while_nuke_renders(
    nuke_gui: Session, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    """Nuke's timers go on while the artist renders: what came waits for the end of that."""
    artist = painted(nuke_gui, small_plates, tmp_path, engine)
    app, module, bridge = nuke_gui.app, nuke_gui.nuke, nuke_gui.bridge()
    nuke_gui.part("commands").COMMANDS["propagate"](artist.node)
    files, out = len(artist.files()), str(tmp_path / "%d.exr")
    write = module.nodes.Write(inputs=[artist.read], file=out, file_type="exr")
    turns = []

    def turn() -> None:
        time.sleep(0.3)
        turns.append(bridge.turn())

    app.while_rendering = turn
    module.execute(write, FIRST, LAST, 1)
    app.while_rendering = None
    assert len(turns) == len(ALL)
    assert len(artist.files()) == files
    assert bridge.error is None
    bridge.wait()
    assert artist.files() == ALL


def test_a_click_while_something_is_done(
    nuke_gui: Session, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    """Nuke takes clicks while it renders: a second command waits, a turn of the timer too."""
    artist = painted(nuke_gui, small_plates, tmp_path, engine, plate_as="rendered")
    app, render = nuke_gui.app, nuke_gui.nuke.execute

    def clicked(*frames: object) -> None:
        app.press(artist.node, "suggest")
        nuke_gui.bridge().turn()
        render(*frames)

    nuke_gui.nuke.execute = clicked
    app.press(artist.node, "propagate")
    assert {*app.messages} == {"Wait until 'propagate' is done."}
    assert artist.files() == ALL
