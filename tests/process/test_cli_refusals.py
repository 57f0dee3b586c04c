# SPDX-License-Identifier: Apache-2.0
"""Bad input: one sentence, the right exit code, and nothing lost."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from engine_server.media import open_plate
from engine_server.network import LITE, XMem
from shared.errors import XmemppError
from tests.drawn import damage, draw_shot, write_masks, write_picture, write_plate
from tests.process.conftest import Call, Ended

SHOT = draw_shot(3)
FAILURE, USAGE = 1, 2


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    return write_plate(tmp_path / "plate", SHOT.pictures)


@pytest.fixture
def painted(tmp_path: Path) -> Path:
    return write_masks(tmp_path / "painted", {1001: SHOT.labels[0]})


@pytest.fixture
def propagate(tmp_path: Path, plate: Path, painted: Path, xmempp: Call) -> Call:
    """Calls ``xmempp propagate`` on a good shot; options of its own may make it bad."""

    def call(*more: object, v: object = plate, m: object = painted, o: object = None) -> Ended:
        return xmempp("propagate", "-v", v, "-m", m, "-o", o or tmp_path / "out", *more)

    return call


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_no_masks(tmp_path: Path, propagate: Call) -> None:
    ended = propagate(m=tmp_path / "nowhere")
    assert (ended.code, "nowhere" in ended.sentence) == (USAGE, True)
    (tmp_path / "empty").mkdir()
    ended = propagate(m=tmp_path / "empty")
    assert (ended.code, "no masks in" in ended.sentence) == (USAGE, True)
    assert not (tmp_path / "out").exists()


def test_only_empty_masks(tmp_path: Path, propagate: Call) -> None:
    black = write_masks(tmp_path / "black", {1001: np.zeros_like(SHOT.labels[0])})
    ended = propagate(m=black)
    assert (ended.code, "are empty" in ended.sentence) == (USAGE, True)


def test_masks_of_frames_that_the_plate_does_not_have(tmp_path: Path, propagate: Call) -> None:
    ended = propagate(m=write_masks(tmp_path / "late", {2001: SHOT.labels[0]}))
    assert (ended.code, "1001 to 1003" in ended.sentence) == (USAGE, True)


def test_a_mask_that_cant_be_read(painted: Path, propagate: Call) -> None:
    damage(painted / "1001.png")
    ended = propagate()
    assert (ended.code, "1001.png" in ended.sentence) == (FAILURE, True)


def test_two_masks_of_one_frame(painted: Path, propagate: Call) -> None:
    write_masks(painted, {"plate.1001": SHOT.labels[0]})
    ended = propagate()
    assert (ended.code, "both masks of frame 1001" in ended.sentence) == (FAILURE, True)


def test_plates_that_are_none(tmp_path: Path, plate: Path, propagate: Call) -> None:
    (tmp_path / "empty").mkdir()
    text = tmp_path / "notes.txt"
    text.write_text("not a movie")
    for source, code in [
        (tmp_path / "nowhere", USAGE),
        (tmp_path / "empty", USAGE),
        (plate / "plate.%05d.exr", USAGE),
        (text, FAILURE),
    ]:
        ended = propagate(v=source)
        assert ended.code == code
        assert source.name in ended.sentence


def test_two_sequences_in_a_folder(plate: Path, propagate: Call) -> None:
    write_picture(plate / "plate.1001.exr", SHOT.pictures[0])
    ended = propagate()
    assert ended.code == FAILURE
    assert "plate.%04d.exr" in ended.sentence
    assert "plate.%04d.png" in ended.sentence
    assert propagate(v=plate / "plate.%04d.png").code == 0


def test_no_frame_that_can_be_decoded(plate: Path, propagate: Call) -> None:
    damage(plate / "plate.1003.png")
    ended = propagate("--range", "1003")
    assert (ended.code, "1003" in ended.sentence) == (FAILURE, True)
    damage(plate / "plate.1001.png")
    ended = propagate("--overwrite")
    assert ended.code == USAGE
    assert "'object_01' is painted on can be read: 1001." in ended.sentence


def test_results_that_are_there_stay_byte_for_byte(tmp_path: Path, propagate: Call) -> None:
    out = tmp_path / "out"
    assert propagate("--soft").code == 0
    before = contents(out)
    ended = propagate("--soft", "--model", "lite", "--size", "16")
    assert ended.code == USAGE
    assert str(out / "masks" / "plate.1001.png") in ended.sentence
    assert "--overwrite" in ended.sentence
    assert contents(out) == before
    for path in before:
        path.write_bytes(b"old")
    assert propagate("--soft", "--overwrite").code == 0
    after = contents(out)
    assert after.keys() == before.keys()
    assert b"old" not in after.values()
    assert {path: data for path, data in after.items() if path.suffix == ".png"} == {
        path: data for path, data in before.items() if path.suffix == ".png"
    }


@pytest.mark.parametrize(
    "name", ["masks/plate.1002.png", "overlays/plate.1003.jpg", "confidence.csv"]
)
def test_any_one_result_that_is_there_is_enough(tmp_path: Path, propagate: Call, name: str) -> None:
    taken = tmp_path / "out" / name
    taken.parent.mkdir(parents=True)
    taken.write_text("mine")
    ended = propagate()
    assert (ended.code, str(taken) in ended.sentence) == (USAGE, True)
    assert contents(tmp_path / "out") == {taken: b"mine"}


def test_what_is_in_nobodys_way_stays(tmp_path: Path, propagate: Call) -> None:
    other = tmp_path / "out" / "masks" / "another.9999.png"
    other.parent.mkdir(parents=True)
    other.write_text("mine")
    assert propagate("--range", "1001", "--overwrite").code == 0
    assert other.read_text() == "mine"


def test_results_never_go_where_was_read(tmp_path: Path, propagate: Call) -> None:
    painted = write_masks(tmp_path / "shot" / "masks", {1001: SHOT.labels[0]})
    plate = write_plate(tmp_path / "shot" / "overlays", SHOT.pictures)
    soft = write_masks(tmp_path / "shot" / "soft" / "hero", {1001: SHOT.labels[0] * 255})
    before = contents(tmp_path / "shot")
    for more in ({"m": painted}, {"v": plate}, {"m": soft.parent}):
        ended = propagate("--overwrite", "--soft", o=tmp_path / "shot", **more)
        assert (ended.code, "read from" in ended.sentence) == (USAGE, True)
    assert contents(tmp_path / "shot") == before


@pytest.mark.parametrize("masks", ["masks/plate.1001.png", "", "masks", "linked"])
def test_paintings_among_results_survive(tmp_path: Path, propagate: Call, masks: str) -> None:
    """A single file, a folder of objects one of which is called masks, a link."""
    out = tmp_path / "out"
    write_masks(out / "masks", {"plate.1001": SHOT.labels[0]})
    (tmp_path / "out" / "linked").symlink_to(out / "masks")
    before = contents(out)
    ended = propagate("--overwrite", m=out / masks, o=out)
    assert (ended.code, "read from" in ended.sentence) == (USAGE, True)
    assert "plate.1001.png" in ended.sentence
    assert contents(out) == before


def test_results_are_no_objects_next_time(tmp_path: Path, propagate: Call) -> None:
    painted = write_masks(tmp_path / "shot" / "hero", {1001: SHOT.labels[0]}).parent
    ended = propagate("--overwrite", m=painted, o=painted)
    assert (ended.code, "read from" in ended.sentence) == (USAGE, True)
    assert [path.name for path in painted.iterdir()] == ["hero"]
    assert propagate(m=painted, o=painted / "results").code == 0


def test_unwritable_output(tmp_path: Path, propagate: Call) -> None:
    """A file where a folder should be can't be written to, not even by root."""
    blocker = tmp_path / "blocker"
    blocker.write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "masks").write_text("mine")
    for out in (blocker, blocker / "below", tmp_path / "out"):
        ended = propagate("--overwrite", o=out)
        assert (ended.code, str(out) in ended.sentence) == (FAILURE, True)
    assert blocker.read_text() == "mine"


