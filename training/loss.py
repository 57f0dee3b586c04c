# SPDX-License-Identifier: Apache-2.0
"""What a batch is judged by: the share of pixels that the loss counts, and IoU."""

from __future__ import annotations

import torch
from torch import Tensor

from engine_server.network import aggregate_logits
from engine_server.network.loss import segmentation_loss

__all__ = ["hardest_share", "mean_iou", "segmentation_loss"]


def hardest_share(
    progress: float, *, start: float = 0.1, end: float = 0.5, final: float = 0.15
) -> float:
    """Share of the pixels that the cross-entropy counts: all at first, the hardest ones later."""
    ramp = min(max((progress - start) / (end - start), 0.0), 1.0)
    return 1.0 + (final - 1.0) * ramp


def mean_iou(logits: Tensor, targets: Tensor) -> float:
    """Mean intersection over union of the hard masks; 1 where both are empty."""
    winner = aggregate_logits(torch.sigmoid(logits), 1).argmax(1, keepdim=True)
    found = winner == torch.arange(1, targets.shape[1] + 1).view(1, -1, 1, 1)
    true = targets > 0.5
    both, either = (found & true).sum((2, 3)), (found | true).sum((2, 3))
    return float(torch.where(either > 0, both / either.clamp(min=1), torch.ones(())).mean())
