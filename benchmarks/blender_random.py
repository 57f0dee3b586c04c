# SPDX-License-Identifier: Apache-2.0
"""The Blender add-on under operators, keys and strokes in any order, for long.

python -m benchmarks.blender_random [--minutes 10] [--seeds 1 2 3 4] [--window]

Ends with an error if Blender said anything of an exception, or if the add-on left anything behind.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.drawn import draw_shot, write_plate
from tests.hosts.conftest import Blender, blenders, build, engine_program, hidden_display


def main() -> None:
    """Parts the time among the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="default: %(default)g")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--window", action="store_true", help="with keys and strokes, under Xvfb")
    options = parser.parse_args()
    seconds = options.minutes * 60 / len(options.seeds)
    for program in blenders():
        for seed in options.seeds:
            began = time.monotonic()
            run(program, seed, seconds, window=options.window)
            print(f"{program}: seed {seed}, {time.monotonic() - began:.0f} s, nothing wrong")


def run(program: Path, seed: int, seconds: float, *, window: bool) -> None:
    """One seed in one Blender; raises where something is wrong."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        blender = Blender(program, folder / "user", engine_program(folder), seconds + 300)
        plate = write_plate(folder / "plate", draw_shot(10).pictures)
        arguments = (build(folder), plate, folder, seed, seconds)
        if window:
            with hidden_display("Xvfb") as display:
                said = blender.run("random_window.py", *arguments, display=display)
        else:
            said = blender.run("random_calls.py", *arguments)
        if "Traceback" in said:
            raise SystemExit(said[-6000:])


if __name__ == "__main__":
    main()
