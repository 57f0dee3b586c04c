# SPDX-License-Identifier: Apache-2.0
"""A quick score on shots that are never trained on: choices are made on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from engine_server.network import XMem

from .data import Shot
from .hints import ShotFlow
from .loss import mean_iou
from .step import predict

__all__ = ["HeldOut", "spread_evenly"]


def spread_evenly(frames: int, count: int) -> list[int]:
    """``count`` frame numbers out of ``frames``, in the middle of equal stretches."""
    return [int((i + 0.5) * frames / count) for i in range(count)]


class HeldOut:
    """Shots that a model is scored on.

    Args:
        shots: never trained on.
        references: numbers of painted frames to try.
        queries: frames of each shot that are segmented.
    """

    def __init__(
        self, shots: Sequence[Shot], *, references: Sequence[int] = (1, 3), queries: int = 8
    ) -> None:
        self.references, self.queries = references, queries
        self._flow = [ShotFlow(shot, reach=100) for shot in shots]

    @torch.no_grad()
    def score(self, model: XMem) -> dict[str, float]:
        """Mean intersection over union; the model is used as it stands (put it into ``eval``).

        Returns:
            ``{"k1": ..., "k1_flow": ..., "k3": ..., "mean": ...}``, without and with hints.
        """
        scores: dict[str, float] = {}
        for count in self.references:
            for name, hinted in ((f"k{count}", False), (f"k{count}_flow", True)):
                scores[name] = float(
                    np.mean([self._shot(model, flow, count, hinted) for flow in self._flow])
                )
        scores["mean"] = float(np.mean(list(scores.values())))
        return {name: round(iou, 4) for name, iou in scores.items()}

    def _shot(self, model: XMem, flow: ShotFlow, references: int, hinted: bool) -> float:
        shot = flow.shot
        known = spread_evenly(len(shot.frames), references)
        asked = [n for n in spread_evenly(len(shot.frames), self.queries) if n not in known]
        return float(np.mean([self._frame(model, flow, known, n, hinted) for n in asked]))

    def _frame(
        self, model: XMem, flow: ShotFlow, known: list[int], asked: int, hinted: bool
    ) -> float:
        shot = flow.shot
        height, width = (side // 16 * 16 for side in shot.masks.shape[1:])
        picks = np.array([*known, asked])
        frames = shot.frames[picks, :height, :width][None]
        planes = [np.uint8(255) * (shot.masks[picks, :height, :width] == n) for n in shot.labels]
        hints = None
        if hinted:
            told = flow.hints(known, asked, shot.labels)[None, None, :, :, :height, :width]
            hints = np.concatenate([np.zeros_like(told)] * len(known) + [told], 1)
        found = predict(model, frames, np.stack(planes, 1)[None], len(known), hints)
        return mean_iou(found.logits, found.targets)
