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
    """What the selector keeps of one frame: hw rows of its composite key, 0.8 MB at 480p.

    The sides of the similarity, twice as large, are made when they are needed.

    Attributes:
        key, selection: hw x C.
        shrinkage: hw x 1.
        present: whether enough of the object is in the frame for it to be chosen.
    """

    key: Tensor
    shrinkage: Tensor
    selection: Tensor
    present: bool

    @property
    def memory(self) -> Tensor:
        """Its side of the similarity where it is what is read, hw x (2C + 1)."""
        return memory_side(self.key, self.shrinkage)

    @property
    def query(self) -> Tensor:
        """Its side of the similarity where it is what asks, hw x (2C + 1)."""
        return query_side(self.key, self.selection)


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
        matte: H x W in 0..1 of the whole frame at any size, the maximum over objects.
        alpha: 0 compares whole frames, 1 only what the matte covers.
        min_presence_percent: a frame whose matte covers less, in percent, is passed over.
    """
    h, w = key.shape[1:]
    small = cv2.resize(matte, (w, h), interpolation=cv2.INTER_NEAREST)
    weight = alpha * torch.from_numpy(small).to(key) + (1 - alpha)
    key, shrinkage, selection = (
        plane.flatten(1).T.contiguous() for plane in (key * weight, shrinkage, selection)
    )
    present = 100 * float((matte > 0.5).mean()) >= min_presence_percent
    return FrameSketch(key, shrinkage, selection, present)


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
    frame is compared with another chosen one only when its bound comes up as the largest,
    and with those nearest in time first, which are most like it. The result is that of
    comparing everything.

    Args:
        frames: one sketch per frame.
        previous: positions of the frames painted already, at least one.
        k: how many are wanted.

    Returns:
        up to ``k`` positions, best first, none of them in ``previous``; fewer where no
        other frame differs. Ties go to the earlier frame.
    """
    chosen: list[int] = []
    painted = set(previous)
    waiting = {  # by frame, the chosen ones that it is not compared with yet
        i: list(painted) for i, frame in enumerate(frames) if frame.present and i not in painted
    }
    queue = [(-np.inf, i) for i in waiting]
    while queue and len(chosen) < k:
        bound, i = queue[0]
        if waiting[i]:
            other = _take_nearest(waiting[i], i)
            new = dissimilarity(frames[other], frames[i])
            heapq.heapreplace(queue, (max(bound, -new), i))
        elif bound == 0:
            break
        else:
            chosen.append(heapq.heappop(queue)[1])
            del waiting[i]
            for others in waiting.values():
                others.append(i)
    return chosen


def _take_nearest(positions: list[int], to: int) -> int:
    nearest = min(positions, key=lambda position: abs(position - to))
    positions.remove(nearest)
    return nearest
