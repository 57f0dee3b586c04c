# SPDX-License-Identifier: Apache-2.0
"""Which frame to paint next (XMem++, section 3.3 and appendix D).

Frames are compared by what their keys look like where the object is; the next candidate
is the frame least like every frame chosen so far.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..memory.readout import memory_side, query_side

__all__ = ["FrameSketch", "choose_candidates", "dissimilarity", "sketch"]

STRIP = 256  # rows of a similarity table that are compared at a time


@dataclass(frozen=True)
class FrameSketch:
    """What the selector keeps of one frame: hw rows of its composite key.

    Attributes:
        memory, query: hw x (2C + 1), the two sides of the similarity.
        present: whether enough of the object is in the frame for it to be chosen.
    """

    memory: Tensor
    query: Tensor
    present: bool


def sketch(
    key: Tensor,
    shrinkage: Tensor,
    selection: Tensor,
    matte: NDArray[np.float32],
    *,
    alpha: float,
    min_presence_percent: float,
) -> FrameSketch:
    """Reduces a frame to its composite key ``alpha (k m) + (1 - alpha) k``.

    Args:
        key, selection: C x h x w.
        shrinkage: 1 x h x w.
        matte: H x W in 0..1 at the size the network saw, the maximum over objects.
        alpha: 0 compares whole frames, 1 only what the matte covers.
        min_presence_percent: a frame whose matte covers less, in percent, is passed over.
    """
    h, w = key.shape[1:]
    small = cv2.resize(matte, (w, h), interpolation=cv2.INTER_NEAREST)
    weight = alpha * torch.from_numpy(small).to(key) + (1 - alpha)
    rows = (key * weight).flatten(1).T
    present = 100 * float((matte > 0.5).mean()) >= min_presence_percent
    return FrameSketch(
        memory_side(rows, shrinkage.flatten(1).T), query_side(rows, selection.flatten(1).T), present
    )


def dissimilarity(a: FrameSketch, b: FrameSketch) -> float:
    """Cycle dissimilarity ``mean(relu(S(A, B) - S(B, A)))`` (appendix D).

    Both tables come out of one matrix product, since their sides can be put end to end.
    """
    left = torch.cat([a.memory, b.memory], 1)
    right = torch.cat([b.query, -a.query], 1).T
    strips = torch.split(left, STRIP)
    total = sum(((rows @ right).clamp_(min=0).sum().item() for rows in strips), 0.0)
    return total / (len(left) * right.shape[1])


def choose_candidates(frames: Sequence[FrameSketch], previous: Sequence[int], k: int) -> list[int]:
    """Greedy max-min: k times the frame least like all chosen so far.

    Chosen frames only ever lower a frame's minimum, so an old minimum is an upper bound: a
    frame is compared with the newly chosen ones only when its bound comes up as the
    largest. The result is that of comparing everything.

    Args:
        frames: one sketch per frame.
        previous: positions of the frames painted already, at least one.
        k: how many are wanted.

    Returns:
        up to ``k`` positions, best first, none of them in ``previous``; fewer where no
        other frame differs. Ties go to the earlier frame.
    """
    chosen = list(previous)
    compared = [0] * len(frames)
    queue = [
        (-np.inf, i) for i, frame in enumerate(frames) if frame.present and i not in set(previous)
    ]
    while queue and len(chosen) < len(previous) + k:
        bound, i = queue[0]
        if compared[i] < len(chosen):
            new = dissimilarity(frames[chosen[compared[i]]], frames[i])
            compared[i] += 1
            heapq.heapreplace(queue, (max(bound, -new), i))
        elif bound == 0:
            break
        else:
            chosen.append(heapq.heappop(queue)[1])
    return chosen[len(previous) :]
