# SPDX-License-Identifier: Apache-2.0
"""``xmempp suggest``: the frames to paint next, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.drawn import draw_shot, write_masks, write_plate
from tests.process.conftest import Call, Ended

SHOT = draw_shot(5)
FRAMES = range(1001, 1006)


@pytest.fixture
def suggest(tmp_path: Path, xmempp: Call) -> Call:
    plate = write_plate(tmp_path / "plate", SHOT.pictures)
    painted = write_masks(tmp_path / "painted", {1001: SHOT.labels[0], 1004: SHOT.labels[3]})

    def call(*more: object) -> Ended:
        return xmempp("suggest", "-v", plate, "-m", painted, *more)

    return call


@pytest.fixture
def mattes(tmp_path: Path) -> Path:
    """What an earlier run would have written."""
    made = {f"plate.{frame}": label for frame, label in zip(FRAMES, SHOT.labels, strict=True)}
    return write_masks(tmp_path / "out" / "masks", made)


def test_frames_and_stems_best_first(suggest: Call, mattes: Path) -> None:
    ended = suggest("--mattes", mattes)
    assert ended.code == 0, ended.err
    lines = [line.split("\t") for line in ended.out.splitlines()]
    assert sorted(lines) == [[f"{f}", f"plate.{f}"] for f in (1002, 1003, 1005)]
    assert "propagate" not in ended.err
    fewer = suggest("--mattes", mattes, "-k", "2").out
    assert fewer.splitlines() == ended.out.splitlines()[:2]


def test_json_for_programs(suggest: Call, mattes: Path) -> None:
    ended = suggest("--mattes", mattes, "-k", "1", "--json", "--quiet")
    (found,) = json.loads(ended.out)["candidates"]
    assert found["stem"] == f"plate.{found['frame']}"
    assert ended.err == ""
    first = suggest("--mattes", mattes).out.splitlines()[0]
    assert first == f"{found['frame']}\t{found['stem']}"


def test_without_mattes_the_masks_are_carried_first(suggest: Call) -> None:
    ended = suggest("-k", "9", "--alpha", "0", "--min-mask-presence", "0")
    assert ended.code == 0, ended.err
    assert "propagate: 5/5 frames" in ended.err
    assert sorted(ended.out.split()[::2]) == ["1002", "1003", "1005"]


def test_nothing_to_suggest_is_said(suggest: Call, tmp_path: Path) -> None:
    only = write_masks(tmp_path / "only", {1001: SHOT.labels[0]})
    ended = suggest("--mattes", only)
    assert (ended.code, ended.out) == (0, "")
    assert "no frame" in ended.err
    assert json.loads(suggest("--mattes", only, "--json").out) == {"candidates": []}


def test_mattes_of_other_objects_are_left_out(suggest: Call, tmp_path: Path) -> None:
    strange = write_masks(tmp_path / "strange", {1003: SHOT.labels[2] * 2})
    assert suggest("--mattes", strange).out == ""


@pytest.mark.parametrize(
    "options",
    [["-k", "0"], ["--alpha", "2"], ["--alpha", "nan"], ["--mattes", "nowhere"], ["-k", "few"]],
)
def test_nonsense_is_refused(suggest: Call, options: list[str]) -> None:
    ended = suggest(*options)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.splitlines()[-1].startswith("xmempp")


def test_no_masks(tmp_path: Path, xmempp: Call) -> None:
    plate = write_plate(tmp_path / "plate", SHOT.pictures)
    black = write_masks(tmp_path / "black", {1001: np.zeros_like(SHOT.labels[0])})
    ended = xmempp("suggest", "-v", plate, "-m", black)
    assert (ended.code, "are empty" in ended.sentence) == (2, True)
