# SPDX-License-Identifier: Apache-2.0
"""Scores of an evaluation: as values, as a table for people, as JSON for programs.

The mean of a sequence is over its objects, the mean of all is over all objects of all
sequences, as DAVIS 2017 has it. J&F is the mean of J and F.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from rich.table import Table

__all__ = ["FrameScore", "ObjectScore", "Report", "SequenceScore"]


@dataclass(frozen=True)
class FrameScore:
    """J and F, 0..1, of one object on one frame."""

    frame: int
    j: float
    f: float


@dataclass(frozen=True)
class ObjectScore:
    """One object of a sequence; ``j`` and ``f`` are means over its frames."""

    label: int
    frames: tuple[FrameScore, ...]

    @property
    def j(self) -> float:
        """Mean region measure, 0..1."""
        return fmean(frame.j for frame in self.frames)

    @property
    def f(self) -> float:
        """Mean boundary measure, 0..1."""
        return fmean(frame.f for frame in self.frames)


@dataclass(frozen=True)
class SequenceScore:
    """One sequence; ``j`` and ``f`` are means over its objects.

    Attributes:
        name: the sequence's folder.
        objects: by label.
        unmatched: labels that were predicted but are nowhere in the ground truth; they do not
            count, and are often a sign of masks that are numbered in another way.
    """

    name: str
    objects: tuple[ObjectScore, ...]
    unmatched: tuple[int, ...] = ()

    @property
    def j(self) -> float:
        """Mean region measure, 0..1."""
        return fmean(score.j for score in self.objects)

    @property
    def f(self) -> float:
        """Mean boundary measure, 0..1."""
        return fmean(score.f for score in self.objects)


@dataclass(frozen=True)
class Report:
    """All sequences; ``j`` and ``f`` are means over all their objects."""

    sequences: tuple[SequenceScore, ...]

    @property
    def j(self) -> float:
        """Mean region measure, 0..1."""
        return fmean(score.j for score in self._objects())

    @property
    def f(self) -> float:
        """Mean boundary measure, 0..1."""
        return fmean(score.f for score in self._objects())

    @property
    def j_and_f(self) -> float:
        """The mean of J and F, 0..1."""
        return (self.j + self.f) / 2

    def to_json(self) -> str:
        """All numbers, down to the single frame, as indented JSON in ASCII."""
        sequences = [_sequence_json(sequence) for sequence in self.sequences]
        return json.dumps({**_measures(self), "sequences": sequences}, indent=2)

    def table(self) -> Table:
        """A table for a terminal: a row per object, a mean per sequence, and one of all."""
        table = Table("sequence", "object")
        for name in ("frames", "J", "F", "J&F"):
            table.add_column(name, justify="right")
        for sequence in self.sequences:
            for score in sequence.objects:
                count = str(len(score.frames))
                table.add_row(sequence.name, str(score.label), count, *_cells(score))
            if len(sequence.objects) > 1:
                table.add_row(sequence.name, "mean", "", *_cells(sequence), style="bold")
            table.add_section()
        table.add_row("all", "mean", "", *_cells(self), style="bold")
        if notes := list(self._notes()):
            table.caption = "\n".join(notes)
        return table

    def _objects(self) -> Iterable[ObjectScore]:
        return (score for sequence in self.sequences for score in sequence.objects)

    def _notes(self) -> Iterable[str]:
        for sequence in self.sequences:
            if sequence.unmatched:
                labels = ", ".join(map(str, sequence.unmatched))
                yield f"{sequence.name}: not in ground truth: object {labels}"


_Scored = ObjectScore | SequenceScore | Report


def _measures(scored: _Scored) -> dict[str, float]:
    return {"j": scored.j, "f": scored.f, "j_and_f": (scored.j + scored.f) / 2}


def _cells(scored: _Scored) -> list[str]:
    return [f"{value:.3f}" for value in _measures(scored).values()]


def _sequence_json(sequence: SequenceScore) -> dict[str, Any]:
    objects = [
        {
            "label": score.label,
            **_measures(score),
            "frames": [
                {"frame": frame.frame, "j": frame.j, "f": frame.f} for frame in score.frames
            ],
        }
        for score in sequence.objects
    ]
    return {
        "name": sequence.name,
        **_measures(sequence),
        "objects": objects,
        "unmatched_labels": list(sequence.unmatched),
    }
