# SPDX-License-Identifier: Apache-2.0
"""``xmempp propagate``: what it writes, where, and in which colours."""

from __future__ import annotations

import csv
import functools
import hashlib
import json
import shutil
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import pytest
from PIL import Image

from engine_server import __version__
from engine_server.commands import outputs
from engine_server.network.weights import resolve
from engine_server.session import Budget
from tests.drawn import (
    COLOURS,
    Shot,
    damage,
    draw_shot,
    read_png,
    write_masks,
    write_movie,
    write_picture,
    write_plate,
)
from tests.process.conftest import Call

STEMS = [f"plate.{frame}" for frame in range(1001, 1005)]
SHOT = draw_shot(4, objects=2)


@pytest.fixture
def shot(tmp_path: Path) -> list[object]:
    """A plate of four frames with two objects painted on the first, as arguments."""
    write_plate(tmp_path / "plate", SHOT.pictures)
    write_masks(tmp_path / "painted", {1001: SHOT.labels[0]})
    return ["-v", tmp_path / "plate", "-m", tmp_path / "painted", "-o", tmp_path / "out"]


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def expected(*, overlays: bool = True, soft: tuple[str, ...] = ()) -> set[str]:
    made = {f"masks/{stem}.png" for stem in STEMS} | {"confidence.csv"}
    made |= {f"overlays/{stem}.jpg" for stem in STEMS if overlays}
    return made | {f"soft/{name}/{stem}.png" for name in soft for stem in STEMS}


def colours_of(path: Path) -> list[int]:
    with Image.open(path) as picture:
        assert picture.mode == "P"
        return (picture.getpalette() or [])[: len(COLOURS)]


