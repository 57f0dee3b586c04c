# SPDX-License-Identifier: Apache-2.0
"""Whether confidence tells how good a matte is, on an annotated data set.

    python -m benchmarks.calibration DATASET -k 1 3 [-o docs/pictures/calibration.png] [--csv FILE]
    python -m benchmarks.calibration HELD_OUT --sequences A B C -k 1 3 --fit

DATASET holds ``JPEGImages/SEQ`` and ``Annotations/SEQ``; the masks of K evenly spaced frames are
painted, and every other matte counts: of one object at one frame, its confidence and its J and F.
The *lift* is the share of all error 1 - J that the least confident tenth holds, over a tenth; next
to it the greatest that any order has. ``--fit`` prints the ``DOUBT`` of
`engine_server.session.confidence` that suits these mattes, and draws nothing: give it shots that
the model was not trained on, and that nothing is reported on.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks.davis import DavisSequence, open_dataset
from benchmarks.runs import add_data_options, propagated
from engine_server import FrameResult
from engine_server.evaluation.measures import boundary_measure, region_measure
from engine_server.session.confidence import DOUBT

Numbers = NDArray[np.float64]

SHARE = 0.1  # of the mattes, the least confident ones
BINS = 10  # of confidence


@dataclass(frozen=True)
class Item:
    """One matte that was not painted: of one object at one frame."""

    sequence: str
    k: int
    frame: int
    obj: int
    confidence: float
    j: float
    f: float


def main(words: list[str] | None = None) -> None:
    """Propagate, compare, print, draw."""
    options = _parse(words)
    items: list[Item] = []
    print("| sequence | K | mattes | mean confidence | mean J | rank correlation |")
    print("| --- |" + " --: |" * 5)
    for sequence in open_dataset(options.dataset, options.sequences):
        for k in options.k:
            new = collect(sequence, k, options.model, options.device)
            print(_sequence_row(new), flush=True)
            items += new
    print(f"\n{table(items)}")
    if options.csv:
        write_csv(items, options.csv)
    if options.fit:
        print(f"\nDOUBT = {fitted_doubt(items):.2f} suits these mattes; in use: {DOUBT}")
    else:
        plot(items, options.output)


def collect(sequence: DavisSequence, k: int, model: str, device: str) -> list[Item]:
    """All mattes of a sequence at unpainted, annotated frames."""
    results = propagated(sequence, k, model=model, device=device)
    return [
        item
        for result in results
        if result.frame in sequence.truth.files and not result.painted
        for item in _items(sequence, k, result)
    ]


def _items(sequence: DavisSequence, k: int, result: FrameResult) -> Iterator[Item]:
    truth, found = sequence.truth.read(result.frame), result.labels()
    for obj, sure in result.confidence.items():
        pair = found == obj, truth == obj
        scores = region_measure(*pair), boundary_measure(*pair)
        yield Item(sequence.name, k, result.frame, obj, sure, *scores)


def lift(confidence: ArrayLike, error: ArrayLike) -> float:
    """How many times its share of the error the least confident tenth holds.

    Args:
        confidence: one number per matte; ties go in the order given.
        error: 0 or above, of the same mattes.

    Returns:
        0..10; 1 where confidence tells nothing, NaN where there is no error.
    """
    errors = np.asarray(error)[np.argsort(confidence, kind="stable")]
    part = max(1, round(SHARE * len(errors)))
    return float(errors[:part].mean() / errors.mean()) if errors.any() else math.nan


def rank_correlation(a: ArrayLike, b: ArrayLike) -> float:
    """Spearman's: the correlation of ranks, ties sharing their mean rank; NaN for constants."""
    ranks = [_ranks(np.asarray(values)) for values in (a, b)]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return math.nan
    return float(np.corrcoef(*ranks)[0, 1])


def _ranks(values: Numbers) -> Numbers:
    _, where, count = np.unique(values, return_inverse=True, return_counts=True)
    mean_ranks: Numbers = np.cumsum(count) - (count - 1) / 2
    return mean_ranks[where]


def calibration_error(confidence: ArrayLike, measured: ArrayLike) -> float:
    """Expected calibration error: mean distance of confidence and outcome over ten bins.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 2, with the measured
    J in place of the share of right answers.
    """
    sure, right = np.asarray(confidence), np.asarray(measured)
    parts = [np.flatnonzero(bins_of(sure) == i) for i in range(BINS)]
    gaps = [len(part) * abs((sure[part] - right[part]).mean()) for part in parts if len(part)]
    return float(sum(gaps) / len(sure))


def bins_of(confidence: ArrayLike) -> NDArray[np.int64]:
    """The bin of each confidence: ten of equal width."""
    return np.minimum(np.asarray(confidence) * BINS, BINS - 1).astype(np.int64)


def fitted_doubt(items: Sequence[Item]) -> float:
    """The ``DOUBT`` with the least cross-entropy between J and confidence; sequences weigh alike.

    Confidence has the odds A / (doubt * D), so that another doubt only divides the odds.
    """
    runs = [(item.sequence, item.k) for item in items]
    weight = np.array([1 / runs.count(run) for run in runs])
    j = np.array([item.j for item in items])
    sure = np.clip([item.confidence for item in items], 1e-4, 1 - 1e-4)
    odds = DOUBT * sure / (1 - sure)

    def entropy(doubt: float) -> float:
        chance = odds / (odds + doubt)
        return float(-(weight * (j * np.log(chance) + (1 - j) * np.log(1 - chance))).sum())

    return float(min(np.geomspace(0.1, 20, 1000), key=entropy))


