# SPDX-License-Identifier: Apache-2.0
"""Keys of frames that the network has seen, kept so that candidates need not look again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..network import Features

__all__ = ["FrameKeys", "KeyCache"]


@dataclass(frozen=True)
class FrameKeys:
    """What the key encoder says of one frame of h x w tokens, float32.

    Attributes:
        key, selection: C x h x w.
        shrinkage: 1 x h x w.
    """

    key: Tensor
    shrinkage: Tensor
    selection: Tensor

    @classmethod
    def of(cls, features: Features) -> FrameKeys:
        """Those of a single picture; the trunk's own features are left behind."""
        return cls(features.key[0], features.shrinkage[0], features.selection[0])

    def to(self, device: torch.device) -> FrameKeys:
        """The same on a device."""
        return FrameKeys(*(plane.to(device) for plane in self.planes))

    @property
    def nbytes(self) -> int:
        """Bytes that they take: 0.8 MB for 864 x 480 pixels."""
        return sum(plane.nbytes for plane in self.planes)

    @property
    def planes(self) -> tuple[Tensor, Tensor, Tensor]:
        """Key, shrinkage and selection."""
        return self.key, self.shrinkage, self.selection


class KeyCache:
    """Keys by frame in main memory, bounded in bytes.

    When it is full, more frames are not kept: all frames are looked at in turn, so that making
    room for the last would drop the ones that are asked for first.

    Args:
        max_bytes: what all keys together may take.
    """

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes
        self._frames: dict[int, FrameKeys] = {}

    def __contains__(self, frame: object) -> bool:
        return frame in self._frames

    def __getitem__(self, frame: int) -> FrameKeys:
        return self._frames[frame]

    def put(self, frame: int, keys: FrameKeys) -> None:
        """Keeps the keys of a frame, if there is room for them; they never change."""
        if frame in self._frames or keys.nbytes > self._left:
            return
        self._left -= keys.nbytes
        self._frames[frame] = keys.to(torch.device("cpu"))
