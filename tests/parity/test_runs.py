# SPDX-License-Identifier: Apache-2.0
"""Whole sweeps over the clip, compression and forgetting of long-term memory included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from torch import Tensor

from tests.parity.parity_checks import RUN_TOLERANCE, RUNS, Run, load_run, sweep


@dataclass(frozen=True)
class Swept:
    theirs: Run
    prob: list[Tensor]
    sizes: list[tuple[int, int, int]]


@pytest.fixture(scope="module", params=RUNS)
def swept(request: pytest.FixtureRequest, prepared: Any) -> Swept:
    run = load_run(request.param)
    steps = list(sweep(run, prepared))
    return Swept(run, [prob for _, prob, _ in steps], [sizes for _, _, sizes in steps])


def test_probabilities(swept: Swept) -> None:
    for frame, theirs in swept.theirs.prob.items():
        difference = (swept.prob[frame] - theirs).abs().max()
        assert difference < RUN_TOLERANCE, f"frame {frame}"


def test_probabilities_of_every_frame_sum_to_one(swept: Swept) -> None:
    assert all((prob.sum(0) - 1).abs().max() < 1e-5 for prob in swept.prob)


def test_memory_sizes(swept: Swept) -> None:
    assert swept.sizes == swept.theirs.sizes