def table(items: Sequence[Item]) -> str:
    """Markdown: for each K and for all of them together, of mattes and of whole frames."""
    head = (
        "| | number | lift, of at most | lift by J&F, of at most | rank correlation "
        "| mean confidence | mean J | calibration error |"
    )
    numbers = sorted({item.k for item in items})
    groups = {f"K = {k}": [item for item in items if item.k == k] for k in numbers}
    if len(groups) > 1:
        groups["all"] = list(items)
    rows = [_row(f"{name}, mattes", group) for name, group in groups.items()]
    if len(whole_frames(items)) < len(items):
        rows += [_row(f"{name}, frames", whole_frames(group)) for name, group in groups.items()]
    return "\n".join([head, "| --- |" + " --: |" * 7, *rows])


def whole_frames(items: Sequence[Item]) -> list[Item]:
    """Means over the objects of each frame, in place of the objects."""
    frames: dict[tuple[str, int, int], list[Item]] = {}
    for item in items:
        frames.setdefault((item.sequence, item.k, item.frame), []).append(item)
    return [
        Item(*key, 0, *(fmean(getattr(i, name) for i in told) for name in ("confidence", "j", "f")))
        for key, told in frames.items()
    ]


def _row(name: str, items: Sequence[Item]) -> str:
    sure, j, error, both = columns(items)
    cells = [
        f"{len(items)}",
        f"{lift(sure, error):.2f} of {lift(-error, error):.2f}",
        f"{lift(sure, both):.2f} of {lift(-both, both):.2f}",
        f"{rank_correlation(sure, j):.2f}",
        f"{sure.mean():.3f}",
        f"{j.mean():.3f}",
        f"{calibration_error(sure, j):.3f}",
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _sequence_row(items: Sequence[Item]) -> str:
    sure, j, _, _ = columns(items)
    means = f"{sure.mean():.3f} | {j.mean():.3f} | {rank_correlation(sure, j):.2f}"
    return f"| {items[0].sequence} | {items[0].k} | {len(items)} | {means} |"


def columns(items: Sequence[Item]) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Confidence, J, 1 - J and 1 - J&F."""
    sure, j, f = (np.array([getattr(i, name) for i in items]) for name in ("confidence", "j", "f"))
    return sure, j, 1 - j, 1 - (j + f) / 2


def write_csv(items: Sequence[Item], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in fields(Item)])
        writer.writerows(astuple(item) for item in items)


def plot(items: Sequence[Item], path: Path) -> None:
    """Confidence against J, and the error held by the least confident mattes."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 5), layout="constrained")
    _scatter(left, items)
    for k in sorted({item.k for item in items}):
        _gather(right, [item for item in items if item.k == k], f"K = {k}")
    right.plot([0, 1], [0, 1], color="0.7", lw=1)
    right.axvline(SHARE, color="0.7", lw=1)
    right.set(xlabel="share of the mattes, least confident first", ylabel="share of all error")
    right.legend(loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def _scatter(axes: Any, items: Sequence[Item]) -> None:
    """A dot for each matte, and the mean J of each bin of confidence."""
    for name in dict.fromkeys(item.sequence for item in items):
        sure, j, _, _ = columns([item for item in items if item.sequence == name])
        axes.scatter(sure, j, s=8, alpha=0.5, linewidths=0, label=name)
    sure, j, _, _ = columns(items)
    parts = [np.flatnonzero(bins_of(sure) == i) for i in range(BINS)]
    means = [(sure[part].mean(), j[part].mean()) for part in parts if len(part)]
    axes.plot(*zip(*means, strict=True), "ko-", ms=4, lw=1, label="means of ten bins")
    axes.plot([0, 1], [0, 1], color="0.7", lw=1)
    axes.set(xlabel="confidence", ylabel="measured J", xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left")


def _gather(axes: Any, items: Sequence[Item], name: str) -> None:
    """Error by the order of confidence, and dashed by the order of the error itself."""
    sure, _, error, _ = columns(items)
    share = np.arange(1, len(items) + 1) / len(items)
    held = np.cumsum(error[np.argsort(sure, kind="stable")]) / error.sum()
    (line,) = axes.plot(share, held, label=f"{name}, lift {lift(sure, error):.2f}")
    best = np.cumsum(np.sort(error)[::-1]) / error.sum()
    label = f"the best order, {lift(-error, error):.2f}"
    axes.plot(share, best, ls="--", lw=1, color=line.get_color(), label=label)


def _parse(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Confidence against measured J.")
    add_data_options(parser, k=[1, 3])
    picture = Path("docs/pictures/calibration.png")
    parser.add_argument("-o", "--output", type=Path, default=picture, help=f"plot ({picture})")
    parser.add_argument("--csv", type=Path, help="all numbers")
    parser.add_argument("--fit", action="store_true", help="print the DOUBT that suits; no plot")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
