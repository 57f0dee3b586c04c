# SPDX-License-Identifier: Apache-2.0
"""How good a mask or a matte is, measured against the truth.

J and F are those of Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for
Video Object Segmentation" (DAVIS), CVPR 2016, section 4; the matte errors are those of
Rhemann et al., "A Perceptually Motivated Online Benchmark for Image Matting", CVPR 2009, and
for flicker Erofeev et al., "Perceptually Motivated Benchmark for Video Matting", BMVC 2015.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from shared.errors import UsageError

__all__ = [
    "BOUNDARY_TOLERANCE",
    "boundary_map",
    "boundary_measure",
    "matte_dtssd",
    "matte_mse",
    "matte_sad",
    "region_measure",
]

BOUNDARY_TOLERANCE = 0.008
"""How far apart two boundaries may be and still match, as a share of the image diagonal."""

Array = NDArray[Any]


def region_measure(prediction: ArrayLike, truth: ArrayLike) -> float:
    """J: intersection over union of two binary masks.

    Args:
        prediction: H x W, anything but 0 is inside.
        truth: H x W, likewise.

    Returns:
        0..1; 1 where both masks are empty.

    Raises:
        UsageError: the masks have different sizes.
    """
    a, b = _pair(prediction, truth, bool)
    union = np.count_nonzero(a | b)
    return float(np.count_nonzero(a & b) / union) if union else 1.0


def boundary_measure(
    prediction: ArrayLike, truth: ArrayLike, *, tolerance: float = BOUNDARY_TOLERANCE
) -> float:
    """F: harmonic mean of the precision and the recall of a mask's boundary.

    A boundary pixel is right where the other mask has a boundary pixel no farther away than
    ``ceil(tolerance * diagonal)`` pixels (Euclidean).

    Args:
        prediction: H x W, anything but 0 is inside.
        truth: H x W, likewise.
        tolerance: share of the image diagonal.

    Returns:
        0..1; 1 where neither mask has a boundary, 0 where only one has.

    Raises:
        UsageError: the masks have different sizes.
    """
    a, b = _pair(prediction, truth, bool)
    radius = math.ceil(tolerance * math.hypot(*a.shape))
    edge_a, edge_b = _crop_together(boundary_map(a), boundary_map(b))
    if not edge_a.any() or not edge_b.any():
        return float(edge_a.any() == edge_b.any())
    precision = _share_near(edge_a, edge_b, radius)
    recall = _share_near(edge_b, edge_a, radius)
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0


def boundary_map(mask: ArrayLike) -> NDArray[np.bool_]:
    """The boundary of a mask, one pixel wide, on the upper left side of each change.

    A pixel is on the boundary where it differs from its neighbour to the east, south or south
    east; outside, the image goes on as its last row and column (``seg2bmap`` of the Berkeley
    segmentation benchmark, at the size of the mask itself).

    Args:
        mask: H x W, anything but 0 is inside.

    Returns:
        H x W, bool.
    """
    inside = np.asarray(mask, dtype=bool)
    grown = np.pad(inside, ((0, 1), (0, 1)), mode="edge")
    east, south, south_east = grown[:-1, 1:], grown[1:, :-1], grown[1:, 1:]
    edge: NDArray[np.bool_] = (inside != east) | (inside != south) | (inside != south_east)
    return edge


def matte_sad(prediction: ArrayLike, truth: ArrayLike) -> float:
    """Sum of absolute differences of two mattes, in thousands of pixels.

    Args:
        prediction: H x W, 0..1.
        truth: H x W, 0..1.

    Raises:
        UsageError: the mattes have different sizes.
    """
    a, b = _pair(prediction, truth, np.float64)
    return float(np.abs(a - b).sum()) / 1000


def matte_mse(prediction: ArrayLike, truth: ArrayLike) -> float:
    """Mean squared difference of two mattes.

    Args:
        prediction: H x W, 0..1.
        truth: H x W, 0..1.

    Raises:
        UsageError: the mattes have different sizes.
    """
    a, b = _pair(prediction, truth, np.float64)
    return float(np.square(a - b).mean())


def matte_dtssd(
    predictions: tuple[ArrayLike, ArrayLike], truths: tuple[ArrayLike, ArrayLike]
) -> float:
    """Flicker between two neighbouring frames: dtSSD of Erofeev et al., BMVC 2015.

    ``100 * sqrt(mean((dP - dT)^2))``, where dP and dT are the changes of the predicted and of
    the true matte from one frame to the next, and the mean goes over the pixels (scaled as by
    Lin et al., "Robust High-Resolution Video Matting", WACV 2022). A matte that is wrong in the
    same way on both frames, or moves as the true one does, does not flicker.

    Args:
        predictions: the mattes of both frames, H x W each, 0..1.
        truths: likewise.

    Returns:
        0 (as steady as the truth) to 200.

    Raises:
        UsageError: the mattes have different sizes.
    """
    pairs = (_pair(p, t, np.float64) for p, t in zip(predictions, truths, strict=True))
    first, second = (p - t for p, t in pairs)
    before, after = _pair(first, second, np.float64)
    return 100 * math.sqrt(np.square(after - before).mean())


def _pair(prediction: ArrayLike, truth: ArrayLike, dtype: type) -> tuple[Array, Array]:
    a: Array = np.asarray(prediction).astype(dtype)
    b: Array = np.asarray(truth).astype(dtype)
    if a.shape != b.shape or a.ndim != 2 or not a.size:
        raise UsageError(
            f"Two images of one size are needed, not {a.shape} and {b.shape} (height, width)."
        )
    return a, b


def _crop_together(a: Array, b: Array) -> tuple[Array, Array]:
    """Both edge maps, cut to the smallest box that holds all edges: distances stay the same."""
    x, y, width, height = cv2.boundingRect((a | b).astype(np.uint8))
    box = np.s_[y : y + height, x : x + width]
    return a[box], b[box]


def _share_near(edge: Array, other: Array, radius: int) -> float:
    """The share of ``edge`` pixels with a pixel of ``other`` within ``radius``."""
    distance = cv2.distanceTransform(
        (~other).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )  # exact, so the same as a dilation by a disc, at a cost that does not grow with the radius
    return float(np.count_nonzero(distance[edge] <= radius) / np.count_nonzero(edge))
