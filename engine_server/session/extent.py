# SPDX-License-Identifier: Apache-2.0
"""How large and how thick painted objects are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .references import Matte

__all__ = ["Extent", "edge_length"]


@dataclass(frozen=True)
class Extent:
    """What the painted objects ask of the network's eye; both by the frame's short side.

    Attributes:
        smallest: square root of the area of the smallest object.
        thinnest: mean width of the thinnest object, twice its area by the length of its edge.
    """

    smallest: float = 1.0
    thinnest: float = 1.0

    @classmethod
    def of(cls, references: Mapping[int, Mapping[int, Matte]]) -> Extent:
        """Of the objects as painted on half of their frames at least.

        Args:
            references: H x W by frame and object; an empty matte says nothing.
        """
        found: dict[int, list[tuple[float, float]]] = {}
        for told in references.values():
            for obj, matte in told.items():
                if (measured := _measured(matte)) is not None:
                    found.setdefault(obj, []).append(measured)
        medians = [np.median(sizes, axis=0) for sizes in found.values()]
        return cls(*map(float, np.min(medians, axis=0))) if medians else cls()


def edge_length(mask: NDArray[np.bool_]) -> int:
    """Pixels of a mask H x W that touch what is outside of it, the frame's border left out."""
    inside: NDArray[Any] = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    return int(np.count_nonzero(mask)) - int(np.count_nonzero(inside))


def _measured(matte: Matte) -> tuple[float, float] | None:
    """Root of the area and mean width by the short side; ``None`` of an empty matte."""
    mask, short = matte > 0.5, min(matte.shape)
    area = int(np.count_nonzero(mask))
    if not area:
        return None
    return area**0.5 / short, 2 * area / max(1, edge_length(mask)) / short
