# SPDX-License-Identifier: Apache-2.0
"""The candidates of the clip, the same frames in the same order."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from engine_server.network.inference import Runtime
from engine_server.session.candidates import choose_candidates, sketch
from engine_server.session.tracker import Tracker
from tests.parity.parity_checks import DATA, painted, picture

FRAMES = range(32)
EMPTIED = 5
CASES = json.loads((DATA / "candidates.json").read_text())["cases"]


@pytest.fixture(scope="module")
def features(prepared: Any) -> list[Any]:
    tracker = Tracker(prepared, Runtime(torch.device("cpu"), torch.float32), [1])
    return [tracker.features(picture(frame)) for frame in FRAMES]


def matte(frame: int) -> np.ndarray:
    drawn = painted(frame, (1,))[1].numpy()
    return np.zeros_like(drawn) if frame == EMPTIED else drawn


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['alpha']}-{case['previous']}")
def test_candidates(features: list[Any], case: dict[str, Any]) -> None:
    sketches = [
        sketch(
            found.key[0],
            found.shrinkage[0],
            found.selection[0],
            matte(frame),
            alpha=case["alpha"],
            min_presence_percent=case["min_mask_presence_percent"],
        )
        for frame, found in zip(FRAMES, features, strict=True)
    ]
    assert choose_candidates(sketches, case["previous"], case["k"]) == case["chosen"]
