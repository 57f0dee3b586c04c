# SPDX-License-Identifier: Apache-2.0
"""Between the plate's size and the size that the network works at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["SIZE", "Scaling"]

SIZE = 480  # pixels of the short side that the networks were made for


@dataclass(frozen=True)
class Scaling:
    """Sizes as (height, width): of the plate, and of what the network sees."""

    plate: tuple[int, int]
    model: tuple[int, int]

    @classmethod
    def to_short_side(cls, plate: tuple[int, int], size: int) -> Scaling:
        """Brings the short side down to ``size`` pixels; a smaller plate stays as it is."""
        scale = min(1.0, size / min(plate))
        height, width = (max(1, round(side * scale)) for side in plate)
        return cls(plate, (height, width))

    def view(self, view: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Model view H x W x 3 at plate size -> h x w x 3."""
        return self._down(view)

    def matte_in(self, matte: NDArray[np.float32]) -> NDArray[np.float32]:
        """Matte H x W at plate size -> h x w, each pixel the mean of those it covers."""
        return self._down(matte)

    def mattes_out(self, small: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities N x h x w -> N x H x W at plate size, never the same memory."""
        if self.plate == self.model:
            return small.copy()
        height, width = self.plate
        full = [cv2.resize(p, (width, height), interpolation=cv2.INTER_LINEAR) for p in small]
        return np.stack(full).astype(np.float32, copy=False)

    def _down(self, pixels: NDArray[Any]) -> NDArray[Any]:
        if self.plate == self.model:
            return np.array(pixels)  # never the same memory
        height, width = self.model
        return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))
