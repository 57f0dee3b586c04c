# SPDX-License-Identifier: Apache-2.0
"""How long the Blender add-on keeps the main thread while a job runs, with the window.

    python -m benchmarks.blender_waits [--size 1920 1080]

Prints a Markdown table: what was called, how often, the longest work of its own in milliseconds,
and the longest by the clock, which other work on the machine makes longer. Under 50 everywhere is
what is wanted. Linux, Xvfb.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from tests.drawn import draw_shot, write_plate
from tests.hosts.conftest import Blender, build, engine_program, hidden_display, windowed_blenders


def main() -> None:
    """A table for each Blender that has a window."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--size", type=int, nargs=2, default=(1920, 1080), help="of the plate")
    size = parser.parse_args().size
    for program in windowed_blenders():
        print(f"\n{program}\n\n| called | times | longest, ms | by the clock, ms |")
        print("| --- | --: | --: | --: |")
        for name, calls in sorted(measured(program, *size).items()):
            clock, work = (1000 * max(times) for times in zip(*calls, strict=True))
            print(f"| {name} | {len(calls)} | {work:.1f} | {clock:.1f} |")


def measured(program: Path, width: int, height: int) -> dict[str, list[tuple[float, float]]]:
    """Seconds by the clock and of work, by what was called."""
    with tempfile.TemporaryDirectory() as made, hidden_display("Xvfb") as display:
        folder = Path(made)
        shot = draw_shot(10, height=height, width=width)
        plate, matte = write_plate(folder / "plate", shot.pictures), folder / "matte.png"
        disc = Image.fromarray((shot.labels[0] == 1) * np.uint8(255))
        disc.save(matte)
        disc.save(matte.with_suffix(".jpg"))
        blender, result = Blender(program, folder / "user", engine_program(folder)), folder / "told"
        blender.run("timing.py", build(folder), plate, matte, folder, result, display=display)
        told = json.loads(result.read_text())
    return {name: [(clock, work) for clock, work in calls] for name, calls in told.items()}


if __name__ == "__main__":
    main()