def test_a_result_that_cant_be_written_on_the_way(tmp_path: Path, propagate: Call) -> None:
    (tmp_path / "out" / "masks" / "plate.1002.png" / "folder").mkdir(parents=True)
    ended = propagate("--overwrite")
    assert (ended.code, "plate.1002.png" in ended.sentence) == (FAILURE, True)
    assert (tmp_path / "out" / "masks" / "plate.1001.png").is_file()
    assert (tmp_path / "out" / "confidence.csv").is_file()


def test_weights_that_do_not_fit(tmp_path: Path, propagate: Call) -> None:
    state = {name: tensor.contiguous() for name, tensor in XMem(LITE).state_dict().items()}
    name = next(name for name in state if name.endswith("weight"))
    state[name] = torch.zeros(3, 3)
    wrong, garbage = tmp_path / "wrong.safetensors", tmp_path / "garbage.pth"
    safetensors.torch.save_file(state, wrong, metadata={"architecture": "lite"})
    garbage.write_bytes(b"<html>not found</html>")
    for model, code, words in [
        (wrong, FAILURE, name),
        (garbage, FAILURE, "garbage.pth"),
        ("xmem", FAILURE, "xmempp weights fetch xmem"),
        (tmp_path / "nothing.pth", USAGE, "nothing.pth"),
    ]:
        ended = propagate("--model", model, "--overwrite")
        assert (ended.code, words in ended.sentence) == (code, True)
    assert not list((tmp_path / "out").rglob("*.*"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--device", "abacus"], "abacus"),
        (["--size", "8"], "8 pixels"),
        (["--size", "-3"], "-3 pixels"),
        (["--range", "5-10"], "5 to 10"),
        (["--exposure", "nan"], "exposure"),
    ],
)
def test_options_that_make_no_sense(propagate: Call, options: list[str], words: str) -> None:
    ended = propagate(*options)
    assert (ended.code, words in ended.sentence) == (USAGE, True)


