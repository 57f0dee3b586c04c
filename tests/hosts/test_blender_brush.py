# SPDX-License-Identifier: Apache-2.0
"""Paintings and annotations, and two Blenders with one engine; none of it needs a window."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ..drawn import draw_shot, write_plate
from .conftest import Blender, blenders

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not blenders(), reason="no Blender; XMEMPP_BLENDERS can name some"),
]


def test_paintings_and_annotations(blender: Blender, archive: Path, tmp_path: Path) -> None:
    plate = write_plate(tmp_path / "plate", draw_shot(10).pictures)
    blender.run("paintings.py", archive, plate, tmp_path)


def test_two_blenders_with_one_engine(blender: Blender, archive: Path, tmp_path: Path) -> None:
    """Each sees what the other does; one may leave."""
    plate = write_plate(tmp_path / "plate", draw_shot(10).pictures)
    other = dataclasses.replace(blender, folder=tmp_path / "other")
    folder = tmp_path / "talk"
    folder.mkdir()
    with ThreadPoolExecutor() as both:
        runs = [
            both.submit(one.run, "two.py", archive, plate, folder, which)
            for one, which in ((blender, "first"), (other, "second"))
        ]
        for run in runs:
            run.result()


def test_blenders_undo_takes_the_engines_edits_along(
    blender: Blender, archive: Path, tmp_path: Path
) -> None:
    """Of all kinds, whatever the engine is doing, and never what others did."""
    plate = write_plate(tmp_path / "plate", draw_shot(10).pictures)
    said = blender.run("undo.py", archive, plate, tmp_path)
    assert "Traceback" not in said, said[-6000:]
