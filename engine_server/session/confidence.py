# SPDX-License-Identifier: Apache-2.0
"""How good a matte is expected to be, told from its probabilities alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["DOUBT", "confidence"]

SEEN = 0.05  # lesser probabilities don't count: they would add up with the picture's size
DOUBT = 1.2
"""How many times more pixels are wrong than the probabilities of `lite` admit; fitted on shots
that it was not trained on, by ``python -m benchmarks.calibration --fit`` (docs/results.md)."""


def confidence(matte: NDArray[np.float32], *, doubt: float = DOUBT) -> float:
    """The intersection over union that a matte is expected to have with the truth.

    Taken at its word, a pixel of probability p is of the object with that probability. The matte
    cut at one half is then expected to share ``A = sum(p where p > 1/2)`` pixels with the truth,
    and to differ in ``D = sum(min(p, 1 - p))``; what both cover together is ``A + D``. Networks
    are more certain than right, and wrong in whole regions at once, so D counts ``doubt`` times:

        confidence = A / (A + doubt * D)

    An empty matte is right where the object is nowhere; its most probable pixel p alone tells,
    as if it were the whole picture: ``A = 1 - p``, ``D = p``.

    Neither the size of the object nor that of the picture matters, and references don't either:
    a frame far from them shows in the probabilities.

    Args:
        matte: H x W probabilities in 0..1, not yet cut or sharpened.
        doubt: above 0; 1 takes the probabilities at their word.

    Returns:
        confidence in 0..1.
    """
    shared, differing = _expected(matte)
    return shared / (shared + doubt * differing)


def _expected(matte: NDArray[np.float32]) -> tuple[float, float]:
    """A and D."""
    top = float(matte.max())
    if top <= 0.5:
        return 1 - top, top
    seen = matte[matte > SEEN]
    return float(seen[seen > 0.5].sum()), float(np.minimum(seen, 1 - seen).sum())
