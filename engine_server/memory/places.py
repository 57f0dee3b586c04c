# SPDX-License-Identifier: Apache-2.0
"""Which places of a frame read from memory, and are remembered."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Places"]


@dataclass(frozen=True)
class Places:
    """Places that read for themselves, and for others.

    Attributes:
        reading: numbers of the places that read, row by row of the frame.
        instead: for each of all places the position in ``reading`` of the one whose reading it has.
    """

    reading: Tensor
    instead: Tensor

    @classmethod
    def around(cls, near: Tensor) -> Places:
        """All that are near something, and of the others one of four.

        Far from all objects one place is like the next.

        Args:
            near: h x w bool, on the CPU.
        """
        rows, columns = map(torch.arange, near.shape)
        itself = rows[:, None] * len(columns) + columns
        corner = (rows // 2 * 2)[:, None] * len(columns) + columns // 2 * 2
        source = torch.where(near, itself, corner).flatten()
        reading, instead = torch.unique(source, return_inverse=True)
        return cls(reading, instead)

    def to(self, device: torch.device) -> Places:
        """The same on a device."""
        return Places(self.reading.to(device), self.instead.to(device))
