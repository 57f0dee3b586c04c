# SPDX-License-Identifier: Apache-2.0
"""``xmempp demo``: the main job on the sample shot, with pictures and a score."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from engine_server.evaluation import evaluate
from engine_server.media import Plate, draw_overlay, open_plate, read_masks
from engine_server.media.contact_sheet import write_contact_sheet
from engine_server.media.palette import Palette
from engine_server.sample import sample_shot
from shared.errors import OutputExists, OutputUnwritable

from .opening import open_session
from .outputs import MatteWriter
from .propagate import carry
from .tables import print_table

__all__ = ["run"]

SHEET_FRAMES = 6
MARKER = ".xmempp-demo"


def run(options: argparse.Namespace, messages: Console) -> int:
    """Runs the command; returns the exit code."""
    shot = sample_shot()
    _claim(options.output)
    plate = open_plate(shot.plate)
    masks = read_masks(shot.references, plate)
    writer = MatteWriter(options.output, plate, masks.names, masks.palette, soft=True)
    sheet = options.output / "contact_sheet.png"
    writer.prepare(plate.frames, overwrite=True)  # the folder is the demo's own
    with open_session(plate, masks, options) as session:
        carry(session, writer, messages)
    painted = sorted(masks.frames)
    _draw_sheet(plate, painted, options.output / "masks", masks.palette, sheet)
    report = evaluate(options.output / "masks", shot.truth, skip=shot.references)
    print_table(report.table())
    sys.stdout.write(
        f"J&F {report.j_and_f:.3f} against the exact alpha, over the frames that were not painted\n"
        f"pictures: {sheet} and {options.output / 'overlays'}\n"
    )
    return 0


def _claim(folder: Path) -> None:
    """Makes the folder the demo's own, by a marker that later runs know it by.

    Raises:
        OutputExists: something else is in it.
    """
    marker = folder / MARKER
    try:
        if folder.exists() and not marker.exists() and any(folder.iterdir()):
            raise OutputExists(
                f"The folder '{folder}' holds other files.", hint="Choose another folder with -o."
            )
        folder.mkdir(parents=True, exist_ok=True)
        marker.touch()
    except OSError as error:
        raise OutputUnwritable(f"Can't write to {folder} ({error.strerror}).") from error


def _draw_sheet(
    plate: Plate, painted: Sequence[int], mattes: Path, palette: Palette, path: Path
) -> None:
    """The painted frames in the first row, what came of them in the rows below."""
    results = read_masks(mattes, plate)

    def cell(frame: int, note: str) -> tuple[str, NDArray[np.uint8]]:
        labels = _labels(results.frames[frame])
        return f"{frame}{note}", draw_overlay(plate.view(frame), labels, palette)

    others = [frame for frame in plate.frames if frame not in painted]
    shown = [others[round(i)] for i in np.linspace(0, len(others) - 1, SHEET_FRAMES + 2)[1:-1]]
    starts = range(0, len(shown), len(painted))
    rows = [[cell(frame, "  painted") for frame in painted]]
    rows += [[cell(frame, "") for frame in shown[at : at + len(painted)]] for at in starts]
    write_contact_sheet(path, rows)


def _labels(mattes: dict[int, NDArray[np.float32]]) -> NDArray[np.uint8]:
    """Hard mattes by label -> H x W labels."""
    planes = [matte * label for label, matte in mattes.items()]
    labels: NDArray[np.uint8] = np.max(planes, axis=0).astype(np.uint8)
    return labels
