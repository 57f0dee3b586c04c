# SPDX-License-Identifier: Apache-2.0
"""Loss of a segmented frame: bootstrapped cross-entropy and dice (XMem, section 3.5)."""

from __future__ import annotations

import torch
from torch import Tensor

from .xmem import aggregate_logits

__all__ = ["segmentation_loss"]


def segmentation_loss(logits: Tensor, targets: Tensor, share: float) -> Tensor:
    """Scalar loss over frames and objects.

    Args:
        logits: Q x N x H x W, of each object by itself.
        targets: Q x N x H x W coverage in 0..1; the rest of a pixel is background.
        share: of the pixels of each frame, the hardest, that the cross-entropy counts.
    """
    log_prob = torch.log_softmax(aggregate_logits(torch.sigmoid(logits), 1), 1)  # Q x (N+1) x H x W
    wanted = _with_background(targets)
    entropy = -(wanted * log_prob).sum(1).flatten(1)
    if share < 1:
        entropy = entropy.topk(int(share * entropy.shape[1]), 1, sorted=False).values
    return entropy.mean() + _dice(log_prob[:, 1:].exp(), targets)


def _with_background(targets: Tensor) -> Tensor:
    background = (1 - targets.sum(1, keepdim=True)).clamp(min=0)
    whole = torch.cat([background, targets], 1)
    return whole / whole.sum(1, keepdim=True).clamp(min=1e-6)


def _dice(prob: Tensor, targets: Tensor) -> Tensor:
    overlap = 2 * (prob * targets).sum((2, 3)) + 1
    return (1 - overlap / (prob.sum((2, 3)) + targets.sum((2, 3)) + 1)).mean()
