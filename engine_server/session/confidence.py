# SPDX-License-Identifier: Apache-2.0
"""How good a matte is expected to be, told from its probabilities alone."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["ALONE", "DOUBT", "confidence"]

SEEN = 0.05  # lesser probabilities don't count: they would add up with the picture's size
DOUBT = 1.1
"""How many times more pixels are wrong than the probabilities of `lite` and the disagreement of its
two looks admit; fitted on shots that it was not trained on, by
``python -m benchmarks.calibration --fit`` (docs/results.md)."""
ALONE = 1.9  # the same where there is one look only, fitted likewise
DISSENT = 0.05  # pixels that are wrong for each that one look has and the other has not


def confidence(
    matte: NDArray[np.float32],
    glance: NDArray[np.float32] | None = None,
    *,
    doubt: float | None = None,
) -> float:
    """The intersection over union that a matte is expected to have with the truth.

    Taken at its word, a pixel of probability p is of the object with that probability. The matte
    cut at one half is then expected to share ``A = sum(p where p > 1/2)`` pixels with the truth,
    and to differ in ``D = sum(min(p, 1 - p))``; what both cover together is ``A + D``. Networks
    are more certain than right, and wrong in whole regions at once, so D counts ``doubt`` times:

        confidence = A / (A + doubt * D)

    Where the object was looked at twice, D grows by a share of what the looks disagree in: a
    network that is sure of a mistake seldom makes the same one at another size.

    An empty matte is right where the object is nowhere; the most probable pixel p of either look
    alone tells, as if it were the whole picture: ``A = 1 - p``, ``D = p``.

    Neither the size of the object nor that of the picture matters, and references don't either:
    a frame far from them shows in the probabilities.

    Args:
        matte: H x W probabilities in 0..1, not yet cut or sharpened.
        glance: the same of a first look, of the whole frame as well, h x w.
        doubt: above 0; 1 takes the probabilities at their word. `DOUBT`, or `ALONE` without a
            glance.

    Returns:
        confidence in 0..1.
    """
    shared, differing = _expected(matte, glance)
    times = (ALONE if glance is None else DOUBT) if doubt is None else doubt
    return shared / (shared + times * differing)


def _expected(
    matte: NDArray[np.float32], glance: NDArray[np.float32] | None
) -> tuple[float, float]:
    """A and D."""
    top = float(matte.max())
    if top <= 0.5:
        either = top if glance is None else max(top, float(glance.max()))
        return 1 - either, either
    seen = matte[matte > SEEN]
    shared, differing = float(seen[seen > 0.5].sum()), float(np.minimum(seen, 1 - seen).sum())
    return shared, differing + (0.0 if glance is None else DISSENT * _dissent(matte, glance))


def _dissent(matte: NDArray[np.float32], glance: NDArray[np.float32]) -> float:
    """Pixels of the matte that one of the looks has and the other has not."""
    small = cv2.resize(matte, glance.shape[::-1], interpolation=cv2.INTER_AREA)
    apart: float = np.abs(small - glance).sum(dtype=np.float64)
    return float(apart) * matte.size / glance.size