@pytest.mark.parametrize(
    "options",
    [
        ["--range", "1003-1001"],
        ["--range", "1001:1003"],
        ["--range", "-"],
        ["--adapt", "0"],
        ["--adapt", "long"],
        ["--direction", "sideways"],
        ["--size", "large"],
        ["--input-space", "cmyk"],
        ["--nonsense"],
    ],
)
def test_options_that_are_none(propagate: Call, options: list[str]) -> None:
    ended = propagate(*options)
    assert ended.code == USAGE
    assert re.match("xmempp( propagate)?: error: ", ended.err.splitlines()[-1])


def test_negative_ranges_are_understood(propagate: Call) -> None:
    ended = propagate("--range=-5--3")
    assert (ended.code, "-5 to -3" in ended.sentence) == (USAGE, True)


def test_paths_that_the_system_refuses(propagate: Call) -> None:
    for more in ({"m": "x" * 300}, {"v": "x" * 300}, {"o": "x" * 300}):
        ended = propagate(**more)
        assert ended.code in (FAILURE, USAGE)
        assert "x" * 300 in ended.sentence


def test_debug_shows_where(tmp_path: Path, propagate: Call) -> None:
    ended = propagate("--debug", m=tmp_path / "nowhere")
    assert ended.code == USAGE
    assert "Traceback" in ended.err
    assert ended.err.splitlines()[-1].startswith("xmempp: ")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_no_text(plate: Path, propagate: Call) -> None:
    """Files of an old server in Latin-1: used, or refused in a sentence."""
    for path in plate.iterdir():
        path.rename(os.fsdecode(os.fsencode(path).replace(b"plate.", b"pl\xe9te.")))
    ended = propagate("--soft")
    assert ended.code in (0, FAILURE)
    assert ended.code == 0 or ended.sentence


def test_frame_numbers_that_can_be_none(plate: Path) -> None:
    """Time stamps in file names must not make billions of missing frames."""
    for path, stamp in zip(
        sorted(plate.iterdir()), (20240101120000, 20240101120007, 20250602093000), strict=True
    ):
        path.rename(plate / f"grab_{stamp}.png")
    with pytest.raises(XmemppError, match="20250602093000"):
        open_plate(plate)
