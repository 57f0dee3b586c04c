# SPDX-License-Identifier: Apache-2.0
"""The benchmarks on a data set made here: a textured square that moves over a textured wall."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmarks import adapt, optical_flow_baseline, validation
from benchmarks.davis import open_dataset, paced
from engine_server.session import Adaptation, Budget
from shared.errors import NotFound

COPY_FIRST_MASK = """
import pathlib, shutil, sys
plate, masks, out = (
    pathlib.Path(sys.argv[sys.argv.index(flag) + 1]) for flag in ("-v", "-m", "-o")
)
(out / "masks").mkdir(parents=True)
for frame in plate.glob("*.jpg"):
    shutil.copy(min(masks.iterdir()), out / "masks" / f"{frame.stem}.png")
"""


def noise(seed: int, height: int, width: int) -> np.ndarray:
    rough = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return cv2.GaussianBlur(rough, (0, 0), 2)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Nine frames; object 2 moves by three pixels a frame."""
    wall, texture = noise(0, 96, 128), noise(1, 40, 40)
    for name in ("JPEGImages", "Annotations"):
        (tmp_path / name / "slide").mkdir(parents=True)
    for frame in range(9):
        image, mask = wall.copy(), np.zeros((96, 128), np.uint8)
        place = np.s_[30:70, 20 + 3 * frame : 60 + 3 * frame]
        image[place], mask[place] = texture, 2
        Image.fromarray(image).save(tmp_path / f"JPEGImages/slide/{frame:05d}.jpg", quality=95)
        Image.fromarray(mask).save(tmp_path / f"Annotations/slide/{frame:05d}.png")
    return tmp_path


def test_flow_carries_a_moving_square(dataset: Path, tmp_path: Path) -> None:
    (sequence,) = open_dataset(dataset)
    report = optical_flow_baseline.score(sequence, 3, tmp_path / "out")
    (score,) = report.sequences[0].objects
    assert score.label == 2
    assert [frame.frame for frame in score.frames] == [1, 2, 3, 5, 6, 7]
    assert report.j > 0.9  # standing still it would be 0.82
    assert np.all(np.asarray(Image.open(tmp_path / "out/slide/00004.png")) ==
                  np.asarray(Image.open(dataset / "Annotations/slide/00004.png")))  # fmt: skip


def test_validation_gives_references_and_scores_the_others(
    dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (command := tmp_path / "command.py").write_text(COPY_FIRST_MASK)
    call = f"'{sys.executable}' '{command}'"
    out = tmp_path / "kept"
    monkeypatch.setattr(
        sys, "argv", ["validation", str(dataset), "-k", "1", "2", "-o", str(out), "--xmempp", call]
    )
    validation.main()
    shown = capfd.readouterr().out
    assert "1 references" in shown
    assert "2 references" in shown
    assert [path.name for path in sorted((out / "k2/slide/references").iterdir())] == [
        "00000.png", "00008.png",
    ]  # fmt: skip
    # the mask of frame 0 against squares shifted by 3, 6 .. 24 pixels, 40 wide
    expected = np.mean([(40 - shift) / (40 + shift) for shift in range(3, 25, 3)])
    assert f"| slide | 1 | {expected:.3f} |" in shown


@pytest.mark.parametrize(("every", "frames"), [(3, [0, 3, 6]), (-4, [8, 4, 0])])
def test_a_sequence_is_played_faster_or_backwards(
    dataset: Path, tmp_path: Path, every: int, frames: list[int]
) -> None:
    (sequence,) = open_dataset(dataset)
    played = paced(sequence, every, tmp_path / "paced")
    for folder, suffix in (("JPEGImages", ".jpg"), ("Annotations", ".png")):
        for number, frame in enumerate(frames):
            copy = tmp_path / "paced" / folder / "slide" / f"{number:05d}{suffix}"
            assert (
                copy.read_bytes() == (dataset / folder / f"slide/{frame:05d}{suffix}").read_bytes()
            )
    assert list(played.images()) == list(played.truth.files) == [0, 1, 2]


def test_an_unknown_sequence_is_named(dataset: Path) -> None:
    with pytest.raises(NotFound, match="no sequence glide"):
        open_dataset(dataset, ["glide"])


def test_adapting_is_measured_with_and_without_its_check(dataset: Path) -> None:
    (sequence,) = open_dataset(dataset)
    row = adapt.measure(sequence, 2, Budget(1, steps=1), every=3)
    assert 0.5 < row.plain <= 1
    assert row.checked == (row.fitted if row.told.accepted else row.plain)
    assert set(row.told.after) == {0, 8}
    assert str(row).count("|") == adapt.HEAD.splitlines()[0].count("|")


def test_the_check_is_right_where_it_takes_gains_and_refuses_losses() -> None:
    yes, no = Adaptation(True, ""), Adaptation(False, "")
    rows = [
        adapt.Row("a", 3, 0.8, fitted, told)
        for fitted, told in ((0.82, yes), (0.78, yes), (0.82, no), (0.78, no))
    ]
    assert [row.right for row in rows] == [True, False, False, True]
    said = adapt.summary(rows)
    assert "2 of 4 accepted, the check was right in 2" in said
    assert "0.8000 as it is, 0.8000 fitted unchecked, 0.8000 with" in said
