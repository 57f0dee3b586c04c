# SPDX-License-Identifier: Apache-2.0
"""The drawn hard cases are what they are called, and end on one sheet."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from benchmarks import hard_cases


@pytest.mark.parametrize("draw", hard_cases.CASES)
def test_a_case_is_the_same_every_time(draw: type) -> None:
    case, again = draw(), draw()
    assert len(case.frames) == len(case.masks) == hard_cases.FRAMES
    assert case.masks[0].any()
    assert all((a == b).all() for a, b in zip(case.frames, again.frames, strict=True))


def test_after_the_cut_nothing_of_the_object_is_there() -> None:
    masks = hard_cases.cut().masks
    assert [bool(mask.any()) for mask in masks] == [True] * 6 + [False] * 7


def test_the_sheet_has_a_row_for_each_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hard_cases, "CASES", (hard_cases.cut,))
    hard_cases.main(["-o", str(tmp_path / "sheet.jpg")])
    sheet = cv2.imread(str(tmp_path / "sheet.jpg"))
    assert sheet.shape[1] > 4 * 320
