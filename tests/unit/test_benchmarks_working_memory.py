# SPDX-License-Identifier: Apache-2.0
"""Working memory measured on a drawn data set: more memory reads more tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import working_memory
from benchmarks.davis import open_dataset
from tests.drawn import draw_shot, write_dataset


def test_predictions_are_read_where_a_setting_keeps_them(tmp_path: Path) -> None:
    (sequence,) = open_dataset(write_dataset(tmp_path, draw_shot(12)))
    found = {
        name: working_memory.measure(sequence, 1, setting)
        for name, setting in working_memory.settings().items()
        if name == "none" or name.endswith(" 512 tokens for long")
    }
    tokens = [round(tokens) for _, tokens in found.values()]
    assert tokens[0] < tokens[1] <= tokens[2] <= tokens[3]
    assert all(0 < j <= 1 for j, _ in found.values())


def test_the_command_prints_a_row_for_each_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = dict(list(working_memory.settings().items())[:2])
    monkeypatch.setattr(working_memory, "settings", lambda: few)
    working_memory.main([str(write_dataset(tmp_path, draw_shot(4))), "-k", "1", "2"])
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == list(few)
    assert all(len(row.split("|")) == 7 for row in rows)