def confidence_of(out: Path) -> list[dict[str, str]]:
    with (out / "confidence.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_layout_of_the_results(tmp_path: Path, shot: list[object], xmempp: Call) -> None:
    ended = xmempp("propagate", *shot)
    out = tmp_path / "out"
    assert ended.code == 0, ended.err
    assert ended.out == ""
    assert files(out) == expected()
    for stem in STEMS:
        assert read_png(out / "masks" / f"{stem}.png").shape == SHOT.size
        assert colours_of(out / "masks" / f"{stem}.png") == list(COLOURS)
        with Image.open(out / "overlays" / f"{stem}.jpg") as overlay:
            assert overlay.size == SHOT.size[::-1]
            assert overlay.format == "JPEG"
    assert np.array_equal(read_png(out / "masks" / "plate.1001.png"), SHOT.labels[0])
    rows = confidence_of(out)
    assert [(row["frame"], row["stem"]) for row in rows] == [(s[-4:], s) for s in STEMS]
    assert list(rows[0]) == ["frame", "stem", "object_01", "object_02"]
    assert float(rows[0]["object_01"]) == 1
    assert all(0 <= float(row[name]) <= 1 for row in rows for name in ("object_01", "object_02"))


def test_soft_mattes_and_no_overlays(tmp_path: Path, shot: list[object], xmempp: Call) -> None:
    options = ("--soft", "--no-overlays", "--json", "--quiet", "--precision", "float32")
    ended = xmempp("propagate", *shot, *options)
    out = tmp_path / "out"
    assert files(out) == expected(overlays=False, soft=("object_01", "object_02"))
    soft = read_png(out / "soft" / "object_02" / "plate.1001.png")
    assert soft.dtype == np.uint16
    assert np.array_equal(soft, (SHOT.labels[0] == 2) * 65535)
    told = json.loads(ended.out)
    weights = resolve("lite")
    assert told == {
        "output": str(out),
        "frames": [1001, 1002, 1003, 1004],
        "skipped": {},
        "version": __version__,
        "model": "lite",
        "weights": str(weights),
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "device": told["device"],
        "precision": "float32",
    }
    assert ended.err == ""


def test_the_log_says_that_references_are_encoded(shot: list[object], xmempp: Call) -> None:
    assert "propagate: encoding reference 1 of 1, frame 1001" in xmempp("propagate", *shot).err


def test_adapting_is_told_of(shot: list[object], tmp_path: Path, xmempp: Call) -> None:
    ended = xmempp("propagate", *shot, "--adapt", "30", "--json")
    told = json.loads(ended.out)["adapt"]
    assert (told["accepted"], told["steps"], told["after"]) == (False, 0, {})
    assert f"not adapted: {told['reason']}" in ended.err

    write_masks(tmp_path / "painted", {1004: SHOT.labels[3]})
    exactly = functools.partial(Budget, steps=1)
    with mock.patch("engine_server.session.Budget", exactly):
        ended = xmempp("propagate", *shot, "--adapt", "30", "--json", "--overwrite")
    told = json.loads(ended.out)["adapt"]
    assert set(told["before"]) == set(told["after"]) == {"1001", "1004"}
    assert told["steps"] == 1
    assert "adapt: adapting to the shot, step 1 of at most 3" in ended.err


def test_colours_and_folders_of_the_input_are_kept(tmp_path: Path, xmempp: Call) -> None:
    write_plate(tmp_path / "plate", SHOT.pictures)
    (tmp_path / "rgb").mkdir()
    painted = np.array(COLOURS, np.uint8).reshape(3, 3)[SHOT.labels[0]]
    write_picture(tmp_path / "rgb" / "plate.1001.png", painted)
    assert xmempp(
        "propagate", "-v", tmp_path / "plate", "-m", tmp_path / "rgb", "-o", tmp_path / "a"
    ).code == 0  # fmt: skip
    mask = tmp_path / "a" / "masks" / "plate.1001.png"
    shown = np.array(colours_of(mask), np.uint8).reshape(3, 3)[read_png(mask)]
    assert np.array_equal(shown, painted)

    for obj, name in enumerate(("ein Held", "épée: x", "épée? x"), start=1):
        only = (SHOT.labels[0] == min(obj, 2)).astype(np.uint8) * 255
        (tmp_path / "objects" / name).mkdir(parents=True)
        Image.fromarray(only).save(tmp_path / "objects" / name / "plate.1001.png")
    assert xmempp(
        "propagate", "-v", tmp_path / "plate", "-m", tmp_path / "objects", "-o", tmp_path / "b",
        "--soft", "--no-overlays",
    ).code == 0  # fmt: skip
    made = {path.name for path in (tmp_path / "b" / "soft").iterdir()}
    assert made == {"ein Held", "épée_ x", "épée_ x_3"}
    assert list(confidence_of(tmp_path / "b")[0])[2:] == ["ein Held", "épée: x", "épée? x"]


def test_a_soft_mask_comes_back_as_it_was(tmp_path: Path, xmempp: Call) -> None:
    write_plate(tmp_path / "plate", SHOT.pictures)
    soft = cv2.GaussianBlur(SHOT.matte(1), (0, 0), 3)
    painted = np.rint(soft * 65535).astype(np.uint16)
    (tmp_path / "painted").mkdir()
    cv2.imwrite(str(tmp_path / "painted" / "0_1002.png"), painted)
    assert xmempp(
        "propagate", "-v", tmp_path / "plate", "-m", tmp_path / "painted", "-o", tmp_path / "out",
        "--soft", "--direction", "both", "--flow",
    ).code == 0  # fmt: skip
    given = tmp_path / "out" / "soft" / "object_01" / "plate.1002.png"
    assert np.array_equal(read_png(given), painted)
    hard = read_png(tmp_path / "out" / "masks" / "plate.1002.png")
    assert np.array_equal(hard, painted > 32767)


@pytest.mark.parametrize(("text", "frames"), [("1002-1003", (1002, 1003)), ("1004", (1004,))])
def test_a_range(
    tmp_path: Path, shot: list[object], xmempp: Call, text: str, frames: tuple[int, ...]
) -> None:
    assert xmempp("propagate", *shot, "--range", text, "--direction", "backward").code == 0
    masks = {path.stem for path in (tmp_path / "out" / "masks").iterdir()}
    assert masks == {f"plate.{frame}" for frame in frames}
    assert [int(row["frame"]) for row in confidence_of(tmp_path / "out")] == [*frames]


def test_a_later_range_keeps_the_confidence_of_the_frames_before(
    tmp_path: Path, shot: list[object], xmempp: Call
) -> None:
    xmempp("propagate", *shot, "--range", "1001-1002")
    first = confidence_of(tmp_path / "out")
    assert xmempp("propagate", *shot, "--range", "1003-1004", "--overwrite").code == 0
    assert confidence_of(tmp_path / "out")[:2] == first
    assert len(confidence_of(tmp_path / "out")) == 4
    (tmp_path / "out" / "confidence.csv").write_bytes(b"frame,x\n\xff,\x00\n")
    ended = xmempp("propagate", *shot, "--range", "1004", "--overwrite")
    assert ended.code == 0, ended.err
    assert len(confidence_of(tmp_path / "out")) == 1


def test_handles_before_frame_0(tmp_path: Path, xmempp: Call) -> None:
    stems = [f"plate.{number}" for number in ("-002", "-001", "0000", "0001")]
    for stem, picture in zip(stems, SHOT.pictures, strict=True):
        (tmp_path / "plate").mkdir(exist_ok=True)
        write_picture(tmp_path / "plate" / f"{stem}.png", picture)
    painted = write_masks(tmp_path / "painted", {"paint.-1": SHOT.labels[1]})
    ended = xmempp(
        "propagate", "-v", tmp_path / "plate", "-m", painted, "-o", tmp_path / "out",
        "--range=-2--1", "--json",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["frames"] == [-2, -1]
    again = read_png(tmp_path / "out" / "masks" / "plate.-001.png")
    assert np.array_equal(again, SHOT.labels[1])
    assert [int(row["frame"]) for row in confidence_of(tmp_path / "out")] == [-2, -1]


def test_frames_that_are_missing_may_be_added(
    tmp_path: Path, shot: list[object], xmempp: Call
) -> None:
    """As the tasks of a farm add theirs; what is there stays, and is not done again unasked."""
    assert xmempp("propagate", *shot, "--range", "1001-1002").code == 0
    first = confidence_of(tmp_path / "out")
    assert xmempp("propagate", *shot, "--range", "1003-1004").code == 0
    assert files(tmp_path / "out") == expected()
    assert confidence_of(tmp_path / "out")[:2] == first
    assert xmempp("propagate", *shot, "--range", "1004").code == 2


def test_a_curve_of_other_objects_is_not_replaced_unasked(
    tmp_path: Path, shot: list[object], xmempp: Call
) -> None:
    (tmp_path / "out").mkdir()
    curve = tmp_path / "out" / "confidence.csv"
    for text in ("frame,stem,ghost\n1001,plate.1001,0.5\n", "frame,stem\n7,other.7\n", "notes"):
        curve.write_text(text)
        ended = xmempp("propagate", *shot, "--range", "1003-1004")
        assert ended.code == 2
        assert "confidence.csv is there already" in ended.sentence
        assert curve.read_text() == text


def test_movies_have_stems_of_their_own(tmp_path: Path, xmempp: Call) -> None:
    movie = write_movie(tmp_path / "shot.mkv", SHOT.pictures)
    painted = write_masks(tmp_path / "painted", {"frame_000002": SHOT.labels[2]})
    ended = xmempp("propagate", "-v", movie, "-m", painted, "-o", tmp_path / "out")
    assert ended.code == 0, ended.err
    made = sorted(path.name for path in (tmp_path / "out" / "masks").iterdir())
    assert made == [f"frame_{frame:06d}.png" for frame in range(4)]
    again = read_png(tmp_path / "out" / "masks" / "frame_000002.png")
    assert np.array_equal(again, SHOT.labels[2])


@pytest.mark.parametrize(
    ("plate", "pattern"),
    [
        ("plate.{:04d}.exr", "plate.%04d.exr"),
        ("plate_{:03d}.dpx", "plate_####.dpx"),
        ("A001 v2.{}.TIF", ""),
        ("{}.JPG", ""),
    ],
)
def test_kinds_of_plates(tmp_path: Path, xmempp: Call, plate: str, pattern: str) -> None:
    """Masks have the frame number alone, or anything before it."""
    pictures = [np.ascontiguousarray(picture) for picture in SHOT.pictures[:2]]
    write_plate(tmp_path / "plate", pictures, first=1001, name=plate)
    painted = write_masks(tmp_path / "painted", {"paint_v7_1002": SHOT.labels[1]})
    source = tmp_path / "plate" / pattern
    ended = xmempp("propagate", "-v", source, "-m", painted, "-o", tmp_path / "out")
    assert ended.code == 0, ended.err
    made = {path.stem for path in (tmp_path / "out" / "masks").iterdir()}
    assert made == {Path(plate.format(frame)).stem for frame in (1001, 1002)}


def test_masks_may_lie_in_a_folder_of_the_plate(tmp_path: Path, xmempp: Call) -> None:
    plate = write_plate(tmp_path / "plate", SHOT.pictures)
    painted = write_masks(plate / "painted", {1001: SHOT.labels[0]})
    assert xmempp("propagate", "-v", plate, "-m", painted, "-o", plate / "out").code == 0
    assert files(plate / "out") == expected()


def test_a_single_picture_is_a_plate(tmp_path: Path, xmempp: Call) -> None:
    plate = write_plate(tmp_path / "plate", SHOT.pictures)
    painted = write_masks(tmp_path / "painted", {1002: SHOT.labels[1]})
    mask = painted / "1002.png"
    ended = xmempp(
        "propagate", "-v", plate / "plate.1002.png", "-m", mask, "-o", tmp_path / "out", "--soft"
    )
    assert ended.code == 0, ended.err
    assert {path.name for path in (tmp_path / "out" / "masks").iterdir()} == {"plate.1002.png"}


def test_30_objects(tmp_path: Path, xmempp: Call) -> None:
    labels = np.zeros(SHOT.size, np.uint8)
    for i in range(30):
        labels[i // 6 * 9 + 1 : i // 6 * 9 + 8, i % 6 * 13 + 1 : i % 6 * 13 + 11] = i + 1
    many = Shot(SHOT.pictures[:2], [labels] * 2)
    plate = write_plate(tmp_path / "plate", many.pictures)
    palette = np.random.default_rng(0).integers(1, 255, (31, 3))
    palette[0] = 0
    painted = write_masks(tmp_path / "painted", {1001: labels}, palette=palette.ravel().tolist())
    ended = xmempp("propagate", "-v", plate, "-m", painted, "-o", tmp_path / "out", "--soft")
    assert ended.code == 0, ended.err
    assert np.array_equal(read_png(tmp_path / "out" / "masks" / "plate.1001.png"), labels)
    assert len(list((tmp_path / "out" / "soft").iterdir())) == 30


@pytest.mark.parametrize("size", [(9, 13), (1, 1)])
def test_one_frame_smaller_than_a_token(
    tmp_path: Path, xmempp: Call, size: tuple[int, int]
) -> None:
    tiny = draw_shot(1, height=size[0], width=size[1], radius=0.4)
    plate = write_plate(tmp_path / "plate", tiny.pictures, name="only.png")
    painted = write_masks(tmp_path / "painted", {"only": tiny.labels[0]})
    ended = xmempp("propagate", "-v", plate, "-m", painted, "-o", tmp_path / "out", "--soft")
    assert ended.code == 0, ended.err
    assert np.array_equal(read_png(tmp_path / "out" / "masks" / "only.png"), tiny.labels[0])


def test_frames_that_cant_be_decoded_are_named_and_skipped(
    tmp_path: Path, shot: list[object], xmempp: Call
) -> None:
    damage(tmp_path / "plate" / "plate.1002.png")
    (tmp_path / "plate" / "plate.1003.png").unlink()
    ended = xmempp("propagate", *shot, "--json")
    assert ended.code == 0
    told = json.loads(ended.out)
    assert told["frames"] == [1001, 1004]
    assert list(told["skipped"]) == ["1003", "1002"]
    assert "1002" in ended.err
    assert "1003" in ended.err
    assert {path.stem for path in (tmp_path / "out" / "masks").iterdir()} == {STEMS[0], STEMS[3]}


def test_masks_of_another_size_are_resized_with_a_warning(tmp_path: Path, xmempp: Call) -> None:
    plate = write_plate(tmp_path / "plate", SHOT.pictures)
    large = cv2.resize(SHOT.labels[0], None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    painted = write_masks(tmp_path / "painted", {1001: large})
    ended = xmempp("propagate", "-v", plate, "-m", painted, "-o", tmp_path / "out")
    assert ended.code == 0
    assert "160 x 96" in ended.err
    made = read_png(tmp_path / "out" / "masks" / "plate.1001.png")
    assert np.array_equal(made, SHOT.labels[0])


def test_an_empty_mask_among_others_says_not_seen(tmp_path: Path, xmempp: Call) -> None:
    plate = write_plate(tmp_path / "plate", SHOT.pictures)
    painted = write_masks(
        tmp_path / "painted", {1001: SHOT.labels[0], 1004: np.zeros_like(SHOT.labels[0])}
    )
    ended = xmempp("propagate", "-v", plate, "-m", painted, "-o", tmp_path / "out")
    assert ended.code == 0, ended.err
    assert not read_png(tmp_path / "out" / "masks" / "plate.1004.png").any()
    assert confidence_of(tmp_path / "out")[3]["object_01"] == "1.0000"


@pytest.mark.parametrize("size", ["16", "10000"])
def test_what_the_network_sees_may_be_small_or_all(
    tmp_path: Path, shot: list[object], xmempp: Call, size: str
) -> None:
    assert xmempp("propagate", *shot, "--size", size, "--range", "1001-1002").code == 0
    made = read_png(tmp_path / "out" / "masks" / "plate.1001.png")
    assert np.array_equal(made, SHOT.labels[0])


def test_objects_may_be_named_like_columns(tmp_path: Path, xmempp: Call) -> None:
    plate = write_plate(tmp_path / "plate", SHOT.pictures)
    for name in ("frame", "stem"):
        write_masks(tmp_path / "painted" / name, {1001: SHOT.labels[0]})
    call = ["propagate", "-v", plate, "-m", tmp_path / "painted", "-o", tmp_path / "out"]
    assert xmempp(*call).code == 0
    before = confidence_of(tmp_path / "out")
    assert [row["frame"] for row in before] == ["1001", "1002", "1003", "1004"]
    assert before[0]["object:frame"] == before[0]["object:stem"] == "1.0000"
    assert xmempp(*call, "--overwrite", "--range", "1004").code == 0
    assert confidence_of(tmp_path / "out")[:3] == before[:3]


def test_mattes_of_a_removed_object_are_told_of(tmp_path: Path, xmempp: Call) -> None:
    plate = write_plate(tmp_path / "plate", SHOT.pictures)
    for name in ("hero", "car"):
        write_masks(tmp_path / "painted" / name, {1001: SHOT.labels[0]})
    call = ["propagate", "-v", plate, "-m", tmp_path / "painted", "-o", tmp_path / "out", "--soft"]
    assert "earlier run" not in xmempp(*call).err
    shutil.rmtree(tmp_path / "painted" / "car")
    ended = xmempp(*call, "--overwrite")
    assert ended.code == 0
    told = [line for line in ended.err.splitlines() if "earlier run" in line]
    assert len(told) == 1
    assert str(tmp_path / "out" / "soft" / "car") in told[0]
    assert len(list((tmp_path / "out" / "soft" / "car").iterdir())) == 4


def test_one_result_waits_for_the_disk_however_large(
    tmp_path: Path, shot: list[object], xmempp: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "WAITING_BYTES", 1)
    assert xmempp("propagate", *shot).code == 0
    assert files(tmp_path / "out") == expected()
