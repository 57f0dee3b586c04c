# SPDX-License-Identifier: Apache-2.0
"""What the embedded network fails at, drawn: thin ropes, look-alikes that cross, a cut.

    python -m benchmarks.hard_cases -o docs/pictures/hard_cases.jpg

Each case is a short drawn shot of which the first frame is painted. A row of the sheet is one
case: the painted frame, then later ones with the matte that came out and its J.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine_server import FrameResult, Session
from engine_server.evaluation.measures import region_measure
from engine_server.media.contact_sheet import Row, write_contact_sheet
from engine_server.media.overlay import draw_overlay
from engine_server.media.palette import Palette
from engine_server.media.write import encode_png
from training.shapes import texture

__all__ = ["CASES", "Case", "row"]

HEIGHT, WIDTH, FRAMES = 270, 480, 13
SHOWN = (0, 4, 8, 12)

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Case:
    """A drawn shot.

    Attributes:
        name: for the label.
        frames: H x W x 3 uint8 pictures.
        masks: H x W uint8, 1 is the object.
    """

    name: str
    frames: list[Picture]
    masks: list[Picture]


def ropes() -> Case:
    """A figure hangs on two ropes of one pixel below a kite."""
    frames, masks = [], []
    wall, skin = _surface(5), _surface(6)
    for at in _way():
        mask = _plane()
        kite, figure = _point(0.2 + 0.5 * at, 0.2), _point(0.25 + 0.5 * at, 0.75 - 0.1 * at)
        cv2.ellipse(mask, kite, (44, 12), 8, 0, 360, 1, -1)
        cv2.ellipse(mask, figure, (14, 30), 12, 0, 360, 1, -1)
        for side in (-30, 30):
            cv2.line(mask, (kite[0] + side, kite[1]), figure, 1, 1)
        frames.append(_laid(wall, skin, mask))
        masks.append(mask)
    return Case("ropes", frames, masks)


def twins() -> Case:
    """Two figures alike cross; one of them is painted."""
    frames, masks = [], []
    wall, skin = _surface(11), _surface(12)
    for at in _way():
        mask, other = _plane(), _plane()
        cv2.ellipse(other, _point(0.75 - 0.5 * at, 0.55), (38, 60), 0, 0, 360, 1, -1)
        cv2.ellipse(mask, _point(0.25 + 0.5 * at, 0.5), (38, 60), 0, 0, 360, 1, -1)
        frames.append(_laid(_laid(wall, skin, other), skin, mask))
        masks.append(mask)
    return Case("look-alikes", frames, masks)


def cut() -> Case:
    """After six frames another scene, in which something of another kind moves."""
    frames, masks = [], []
    here, there, skin, other = (_surface(seed) for seed in (21, 22, 23, 24))
    for number, at in enumerate(_way()):
        mask, thing = _plane(), _plane()
        cv2.ellipse(thing, _point(0.4 + 0.2 * at, 0.55), (50, 34), 20, 0, 360, 1, -1)
        if number < 6:
            cv2.ellipse(mask, _point(0.3 + 0.4 * at, 0.5), (46, 40), 0, 0, 360, 1, -1)
        frames.append(_laid(here, skin, mask) if number < 6 else _laid(there, other, thing))
        masks.append(mask)
    return Case("cut", frames, masks)


CASES = (ropes, twins, cut)


def row(case: Case, folder: Path) -> Row:
    """Pictures of the case with the mattes that come out of its first mask, and their J."""
    return [
        (
            f"{case.name}, {_said(result, case)}",
            draw_overlay(result.view, result.labels(), Palette()),
        )
        for result in _results(case, folder)
        if result.frame in SHOWN
    ]


def _said(result: FrameResult, case: Case) -> str:
    if result.painted:
        return "painted"
    j = region_measure(result.labels() == 1, case.masks[result.frame] == 1)
    return f"frame {result.frame}: J {j:.2f}"


def _results(case: Case, folder: Path) -> Iterator[FrameResult]:
    plate = folder / case.name
    plate.mkdir()
    for number, frame in enumerate(case.frames):
        (plate / f"{number:04d}.png").write_bytes(encode_png(frame))
    with Session.open(plate, model="lite", device="cpu") as session:
        session.add_object("figure", obj=1)
        session.set_reference(0, {1: case.masks[0] == 1})
        for step in session.propagate_frames():
            if isinstance(step, FrameResult):
                yield step


def main(words: list[str] | None = None) -> None:
    """Draw the cases, propagate, write the sheet."""
    parser = argparse.ArgumentParser(description="A contact sheet of what lite fails at.")
    parser.add_argument("-o", "--output", type=Path, required=True, help="JPEG or PNG")
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        write_contact_sheet(options.output, [row(case(), Path(folder)) for case in CASES])


def _way() -> NDArray[np.float64]:
    return np.linspace(0, 1, FRAMES)


def _plane() -> Picture:
    return np.zeros((HEIGHT, WIDTH), np.uint8)


def _point(x: float, y: float) -> tuple[int, int]:
    return round(x * WIDTH), round(y * HEIGHT)


def _surface(seed: int) -> Picture:
    return texture(np.random.default_rng(seed), HEIGHT, WIDTH)


def _laid(under: Picture, over: Picture, mask: Picture) -> Picture:
    return np.where(mask[..., None] > 0, over, under)


if __name__ == "__main__":
    main()
