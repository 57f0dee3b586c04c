# SPDX-License-Identifier: Apache-2.0
"""The add-on in Blender's window: what lies over the plate, and what the artist's hands do."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ..drawn import draw_shot, write_plate
from .conftest import Blender, windowed_blenders
from .strokes import strokes_of

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not windowed_blenders(), reason="no Blender with a window; XMEMPP_BLENDERS can name one"
    ),
]

SIZE = (270, 480)
BLENDERS_OWN = 30  # rows at the bottom, where it tells the frame
ARROWS = 40  # columns at the sides, where it offers regions that are hidden


def plate_of_shapes(folder: Path) -> tuple[Path, Path]:
    """White shapes on black, and the same as a matte."""
    label = np.zeros(SIZE, np.uint8)
    cv2.circle(label, (250, 130), 61, 1, -1)
    cv2.rectangle(label, (200, 20), (262, 31), 1, -1)  # over the border of a tile
    label[200:, 300:301] = 1  # a line one pixel wide, to the lower edge
    pictures = [np.repeat(label[..., None] * np.uint8(255), 3, axis=2)] * 2
    matte = folder / "matte.png"
    Image.fromarray(label * np.uint8(255)).save(matte)
    return write_plate(folder / "plate", pictures), matte


def shown(folder: Path, name: str) -> np.ndarray:
    """What the region of the plate showed: H x W x 3."""
    left, bottom, width, height = json.loads((folder / "region.json").read_text())
    whole = np.array(Image.open(folder / f"{name}.png").convert("RGB")).astype(int)
    top = whole.shape[0] - bottom - height
    return whole[top : top + height - BLENDERS_OWN, left : left + width]


def test_the_overlay_lies_on_the_object_to_the_pixel(
    windowed: Blender, archive: Path, tmp_path: Path, display: str
) -> None:
    """In four views: smaller, as it is, enlarged and moved, and with pixels that are not square."""
    plate, matte = plate_of_shapes(tmp_path)
    folder = tmp_path / "seen"
    folder.mkdir()
    windowed.run("pixels.py", archive, plate, matte, folder, display=display)
    for name, inside in (("whole", 0.0005), ("same", 0.0), ("near", 0.0), ("wide", 0.0)):
        white = shown(folder, f"{name}.plate")[..., 0] > 127
        covered = shown(folder, f"{name}.matte")[..., 0] > 127
        assert white.sum() > 1000
        assert (white != covered).mean() <= inside, name
        red = shown(folder, f"{name}.tint")
        tinted = (red[..., 0] > 127) & (red[..., 1] < 127)
        assert (tinted != covered).mean() <= inside, name
    check_kinds(folder)


def check_kinds(folder: Path) -> None:
    """Outline at the edge alone; checker and black beside the object alone."""
    white = shown(folder, "near.plate")[..., 0] > 127
    inner = cv2.erode(white.astype(np.uint8), np.ones((9, 9))) > 0
    outer = cv2.dilate(white.astype(np.uint8), np.ones((9, 9))) == 0
    line = shown(folder, "near.outline")
    red = (line[..., 0] > 150) & (line[..., 1] < 100)
    assert red[~inner & ~outer].mean() > 0.1
    assert not red[inner | outer].any()
    outer[:, :ARROWS] = outer[:, -ARROWS:] = False
    checker = shown(folder, "near.checker")[..., 0]
    assert (checker[inner] > 250).all()
    greys, counts = np.unique(checker[outer], return_counts=True)  # all of it shows the plate
    assert len(greys) == 2
    assert counts.min() > 0.3 * counts.sum()
    assert (shown(folder, "near.black")[outer] == 0).all()


def test_the_artists_story_by_hand(
    windowed: Blender, archive: Path, tmp_path: Path, display: str
) -> None:
    """Load, paint, give, propagate, go to a candidate, correct, freeze, undo, save, load."""
    shot = draw_shot(20, height=SIZE[0], width=SIZE[1])
    plate = write_plate(tmp_path / "plate", shot.pictures)
    told = {1001 + i: strokes_of((label == 1) * np.uint8(1)) for i, label in enumerate(shot.labels)}
    strokes = tmp_path / "strokes.json"
    listed = {f: [(s.radius, s.points, s.erase) for s in found] for f, found in told.items()}
    strokes.write_text(json.dumps(listed))

    folder = tmp_path / "told"
    folder.mkdir()
    said = windowed.run("window_story.py", archive, plate, strokes, folder, display=display)
    assert "the story is told" in said
    assert len(list(folder.glob("*.png"))) == 9


def test_adjusting_the_last_operation(
    windowed: Blender, archive: Path, tmp_path: Path, display: str
) -> None:
    """With another value it is done anew in the engine, in place of what was done."""
    plate = write_plate(tmp_path / "plate", draw_shot(10).pictures)
    said = windowed.run("undo_window.py", archive, plate, tmp_path, display=display)
    assert "all is adjusted" in said


@pytest.mark.parametrize("seed", [1])
def test_anything_in_any_order(
    windowed: Blender, archive: Path, tmp_path: Path, display: str, seed: int
) -> None:
    """`benchmarks/blender_random.py` does it for longer."""
    plate = write_plate(tmp_path / "plate", draw_shot(10).pictures)
    said = windowed.run("random_window.py", archive, plate, tmp_path, seed, 40, display=display)
    assert "Traceback" not in said, said[-6000:]
    assert "kinds of things" in said
