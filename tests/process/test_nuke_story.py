# SPDX-License-Identifier: Apache-2.0
"""The artist's story in a fake Nuke with a real engine process, on frames from 1001."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.zygote import Engine
from tests.nuke_fake.plugin import Session
from tests.nuke_fake.render import pull

from .nuke_shot import FIRST, LAST, OBJECTS, SIZE, Artist, truth, write_picture


def test_the_story(nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path) -> None:
    artist = Artist(nuke, small_plates, tmp_path)
    node = artist.node
    artist.open(engine, *OBJECTS)
    assert node["object"].values() == [*OBJECTS]
    artist.paint(FIRST, *OBJECTS)
    artist.run("reference_add")
    assert node["reference"].values() == [str(FIRST)]
    artist.run("propagate")
    assert artist.files() == [*range(FIRST, LAST + 1)]
    for frame in (FIRST, 1004, LAST):
        planes = artist.downstream(frame).planes
        assert {"creature.alpha", "ball.alpha", "rgba.red", "rgba.alpha"} <= planes.keys()
        assert np.array_equal(planes["rgba.alpha"], planes["creature.alpha"])
        assert artist.overlap(frame, "creature") > 0.6
    assert np.array_equal(artist.downstream(FIRST).planes["ball.alpha"], truth("ball", FIRST))
    assert len(node["confidence"].getKeyList()) >= LAST - FIRST

    node["count"].setValue(2)
    artist.run("suggest")
    marked = [int(frame) for frame in node["candidates"].getKeyList()]
    assert sorted(map(int, node["candidate"].values())) == marked
    best = int(node["candidate"].values()[0])
    assert node["candidates"].getValueAt(best) == 1
    artist.run("candidate_next")
    assert artist.nuke.frame() == best
    artist.paint(best, *OBJECTS)
    artist.run("reference_add")
    assert best not in map(int, node["candidates"].getKeyList())
    artist.run("propagate")
    for name in OBJECTS:
        assert np.array_equal(artist.downstream(best).planes[f"{name}.alpha"], truth(name, best))
    before = artist.nuke.frame()
    assert artist.downstream(before).planes["rgba.red"].max() > 1  # the plate passes unclamped


def of_engine(artist: Artist, message: str, *args: Any, **options: Any) -> Any:
    """What the engine answers about the artist's session."""
    request = getattr(artist.session.part("shared.messages"), message)(*args, **options)
    client = artist.session.bridge().engine.client
    return client.ask(request, artist.node["session"].value())


def plate_of_engine(artist: Artist, frame: int) -> np.ndarray:
    """A frame of the plate as the engine has it."""
    image = of_engine(artist, "GetFrame", frame, view=False).image
    return np.frombuffer(image.data, image.dtype).reshape(image.shape)


def test_a_graded_plate_is_rendered_and_sent(
    nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    """Only the frames of the range, at full resolution, with all that is above 1."""
    artist = Artist(nuke, small_plates, tmp_path)
    grade = nuke.nuke.nodes.Grade(inputs=[artist.read], multiply=4.0)
    artist.node.setInput(0, grade)
    nuke.nuke.root()["proxy"].setValue(True)
    for knob, value in (("range", "custom"), ("first", 1002), ("last", 1004)):
        artist.node[knob].setValue(value)
    artist.open(engine, "creature")
    artist.paint(1003, "creature")
    artist.run("reference_add")
    artist.run("propagate")
    assert nuke.nuke.root()["proxy"].value() is True
    assert nuke.app.rendered == ["1003.exr", "1002.exr", "1003.exr", "1004.exr"]  # matte, plate
    assert artist.files() == [1002, 1003, 1004]
    assert artist.overlap(1002, "creature") > 0.6
    seen, wanted = plate_of_engine(artist, 1002), pull(grade, 1002)
    assert wanted is not None
    assert seen.shape == (SIZE[1], SIZE[0], 3)
    assert seen.max() > 4
    assert np.array_equal(seen[..., 0], wanted.planes["rgba.red"].astype(np.float16))
    artist.run("propagate")  # nothing is missing: nothing is rendered again
    assert len(nuke.app.rendered) == 4
    grade["multiply"].setValue(1.0)
    artist.run("plate_send")
    assert nuke.app.rendered[4:] == ["1002.exr", "1003.exr", "1004.exr"]
    assert plate_of_engine(artist, 1002).max() < seen.max() / 3


def test_handles_are_left_alone(
    nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    artist = Artist(nuke, small_plates, tmp_path)
    artist.node["handles"].setValue(2)
    artist.open(engine, "creature")
    artist.paint(1004, "creature")
    artist.run("reference_add")
    artist.run("propagate")
    assert artist.files() == [1003, 1004, 1005, 1006]
    assert not artist.downstream(1002).planes["creature.alpha"].any()  # black, not held
    for knob, value in (("range", "project"), ("direction", "forward"), ("handles", 3)):
        artist.node[knob].setValue(value)
    artist.run("propagate")
    assert artist.files() == [1003, 1004, 1005, 1006]


def test_mattes_are_those_of_the_engine(
    nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    """Bit for bit, at their own frames, where pixels are of 32 bits."""
    artist = Artist(nuke, small_plates, tmp_path)
    artist.node["depth"].setValue("32 bit float")
    artist.node["handles"].setValue(2)
    artist.open(engine, "creature")
    artist.paint(1003, "creature")
    artist.run("reference_add")
    artist.run("propagate")
    for frame in (1003, 1006):
        image = of_engine(artist, "GetMattes", (frame,), dtype="float32").mattes[0].image
        matte = np.frombuffer(image.data, "float32").reshape(SIZE[1], SIZE[0])
        assert np.array_equal(artist.downstream(frame).planes["creature.alpha"], matte)


def test_the_smoke_script(
    nuke: Session, nuke_home: Path, engine: Engine, small_plates: Path, tmp_path: Path
) -> None:
    """What is to be run in a real Nuke, with `nuke -t`, does here what it says."""
    matte = tmp_path / "matte.%04d.exr"
    for frame in range(FIRST, LAST + 1):
        seen = truth("creature", frame)
        write_picture(Path(str(matte) % frame), np.dstack([seen] * 3))
    smoke = runpy.run_path(str(nuke_home / "smoke.py"))
    words = [str(small_plates), str(matte), str(FIRST), str(LAST), str(engine.file)]
    told = [*smoke["steps"](tmp_path, *words)]
    assert [step.split(":")[0].split(" ")[0] for step in told] == [
        *("XMemPP1", "engine", "shot", "reference", "mattes", "candidates", "render", "render")
    ]
    assert smoke["main"]([*words[:4], str(tmp_path / "no_engine.json")]) == 1
    assert smoke["main"]([]) == 2
