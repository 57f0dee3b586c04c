# SPDX-License-Identifier: Apache-2.0
"""Drawing label maps over a frame so that an artist sees at a glance what is wrong."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engine_server.media.palette import Palette

__all__ = ["draw_overlay", "overlay_colour"]

_TINT = 0.38
_OUTLINE_DIVISOR = 700  # one more pixel of outline for every 700 pixels of the shorter side
_BRIGHT = 235.0
_DIM = 0.55


def overlay_colour(label: int, palette: Palette) -> tuple[int, int, int]:
    """The colour of a label, brightened where it would not show on a picture (uint8 RGB).

    Grey, black and white say nothing over a frame: such labels get a hue of their own.
    """
    red, green, blue = palette.colour(label)
    if max(red, green, blue) - min(red, green, blue) < 32:
        return _hue(label)
    scale = max(_BRIGHT / max(red, green, blue), 1.0)
    return int(red * scale), int(green * scale), int(blue * scale)


def _hue(label: int) -> tuple[int, int, int]:
    """A strong colour for a label; golden-ratio steps keep neighbours apart."""
    hue = int(((label - 1) * 0.618034 + 0.02) % 1.0 * 180)
    pixel = cv2.cvtColor(np.array([[[hue, 205, 245]]], np.uint8), cv2.COLOR_HSV2RGB)[0, 0]
    return int(pixel[0]), int(pixel[1]), int(pixel[2])


def draw_overlay(
    view: NDArray[np.uint8], labels: NDArray[np.uint8], palette: Palette
) -> NDArray[np.uint8]:
    """Tint every object and draw its outline just inside its border.

    Args:
        view: the model view, H x W x 3, uint8, RGB.
        labels: H x W, uint8, 0 is background; every pixel has one object.
        palette: the colours of the labels.

    Returns:
        H x W x 3, uint8, RGB.
    """
    result = view.copy()
    rows, columns = _bounds(labels)
    if rows.start == rows.stop:
        return result
    part, seen = labels[rows, columns], result[rows, columns]
    tint = np.zeros((1, 256, 3), np.uint8)
    for label in np.flatnonzero(np.bincount(part.ravel(), minlength=256)[1:]) + 1:
        tint[0, label] = overlay_colour(int(label), palette)
    colour = cv2.LUT(cv2.merge([part, part, part]), tint)
    mixed = cv2.addWeighted(seen, 1.0 - _TINT, colour, _TINT, 0.0)
    inside, rim = _outlines(part)
    cv2.copyTo(mixed, part, seen)
    cv2.copyTo(cv2.convertScaleAbs(seen, alpha=_DIM), rim, seen)
    cv2.copyTo(colour, inside, seen)
    return result


def _bounds(labels: NDArray[np.uint8]) -> tuple[slice, slice]:
    """Rows and columns that hold all objects and their outlines; empty when there is none."""
    margin = _outline_radius(labels.shape)
    left, top, width, height = cv2.boundingRect(labels)
    if width == 0:
        return slice(0, 0), slice(0, 0)
    rows = slice(max(top - margin, 0), top + height + margin)
    return rows, slice(max(left - margin, 0), left + width + margin)


def _outline_radius(shape: tuple[int, ...]) -> int:
    """The width of an outline in pixels."""
    return 1 + min(shape) // _OUTLINE_DIVISOR


def _outlines(labels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Masks of the outline of every object, and of a thin dark rim that sets it off."""
    radius = _outline_radius(labels.shape)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    highest, lowest = cv2.dilate(labels, kernel), cv2.erode(labels, kernel)
    edge, object_ = highest != lowest, labels > 0
    return (edge & object_).astype(np.uint8), (edge & ~object_).astype(np.uint8)
