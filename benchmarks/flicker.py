# SPDX-License-Identifier: Apache-2.0
"""How much mattes flicker, with evidence from optical flow and without, as a Markdown table.

    python -m benchmarks.flicker DATASET -k 3 [--sequences cows dog]

DATASET holds ``JPEGImages/SEQ`` and ``Annotations/SEQ``; the masks of K evenly spaced frames are
painted. The measure is dtSSD (`engine_server.evaluation.matte_dtssd`) of the soft mattes, the mean
over all pairs of neighbouring annotated frames, painted ones among them: a matte that jumps where
the artist painted flickers. The last column is the dtSSD of a matte that stands still: how much
the truth itself changes.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from benchmarks.davis import DavisSequence, open_dataset
from benchmarks.runs import add_data_options, painted_objects, propagated
from engine_server.evaluation import matte_dtssd

Mattes = Mapping[int, NDArray[np.generic]]
"""By object, H x W in 0..1; nothing of an object that is not seen."""


@dataclass(frozen=True)
class Row:
    """Flicker of one object; all three are dtSSD.

    Attributes:
        name: of the sequence and the object.
        flow, no_flow: of the mattes made with and without carried mattes.
        still: of a matte that does not move.
    """

    name: str
    flow: float
    no_flow: float
    still: float


def main(words: list[str] | None = None) -> None:
    """Propagate with and without flow, measure, print a table for each K."""
    parser = argparse.ArgumentParser(description="Flicker of mattes on an annotated data set.")
    add_data_options(parser, k=[3])
    options = parser.parse_args(words)
    sequences = open_dataset(options.dataset, options.sequences)
    for k in options.k:
        rows = []
        for sequence in sequences:
            rows += measure(sequence, k, options.model, options.device)
        print(f"\n{k} references\n\n{table(rows)}", flush=True)


def measure(sequence: DavisSequence, k: int, model: str, device: str) -> list[Row]:
    """A row for each object that is painted."""
    objects = painted_objects(sequence, k)
    truth = true_mattes(sequence, objects)
    columns = [
        flicker(mattes_of(sequence, k, model, device, flow), truth) for flow in (True, False)
    ]
    columns.append(flicker([(frame, {}) for frame in truth], truth))
    return [Row(f"{sequence.name} {i}", *(column[i] for column in columns)) for i in objects]


def true_mattes(sequence: DavisSequence, objects: Collection[int]) -> dict[int, Mattes]:
    """By frame."""
    labels = {frame: sequence.truth.read(frame) for frame in sequence.truth.files}
    return {frame: {i: mask == i for i in objects} for frame, mask in labels.items()}


def mattes_of(
    sequence: DavisSequence, k: int, model: str, device: str, flow: bool
) -> Iterable[tuple[int, Mattes]]:
    """Frames and their soft mattes, in order."""
    for result in propagated(sequence, k, model=model, device=device, flow=flow):
        yield result.frame, result.mattes


def flicker(mattes: Iterable[tuple[int, Mattes]], truth: Mapping[int, Mattes]) -> dict[int, float]:
    """Mean dtSSD by object.

    Args:
        mattes: frames and mattes, in order; an object without one is not seen.
        truth: true mattes by frame, of all objects; frames without are passed over.
    """
    scores: dict[int, list[float]] = {}
    annotated = ((frame, told) for frame, told in mattes if frame in truth)
    for (a, first), (b, second) in pairwise(annotated):
        for obj, true in truth[b].items():
            nothing = np.zeros(true.shape)
            found = first.get(obj, nothing), second.get(obj, nothing)
            scores.setdefault(obj, []).append(matte_dtssd(found, (truth[a][obj], true)))
    return {obj: fmean(values) for obj, values in scores.items()}


def table(rows: list[Row]) -> str:
    """Markdown, with the mean over all objects."""
    columns = [[getattr(row, name) for row in rows] for name in ("flow", "no_flow", "still")]
    mean = Row("mean over objects", *map(fmean, columns))
    head = "| object | with flow | without | a still matte |\n| --- | --: | --: | --: |"
    return "\n".join([head, *map(_line, [*rows, mean])])


def _line(row: Row) -> str:
    return f"| {row.name} | {row.flow:.2f} | {row.no_flow:.2f} | {row.still:.2f} |"


if __name__ == "__main__":
    main()
