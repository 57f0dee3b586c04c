# SPDX-License-Identifier: Apache-2.0
"""Makes the pictures of docs/blender.md: the sample shot in Blender's window.

python -m tests.hosts.make_pictures [FOLDER]

Blender, Xvfb and the engine's packages must be installed. What the window showed at each step is
kept in FOLDER.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from .conftest import ROOT, Blender, blenders, build, engine_program, hidden_display
from .strokes import strokes_of

SHOT = ROOT / "examples" / "sample_shot"
PICTURES = ROOT / "docs" / "pictures"
AREA = (0, 28, 1322, 872)  # the clip editor and the timeline
KEPT = {
    "2_painting": "blender_brush",
    "4_propagating": "blender_propagating",
    "5_candidate": "blender_candidate",
    "6_corrected": "blender_corrected",
    "8_frozen": "blender_frozen",
    "9_checker": "blender_checker",
}


def main(folder: Path) -> None:
    """Tells the story and keeps the best pictures."""
    strokes = folder / "strokes.json"
    masks = sorted((SHOT / "truth").glob("*.png"))
    told = {int(path.stem.split(".")[1]): creature(path) for path in masks}
    strokes.write_text(json.dumps(told))
    blender = Blender(blenders()[0], folder / "user", engine_program(folder), patience=1800)
    archive = build(folder)
    with hidden_display("Xvfb") as display:
        sys.stdout.write(
            blender.run(
                "window_story.py", archive, SHOT / "plate", strokes, folder, display=display
            )
        )
    for name, kept in KEPT.items():
        picture = Image.open(folder / f"{name}.png").convert("RGB").crop(AREA)
        picture.save(PICTURES / f"{kept}.jpg", quality=82, optimize=True)


def creature(path: Path) -> list[tuple[float, list[tuple[float, float]], bool]]:
    """How it is painted in a frame."""
    mask = (np.array(Image.open(path)) == 1).astype(np.uint8)
    return [(one.radius, one.points, one.erase) for one in strokes_of(mask, (13, 4))]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
        main(Path(sys.argv[1]).resolve())
    else:
        with tempfile.TemporaryDirectory() as made:
            main(Path(made))
