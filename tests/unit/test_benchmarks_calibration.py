# SPDX-License-Identifier: Apache-2.0
"""The measures of calibration by hand, and the command on a drawn data set."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks import calibration
from benchmarks.calibration import Item, calibration_error, fitted_doubt, lift, rank_correlation
from engine_server.session.confidence import DOUBT
from tests.drawn import draw_shot, write_dataset


def items(confidence: list[float], j: list[float], *, objects: int = 1) -> list[Item]:
    """Mattes of one shot, ``objects`` to a frame."""
    pairs = enumerate(zip(confidence, j, strict=True))
    return [Item("shot", 3, n // objects, n % objects, c, j, j) for n, (c, j) in pairs]


def test_lift_by_hand() -> None:
    error = np.zeros(20)
    error[:2], error[10] = 0.3, 0.4  # 1.0 in all
    assert lift(np.arange(20), error) == pytest.approx(6)  # the first two of 20 hold 0.6
    assert lift(-np.arange(20), error) == 0
    assert lift(np.zeros(20), np.ones(20)) == pytest.approx(1)
    assert lift([0.2], [0.5]) == 1
    assert math.isnan(lift([0.2], [0.0]))


def test_rank_correlation_by_hand() -> None:
    assert rank_correlation([1, 2, 3], [10, 11, 500]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    # ranks 1, 2.5, 2.5 against 1, 2, 3
    assert rank_correlation([1, 2, 2], [1, 2, 3]) == pytest.approx(math.sqrt(3) / 2)
    assert math.isnan(rank_correlation([1, 1], [1, 2]))


def test_calibration_error_by_hand() -> None:
    assert calibration_error([0.95, 0.91], [0.9, 0.96]) == pytest.approx(0)  # equal in the mean
    assert calibration_error([0.25, 0.75, 0.72], [0.05, 0.5, 0.47]) == pytest.approx(0.7 / 3)
    assert calibration_error([1.0, 0.0], [1.0, 0.0]) == 0


@pytest.mark.parametrize("doubt", [0.5, 3.0])
def test_the_doubt_that_made_the_errors_is_found(doubt: float) -> None:
    odds = np.geomspace(2, 50, 30)  # A / D
    sure, j = odds / (odds + DOUBT), odds / (odds + doubt)
    assert fitted_doubt(items(list(sure), list(j))) == pytest.approx(doubt, rel=0.01)


def test_frames_are_means_of_their_objects() -> None:
    frames = calibration.whole_frames(items([0.2, 0.4, 1.0, 0.0], [0, 1, 1, 1], objects=2))
    assert [(f.frame, f.confidence, f.j) for f in frames] == [
        (0, pytest.approx(0.3), 0.5), (1, 0.5, 1.0),
    ]  # fmt: skip
    shown = calibration.table(items([0.2, 0.4, 0.9, 0.8], [0.1, 0.5, 1, 0.8], objects=2))
    assert "| K = 3, mattes | 4 |" in shown
    assert "| K = 3, frames | 2 |" in shown


def test_the_command_measures_prints_and_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_dataset(tmp_path / "data", draw_shot(5, objects=2))
    picture, numbers = tmp_path / "pictures/out.png", tmp_path / "out.csv"
    words = [str(data), "-k", "1", "2"]
    calibration.main([*words, "-o", str(picture), "--csv", str(numbers)])
    shown = capsys.readouterr().out
    assert "| drawn | 1 | 8 |" in shown
    assert "| K = 2, mattes | 6 |" in shown
    assert "| all, frames | 7 |" in shown
    assert picture.read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader(numbers.read_text().splitlines()))
    assert [(row["k"], row["frame"], row["obj"]) for row in rows[-2:]] == [
        ("2", "3", "1"), ("2", "3", "2"),
    ]  # fmt: skip
    assert all(0 <= float(row[name]) <= 1 for row in rows for name in ("confidence", "j", "f"))
    picture.unlink()
    calibration.main([*words, "--fit", "-o", str(picture)])
    assert "DOUBT = " in capsys.readouterr().out
    assert not picture.exists()
