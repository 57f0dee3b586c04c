# SPDX-License-Identifier: Apache-2.0
"""A quick score on shots that are never trained on: choices are made on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from engine_server.network import XMem

from .data import Shot
from .loss import mean_iou
from .step import predict

__all__ = ["held_out_iou", "spread_evenly"]


def spread_evenly(frames: int, count: int) -> list[int]:
    """``count`` frame numbers out of ``frames``, in the middle of equal stretches."""
    return [int((i + 0.5) * frames / count) for i in range(count)]


@torch.no_grad()
def held_out_iou(
    model: XMem, shots: Sequence[Shot], *, references: Sequence[int] = (1, 3), queries: int = 8
) -> dict[str, float]:
    """Mean intersection over union over ``queries`` frames of each shot.

    The model is used as it stands: put it into ``eval`` mode before.

    Returns:
        ``{"k1": ..., "k3": ...}``: the mean over shots for each number of references,
        and ``{"SHOT/k3": ...}`` for the last of them.
    """
    scores: dict[str, float] = {}
    for count in references:
        per_shot = {shot.name: _shot_iou(model, shot, count, queries) for shot in shots}
        scores[f"k{count}"] = float(np.mean(list(per_shot.values())))
    scores |= {f"{name}/k{references[-1]}": iou for name, iou in per_shot.items()}
    return {name: round(iou, 4) for name, iou in scores.items()}


def _shot_iou(model: XMem, shot: Shot, references: int, queries: int) -> float:
    known = spread_evenly(len(shot.frames), references)
    asked = [n for n in spread_evenly(len(shot.frames), queries) if n not in known]
    height, width = (side // 16 * 16 for side in shot.masks.shape[1:])
    picks = np.array(known + asked)
    frames = shot.frames[picks, :height, :width][None]
    planes = [np.uint8(255) * (shot.masks[picks, :height, :width] == n) for n in shot.labels]
    found = predict(model, frames, np.stack(planes, 1)[None], references)
    return mean_iou(found.logits, found.targets)
