# SPDX-License-Identifier: Apache-2.0
"""The long run, short."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from benchmarks import long_run
from benchmarks.long_run import Sample

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc"
)


def test_every_frame_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture, numbers = tmp_path / "pictures" / "run.png", tmp_path / "run.csv"
    words = ["--models", "lite", "--frames", "6", "--height", "32", "--width", "48"]
    long_run.main([*words, "-o", str(picture), "--csv", str(numbers)])
    assert "| lite | 6 |" in capsys.readouterr().out
    assert picture.read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader(numbers.read_text().splitlines()))
    assert [int(row["frame"]) for row in rows] == list(range(6))
    assert all(float(row["seconds"]) > 0 and float(row["megabytes"]) > 1 for row in rows)


def test_stand_in_weights_make_a_session_with_all_memories() -> None:
    samples = long_run.run("xmem", 4, (96, 96), 1)
    assert [sample.frame for sample in samples] == [0, 1, 2, 3]


def test_the_ends_of_the_run_are_compared() -> None:
    samples = [Sample(i, 1.0 + i // 5, 2.0, 100.0 + i) for i in range(10)]
    row = long_run.summary("lite", samples)
    assert row == "| lite | 10 | 1.000 | 2.000 | 2.00 | 2.000 | 2.000 | 1.00 | 100 | 108 | 1.08 |"
