# SPDX-License-Identifier: Apache-2.0
"""What predictions in memory are good for, as a Markdown table: J and tokens read by setting.

    python -m benchmarks.working_memory DATASET -k 1 3 [--sequences cows dog]

DATASET holds ``JPEGImages/SEQ`` and ``Annotations/SEQ``; the masks of K evenly spaced frames are
painted. Without evidence from optical flow. J is the mean over objects and unpainted frames of
a sequence, then over sequences.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from statistics import fmean
from typing import cast

from benchmarks.davis import DavisSequence, open_dataset
from benchmarks.runs import add_data_options, painted
from engine_server import FrameResult
from engine_server.evaluation.measures import region_measure
from engine_server.memory import Memory
from engine_server.network import LITE, MemoryConfig
from engine_server.session.closeup import CloseUp


def settings() -> dict[str, MemoryConfig]:
    """Ways to remember predictions, by name."""
    base = replace(LITE.memory, memory_every=5)
    sizes = {"one or two frames": (1, 2), "two to four": (2, 4), "five to ten": (5, 10)}
    found = {"none": replace(base, working=False)}
    for name, (least, most) in sizes.items():
        for tokens in (128, 512, 10_000):
            setting = replace(base, min_frames=least, max_frames=most, max_long_term=tokens)
            found[f"{name}, {tokens} tokens for long"] = setting
    return found


def measure(sequence: DavisSequence, k: int, setting: MemoryConfig) -> tuple[float, float]:
    """J, and the tokens that the second look at a frame reads in the mean."""
    scores, tokens = [], []
    with painted(sequence, k) as session:
        looks = cast(CloseUp, session.tracker)
        for tracker in (looks.overview, looks.detail):
            tracker.memory = Memory(setting, dtype=tracker.memory.dtype)
        for step in session.propagate_frames(flow=False):
            if isinstance(step, FrameResult):
                sizes = looks.memory.sizes
                tokens.append(sizes.working + sizes.permanent + sizes.long_term)
                scores += _scores(sequence, k, step)
    return fmean(scores), fmean(tokens)


def _scores(sequence: DavisSequence, k: int, result: FrameResult) -> list[float]:
    if result.frame in sequence.references(k) or result.frame not in sequence.truth.files:
        return []
    truth, found = sequence.truth.read(result.frame), result.labels()
    return [region_measure(found == obj, truth == obj) for obj in result.mattes]


def main(words: list[str] | None = None) -> None:
    """Propagate with each setting, print a row for it."""
    parser = argparse.ArgumentParser(description="Working memory on an annotated data set.")
    add_data_options(parser, k=[1, 3])
    options = parser.parse_args(words)
    sequences = open_dataset(options.dataset, options.sequences)
    heads = [f"K = {k}: J | tokens read" for k in options.k]
    print(f"| predictions in memory | {' | '.join(heads)} |")
    print(f"| --- |{' --: | --: |' * len(heads)}")
    for name, setting in settings().items():
        cells = [f"| {name}"]
        for k in options.k:
            found = [measure(sequence, k, setting) for sequence in sequences]
            j, tokens = (fmean(column) for column in zip(*found, strict=True))
            cells.append(f"{j:.4f} | {tokens:.0f}")
        print(" | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
