# SPDX-License-Identifier: Apache-2.0
"""What adapting to a shot gives, and how often its check is right, as a Markdown table.

    python -m benchmarks.adapt DATASET -k 3 5 --seconds 30 [--steps N] [--every 3]

DATASET holds ``JPEGImages/SEQ`` and ``Annotations/SEQ``. Of each sequence the masks of K evenly
spaced frames are given as references; J&F is measured on the others. To judge the check, the
fitted network is also tried where the check refuses it. With ``--steps`` every fit has so many
steps, however long they take: what a quicker or idle machine would do.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from benchmarks.davis import DavisSequence, open_dataset
from engine_server.evaluation.measures import boundary_measure, region_measure
from engine_server.network.inference import use_threads
from engine_server.session import Adaptation, Budget, FrameResult, Session
from engine_server.session import adapt as adapting

SAME = 0.0005  # differences of J&F that are none


@dataclass(frozen=True)
class Row:
    """One sequence with K references.

    Attributes:
        name, k: which.
        plain, fitted: J&F of the network as it is, and of the fitted one.
        told: what the check said; ``accepted`` is its own verdict.
    """

    name: str
    k: int
    plain: float
    fitted: float
    told: Adaptation

    @property
    def checked(self) -> float:
        """J&F that `--adapt` gives: that of the fitted network where it is accepted."""
        return self.fitted if self.told.accepted else self.plain

    @property
    def right(self) -> bool:
        """Whether the check took what is better, and refused what is not."""
        gain = self.fitted - self.plain
        return gain > -SAME if self.told.accepted else gain < SAME

    def __str__(self) -> str:
        scores = " | ".join(f"{x:.3f}" for x in (self.plain, self.fitted, self.checked))
        taken = "yes" if self.told.accepted else "no"
        left_out, beside = (
            f"{mean(before.values()):.3f} → {mean(after.values()):.3f}"
            for before, after in (
                (self.told.before, self.told.after),
                (self.told.beside_before, self.told.beside_after),
            )
        )
        return (
            f"| {self.name} | {self.k} | {scores} | {left_out} | {beside} | {taken} | "
            f"{'yes' if self.right else 'no'} | {self.told.steps} | {self.told.seconds:.0f} |"
        )


HEAD = (
    "| sequence | K | as it is | fitted | with the check | left out | beside | accepted | "
    "rightly | steps | s |\n| --- | --: | --: | --: | --: | --: | --: | --- | --- | --: | --: |"
)


def main() -> None:
    """Measure, print a row for each case and what they come to."""
    options = _parse()
    use_threads(None)
    budget = Budget(options.seconds, options.steps)
    print(HEAD, flush=True)
    rows = []
    for sequence in open_dataset(options.dataset, options.sequences):
        for k in options.k:
            rows.append(measure(sequence, k, budget, every=options.every))
            print(rows[-1], flush=True)
    for k in options.k:
        print(f"\nK={k}: {summary([row for row in rows if row.k == k])}")


def measure(sequence: DavisSequence, k: int, budget: Budget, *, every: int = 1) -> Row:
    """One sequence, without and with adaptation.

    Args:
        sequence: frames and true masks.
        k: how many references.
        budget: of the adaptation.
        every: only every so many frames are propagated and scored.
    """
    painted = sequence.references(k)
    with Session.open(sequence.plate, model="lite") as session:
        labels = sorted({int(i) for f in painted for i in np.unique(sequence.truth.read(f)) if i})
        for label in labels:
            session.add_object(f"object {label}", obj=label)
        for frame in painted:
            truth = sequence.truth.read(frame)
            session.set_reference(frame, {label: truth == label for label in labels})
        wanted = [f for f in sequence.truth.files if f not in painted][::every]
        plain = score(session, sequence, wanted)
        told = adapted(session, budget)
        return Row(sequence.name, k, plain, score(session, sequence, wanted), told)


def adapted(session: Session, budget: Budget) -> Adaptation:
    """Adapts a session whatever the check says; what it said."""
    verdicts, check = [], adapting.verdict

    def accept(before: adapting.Scores, after: adapting.Scores) -> tuple[bool, str]:
        verdicts.append(check(before, after))
        return True, verdicts[-1][1]

    with mock.patch.object(adapting, "verdict", accept):
        told = session.adapt(budget)
    if told is None or not verdicts:
        raise SystemExit(f"nothing was fitted: {told}")
    accepted, reason = verdicts[0]
    return replace(told, accepted=accepted, reason=reason)


def score(session: Session, sequence: DavisSequence, wanted: list[int]) -> float:
    """Mean J&F over frames and objects."""
    rest = [frame for frame in session.plate.frames if frame not in wanted]
    steps = session.propagate_frames(leave=rest)
    results = [step for step in steps if isinstance(step, FrameResult)]
    return mean(_j_and_f(r.labels(), sequence.truth.read(r.frame), r.mattes) for r in results)


def _j_and_f(found: NDArray[np.uint8], truth: NDArray[np.int32], labels: Iterable[int]) -> float:
    return mean(
        (region_measure(found == i, truth == i) + boundary_measure(found == i, truth == i)) / 2
        for i in labels
    )


def mean(values: Iterable[float]) -> float:
    """Of at least one."""
    return float(np.mean(list(values)))


def summary(rows: list[Row]) -> str:
    """A sentence."""
    plain, fitted, checked = (
        mean(scores)
        for scores in zip(*((row.plain, row.fitted, row.checked) for row in rows), strict=True)
    )
    accepted, right = sum(row.told.accepted for row in rows), sum(row.right for row in rows)
    return (
        f"mean J&F {plain:.4f} as it is, {fitted:.4f} fitted unchecked, {checked:.4f} with the "
        f"check; {accepted} of {len(rows)} accepted, the check was right in {right}"
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure adapting to a shot.")
    parser.add_argument("dataset", type=Path, help="holds JPEGImages/SEQ and Annotations/SEQ")
    parser.add_argument("--sequences", nargs="+", default=[], help="which sequences (all)")
    parser.add_argument("-k", type=int, nargs="+", default=[3], help="references per sequence (3)")
    parser.add_argument("--seconds", type=float, default=30, help="of each adaptation (30)")
    parser.add_argument("--steps", type=int, help="exactly so many for each fit instead")
    parser.add_argument("--every", type=int, default=1, help="score every so many frames (1)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
