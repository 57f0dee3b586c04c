# SPDX-License-Identifier: Apache-2.0
"""The course of a run: ``python -m training.plot LOG.jsonl PICTURE.png``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["main", "read_log", "smooth"]


SCORES = {
    "k1": "1 reference",
    "k1_flow": "1 reference, with flow",
    "k3": "3 references",
    "k3_flow": "3 references, with flow",
}


def read_log(path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Lines of training, and lines with held-out scores."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [x for x in lines if "loss" in x], [x for x in lines if "held_out" in x]


def smooth(values: list[float], width: int = 9) -> NDArray[np.float64]:
    """Running mean over up to ``width`` values; as long as what is given."""
    ones = np.ones(min(width, len(values)))
    return np.asarray(
        np.convolve(values, ones, "same") / np.convolve(np.ones(len(values)), ones, "same")
    )


def main(arguments: list[str] | None = None) -> int:
    """Draws IoU on training clips and on held-out shots against iterations."""
    parser = argparse.ArgumentParser(prog="python -m training.plot", description=__doc__)
    parser.add_argument("log", type=Path)
    parser.add_argument("picture", type=Path)
    options = parser.parse_args(arguments)
    _draw(*read_log(options.log), options.picture)
    return 0


def _draw(steps: list[dict[str, Any]], scores: list[dict[str, Any]], picture: Path) -> None:
    # Only this command needs matplotlib; the loop does without.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    at = [line["iteration"] for line in steps]
    axes.plot(at, smooth([line["iou"] for line in steps]), label="training clips", color="0.6")
    for name, what in SCORES.items():
        told = [line for line in scores if name in line["held_out"]]
        axes.plot(
            [line["iteration"] for line in told],
            [line["held_out"][name] for line in told],
            marker="o",
            label=f"held-out shots, {what}",
        )
    axes.set(xlabel="iterations", ylabel="mean IoU", ylim=(0.5, 1))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(picture, dpi=120)


if __name__ == "__main__":
    sys.exit(main())
