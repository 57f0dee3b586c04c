# SPDX-License-Identifier: Apache-2.0
"""Geometry and colour of training frames: small, fast, 8-bit until the end.

All geometry is one ``cv2.remap`` a frame: an affine map from the crop to the source, plus a
smooth field of displacements (a coarse random grid, enlarged with a cubic kernel).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = [
    "Look",
    "affine",
    "bend",
    "degrade",
    "light",
    "line_blur",
    "random_look",
    "sample_maps",
]

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

#: Rec. 709 luma, for desaturation.
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


def affine(
    centre: NDArray[np.floating], side: float, size: int, *,
    angle: float = 0.0, stretch: float = 1.0, flip: bool = False,
) -> Floats:  # fmt: skip
    """The 2 x 3 map from crop pixels to source pixels.

    Args:
        centre: source x, y that comes to the middle of the crop.
        side: side of the crop in source pixels.
        size: side of the crop in crop pixels.
        angle: radians.
        stretch: width over height, 1 keeps the proportions.
        flip: mirror left and right.
    """
    per_pixel = side / size
    cos, sin = np.cos(angle) * per_pixel, np.sin(angle) * per_pixel
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag(
        [stretch * (-1 if flip else 1), 1 / stretch]
    )
    offset = np.asarray(centre) - linear @ np.full(2, (size - 1) / 2)
    return np.concatenate([linear, offset[:, None]], axis=1).astype(np.float32)


def bend(rng: Generator, amount: float, *, cells: int = 4) -> Floats:
    """Displacements, cells x cells x 2, of standard deviation ``amount`` source pixels."""
    return (rng.standard_normal((cells, cells, 2)) * amount).astype(np.float32)


def sample_maps(matrix: Floats, size: int, grid: Floats | None = None) -> tuple[Floats, Floats]:
    """Source x and y for every crop pixel (each size x size float32), for ``cv2.remap``."""
    axis = np.arange(size, dtype=np.float32)
    x = matrix[0, 0] * axis[None, :] + (matrix[0, 1] * axis + matrix[0, 2])[:, None]
    y = matrix[1, 0] * axis[None, :] + (matrix[1, 1] * axis + matrix[1, 2])[:, None]
    if grid is not None:
        field = cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
        x, y = x + field[..., 0], y + field[..., 1]
    return np.ascontiguousarray(x), np.ascontiguousarray(y)


@dataclass(frozen=True)
class Look:
    """A colour change: a 3 x 3 mixture of channels, then curves (256 x 1 x 3 uint8)."""

    mixture: Floats
    curves: Image

    def apply(self, image: Image) -> Image:
        """The changed copy of an H x W x 3 uint8 image."""
        mixed = cv2.transform(image, self.mixture)
        return np.asarray(cv2.LUT(mixed, self.curves), np.uint8)


def random_look(rng: Generator, strength: float) -> Look:
    """Saturation, hue, gain, gamma, tint and offset.

    Args:
        rng: draws the change.
        strength: 1 for a whole clip, about 0.15 for one frame of it, 0 changes nothing.
    """
    saturation = float(np.clip(rng.normal(1, 0.3 * strength), 0, 1.8))
    mixture = saturation * _hue(rng.normal(0, 0.15 * strength)) + (1 - saturation) * np.tile(
        _LUMA, (3, 1)
    )
    gain = np.exp(rng.normal(0, 0.14 * strength) + rng.normal(0, 0.06 * strength, 3))
    gamma = np.exp(rng.normal(0, 0.25 * strength))
    offset = rng.normal(0, 0.03 * strength)
    ramp = np.linspace(0, 1, 256)[:, None] ** gamma * gain + offset
    curves = np.clip(ramp * 255 + 0.5, 0, 255).astype(np.uint8)[:, None, :]
    return Look(mixture.astype(np.float32), curves)


def _hue(angle: float) -> NDArray[np.float64]:
    """Rotation of RGB about the grey axis."""
    cos, sin = np.cos(angle), np.sin(angle) / np.sqrt(3)
    third = (1 - cos) / 3
    return np.array(
        [
            [cos + third, third - sin, third + sin],
            [third + sin, cos + third, third - sin],
            [third - sin, third + sin, cos + third],
        ]
    )


def light(rng: Generator, image: Image, depth: float) -> Image:
    """Uneven light: the image times a smooth field of mean 1, standard deviation ``depth``."""
    coarse = (128 * np.exp(rng.normal(0, depth, (3, 3)))).clip(20, 255).astype(np.uint8)
    field = cv2.resize(coarse, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.multiply(image, cv2.merge([field] * 3), scale=1 / 128), np.uint8)


def line_blur(image: NDArray[np.uint8], vector: NDArray[np.floating]) -> Image:
    """Motion blur along ``vector`` (pixels x, y); any number of channels up to four."""
    reach = int(np.ceil(np.abs(vector).max() / 2))
    if reach < 1:
        return image
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    half = np.asarray(vector) / 2
    ends = [tuple(int(v) for v in np.round(reach + s * half)) for s in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    kernel /= kernel.sum()
    return np.asarray(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.uint8)


def degrade(rng: Generator, image: Image, kind: str, amount: float) -> Image:
    """One fault of a camera or a codec, ``amount`` in 0..1.

    Args:
        kind: ``blur``, ``sharpen`` (as cameras do, and more than is good), ``noise`` or ``jpeg``.
    """
    if kind == "blur":
        return np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 + 2.0 * amount), np.uint8)
    if kind == "sharpen":
        soft = cv2.GaussianBlur(image, (0, 0), 0.8 + amount)
        return np.asarray(cv2.addWeighted(image, 1 + 2 * amount, soft, -2 * amount, 0), np.uint8)
    if kind == "noise":
        grain = np.empty(image.shape, np.int8)
        cv2.setRNGSeed(int(rng.integers(1 << 30)))
        cv2.randn(grain, np.zeros(3), np.full(3, 2 + 14 * amount))
        return np.asarray(cv2.add(image, grain, dtype=cv2.CV_8U), np.uint8)
    quality = int(85 - 60 * amount)
    encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1])
