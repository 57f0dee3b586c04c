# SPDX-License-Identifier: Apache-2.0
"""Flicker of mattes, on ones made by hand and on a drawn data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import flicker
from tests.drawn import draw_shot, write_dataset


def matte(value: float) -> np.ndarray:
    return np.full((4, 5), value, np.float32)


def test_only_changes_that_the_truth_does_not_make_count() -> None:
    truth = {frame: {1: matte(0), 2: matte(frame == 3)} for frame in (1, 2, 3)}
    steady = [(1, {1: matte(0.5), 2: matte(0)}), (2, {1: matte(0.5)}), (3, {1: matte(0.9)})]
    found = flicker.flicker(steady, truth)
    assert found[1] == pytest.approx((0 + 40) / 2)
    assert found[2] == pytest.approx((0 + 100) / 2)  # the object's coming is missed


def test_frames_without_truth_are_passed_over() -> None:
    truth = {frame: {1: matte(0)} for frame in (1, 3)}
    mattes = [(1, {1: matte(0)}), (2, {1: matte(1)}), (3, {1: matte(0.25)})]
    assert flicker.flicker(mattes, truth) == {1: pytest.approx(25)}


def test_the_command_prints_a_row_per_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flicker.main([str(write_dataset(tmp_path, draw_shot(5))), "-k", "2"])
    shown = capsys.readouterr().out
    (row,) = (line for line in shown.splitlines() if line.startswith("| drawn 1 |"))
    flow, without, still = (float(cell) for cell in row.split("|")[2:-1])
    assert 0 < flow < still
    assert 0 < without < still
    assert row.replace("drawn 1", "mean over objects") in shown
