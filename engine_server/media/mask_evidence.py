# SPDX-License-Identifier: Apache-2.0
"""Evidence that tells painted labels from soft edges.

A label is a *plateau*: most of its pixels lie among pixels of exactly the same value, and it
ends in a step, or with a soft edge falls off to all sides. A soft edge is a *ramp*: its values
are next to other values, or, in a very wide blur, form bands that differ from the next band
by almost nothing, with a brighter one on one side and a darker one on the other. This is
measured per value over all masks of a set, so that no single odd picture decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Evidence", "grey_is_index", "measure"]

_FLAT_SHARE = 0.3  # of a label's pixels; thin limbs of an object are all border
_STEP_SHARE = 0.02  # of the full range: five levels of 255
_FALL_SHARE = 0.5  # a band has one brighter side: there fall is about 0
_FAINT_MAX = 64  # nobody paints a reference no denser than a quarter
_FEW_VALUES = 8


@dataclass(frozen=True)
class Evidence:
    """What was seen of one value.

    Args:
        count: pixels that have it.
        flat: those whose four neighbours have it too.
        step: sum of differences to neighbours that differ (largest channel).
        fall: the same with its sign: how much darker those neighbours are.
        pairs: number of such neighbours.
    """

    count: int = 0
    flat: int = 0
    step: float = 0.0
    fall: float = 0.0
    pairs: int = 0

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(
            self.count + other.count,
            self.flat + other.flat,
            self.step + other.step,
            self.fall + other.fall,
            self.pairs + other.pairs,
        )

    def is_plateau(self, full: float) -> bool:
        """Whether the value is a label, given the largest value of the set."""
        if self.flat < _FLAT_SHARE * self.count:
            return False
        ends_in_a_step = self.step >= _STEP_SHARE * full * self.pairs
        return ends_in_a_step or self.fall >= _FALL_SHARE * self.step


def measure(codes: NDArray[Any], picture: NDArray[Any]) -> dict[int, Evidence]:
    """Measure every value of a picture but 0.

    Args:
        codes: H x W integers, one for each distinct value or colour, 0 for background.
        picture: H x W or H x W x C, the same values as levels, for the size of steps.
    """
    painted = codes != 0
    rows, columns = np.flatnonzero(painted.any(1)), np.flatnonzero(painted.any(0))
    if rows.size == 0:
        return {}
    box = slice(max(rows[0] - 1, 0), rows[-1] + 2), slice(max(columns[0] - 1, 0), columns[-1] + 2)
    steps, falls, pairs = _steps(picture[box])
    codes, painted = codes[box], painted[box]
    values, inverse = np.unique(codes[painted], return_inverse=True)
    planes = (np.ones_like(steps), pairs == 0, steps, falls, pairs)
    sums = (np.bincount(inverse.ravel(), weights=plane[painted]).tolist() for plane in planes)
    return {
        value: Evidence(int(count), int(flat), step, fall, int(number))
        for value, count, flat, step, fall, number in zip(values.tolist(), *sums, strict=True)
    }


def _steps(
    picture: NDArray[Any],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8]]:
    """For each pixel: sum of differences to its neighbours, how much darker they are, how many."""
    levels = np.asarray(picture, np.float32)
    levels = levels[..., None] if levels.ndim == 2 else levels
    steps, falls = np.zeros((2, *levels.shape[:2]), np.float32)
    pairs = np.zeros(levels.shape[:2], np.uint8)
    everything, later, earlier = slice(None), slice(1, None), slice(None, -1)
    for here, there in (
        ((later, everything), (earlier, everything)),
        ((everything, later), (everything, earlier)),
    ):
        change = levels[here] - levels[there]
        difference = np.abs(change).max(axis=-1)
        signed = np.copysign(difference, change.sum(axis=-1))
        falls[here] += signed
        falls[there] -= signed
        for side in (here, there):
            steps[side] += difference
            pairs[side] += difference > 0
    return steps, falls, pairs


def grey_is_index(evidence: Mapping[int, Evidence], full: int) -> bool:
    """Whether grey values are labels (True) or the opacity of one object (False).

    * One value: opacity if it is full white, else a label.
    * No value above 64: labels, unless there are more than 8 values without plateaus.
    * Else labels, if most pixels that are neither black nor the brightest lie on plateaus
      and there are no more values off plateaus than on them (two are allowed). The brightest
      value has no say: it is a plateau in either case.

    Args:
        evidence: of each value (1..255) over all masks of the set; not empty.
        full: the value of full opacity (255).
    """
    brightest = max(evidence)
    if len(evidence) == 1:
        return brightest != full
    between = [found for value, found in evidence.items() if value != brightest]
    # A ramp in bands has many values; among few, label 1 beside label 200 is no tiny step.
    full = 0 if len(evidence) <= _FEW_VALUES else brightest
    plateaus = [found for found in between if found.is_plateau(full)]
    on_plateaus = sum(found.count for found in plateaus)
    share = on_plateaus / sum(found.count for found in between)
    if brightest <= _FAINT_MAX:
        return len(evidence) <= _FEW_VALUES or share >= 0.1
    return share >= 0.5 and len(between) - len(plateaus) <= max(2, len(plateaus))
