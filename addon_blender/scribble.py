# SPDX-License-Identifier: GPL-3.0-or-later
"""Strokes of a pencil as a matte: a closed one is filled, an open one is a thick line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .canvas import Canvas, Tip
from .raster import fill

__all__ = ["is_closed", "matte_of_strokes"]

Points = NDArray[np.float64]  # N x 2, pixels from the top left

_CLOSE = 0.08  # ends that are nearer than this part of the length are meant to meet


def is_closed(points: Points) -> bool:
    """Whether a stroke comes back to where it began."""
    if len(points) < 3:
        return False
    length = float(np.hypot(*np.diff(points, axis=0).T).sum())
    return float(np.hypot(*(points[-1] - points[0]))) <= _CLOSE * length


def matte_of_strokes(
    strokes: Sequence[tuple[Points, float]], size: tuple[int, int]
) -> NDArray[np.uint16] | None:
    """What strokes cover together.

    Args:
        strokes: points, and how thick the stroke is in pixels where it is not closed.
        size: height and width in pixels.

    Returns:
        H x W, 0..65535, rows from the top; None where there is no stroke.
    """
    if not strokes:
        return None
    filled = fill([points for points, _ in strokes if is_closed(points)], *size)
    canvas = Canvas(np.rint(filled * 65535).astype(np.uint16))
    for points, thickness in strokes:
        if not is_closed(points):
            canvas.press()
            for x, y in points:
                canvas.move(float(x), float(y), Tip(thickness / 2, hardness=1.0))
            canvas.release()
    return canvas.matte
