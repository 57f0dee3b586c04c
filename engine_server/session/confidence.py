# SPDX-License-Identifier: Apache-2.0
"""How sure the network is of a matte."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["confidence"]


def confidence(matte: NDArray[np.float32], *, presence: float = 0.05) -> float:
    """Mean certainty where the object may be.

    A pixel's certainty is ``|2p - 1|``: 1 where the network is sure of object or
    background, 0 where it can't tell. The mean goes over the pixels with a probability
    above ``presence``, so that the size of the object in the picture does not matter; where
    no pixel is, the object is surely not in the picture.

    Args:
        matte: H x W probabilities in 0..1.
        presence: the least probability that counts.

    Returns:
        confidence in 0..1.
    """
    seen = matte[matte > presence]
    return float(np.abs(2 * seen - 1).mean()) if seen.size else 1.0
