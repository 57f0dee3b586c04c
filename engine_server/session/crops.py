# SPDX-License-Identifier: Apache-2.0
"""Small augmented pieces of painted frames, to fit a network to a shot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .flow import Float

__all__ = ["Crop", "Example", "draw_crop", "nudged"]

TURN = 0.12  # standard deviation of the angle, radians
ZOOM = 0.1  # of the logarithm of the scale
BAND = 24  # standard deviation in pixels of how far the middle of the others is from an edge
ANYWHERE = 0.5  # share of the crops whose middle is anywhere: what is not there counts, too

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Example:
    """A painted frame at the model's size.

    Attributes:
        frame: its number.
        picture: h x w x 3, display-referred RGB.
        mattes: by object id, h x w in 0..1.
    """

    frame: int
    picture: Picture
    mattes: dict[int, Float]


@dataclass(frozen=True)
class Crop:
    """A piece of a painted frame, S x S.

    Attributes:
        picture: S x S x 3 with other colours.
        plain: S x S x 3, the same place as it was before it was moved and coloured.
        planes: C x S x S: what `draw_crop` was given, moved as the picture was.
        still: C x S x S: the same planes at the place of ``plain``.
    """

    picture: Picture
    plain: Picture
    planes: Float
    still: Float


def draw_crop(rng: Generator, example: Example, planes: Float, side: int) -> Crop:
    """A turned, scaled, perhaps mirrored piece near an edge of an object, in other colours.

    Args:
        rng: draws all of it.
        example: what the piece is of.
        planes: C x h x w that belong to the picture and are moved with it.
        side: S, of the piece in pixels.
    """
    centre, mirror = _centre(rng, example), bool(rng.random() < 0.5)
    still = _matrix(centre, 0.0, 1.0, mirror=mirror)
    shift = rng.normal(0, side / 40, 2)
    angle, zoom = rng.normal(0, TURN), float(np.exp(rng.normal(0, ZOOM)))
    moved = _matrix(centre + shift, angle, zoom, mirror=mirror)
    colours = _curves(rng)
    return Crop(
        np.asarray(cv2.LUT(_warped(example.picture, moved, (side, side)), colours), np.uint8),
        _warped(example.picture, still, (side, side)),
        np.stack([_warped(plane, moved, (side, side)) for plane in planes]),
        np.stack([_warped(plane, still, (side, side)) for plane in planes]),
    )


def nudged(example: Example) -> Example:
    """The whole frame a little turned, enlarged and moved: as if it were a few frames later."""
    height, width = example.picture.shape[:2]
    middle = np.array([width - 1, height - 1]) / 2
    matrix = _matrix(middle + min(height, width) / 60, 0.04, 0.97)
    size = (int(width), int(height))
    mattes = {i: _warped(matte, matrix, size) for i, matte in example.mattes.items()}
    return Example(example.frame, _warped(example.picture, matrix, size), mattes)


def _centre(rng: Generator, example: Example) -> NDArray[np.float64]:
    """x, y of a pixel near the edge of an object, or of any."""
    height, width = example.picture.shape[:2]
    edges = [edge for m in example.mattes.values() if len(edge := _edge(m))]
    if not edges or rng.random() < ANYWHERE:
        return rng.random(2) * (width, height)
    edge = edges[rng.integers(len(edges))]
    return np.asarray(edge[rng.integers(len(edge))] + rng.normal(0, BAND, 2), np.float64)


def _edge(matte: Float) -> NDArray[np.intp]:
    """x, y of the pixels at the edge of a matte, E x 2."""
    inside = (matte > 0.5).astype(np.uint8)
    edge = cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return np.argwhere(edge)[:, ::-1]


def _matrix(
    centre: NDArray[np.float64], angle: float, zoom: float, *, mirror: bool = False
) -> Float:
    """2 x 3 from pixels off the middle of the piece to those of the picture."""
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([-1 if mirror else 1, 1])
    return np.concatenate([linear, centre[:, None]], 1).astype(np.float32)


def _of_corner(matrix: Float, size: tuple[int, int]) -> Float:
    """The same from pixels off the corner of a piece of this width and height."""
    middle = (np.array(size) - 1) / 2
    offset = matrix[:, 2] - matrix[:, :2] @ middle
    return np.concatenate([matrix[:, :2], offset[:, None]], 1).astype(np.float32)


def _warped(plane: NDArray[Any], matrix: Float, size: tuple[int, int]) -> NDArray[Any]:
    return cv2.warpAffine(
        plane, _of_corner(matrix, size), size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )  # fmt: skip


def _curves(rng: Generator) -> Picture:
    """256 x 1 x 3: gain, tint, gamma and offset."""
    gain = np.exp(rng.normal(0, 0.08) + rng.normal(0, 0.03, 3))
    ramp = np.linspace(0, 1, 256)[:, None] ** np.exp(rng.normal(0, 0.12)) * gain
    curves = np.clip((ramp + rng.normal(0, 0.02)) * 255 + 0.5, 0, 255)
    return np.asarray(curves, np.uint8)[:, None, :]
