# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes in tiles: only what was painted goes to the graphics card again, empty ones never."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .canvas import Rect

__all__ = ["SIDE", "all_tiles", "pixels_of", "tiles_in"]

SIDE = 256  # pixels; a tile has one more around it, so that it joins its neighbours smoothly

Tile = tuple[int, int]  # column and row
Matte = NDArray[np.unsignedinteger]


def all_tiles(shape: tuple[int, ...]) -> Iterator[Tile]:
    """Those of a matte."""
    return tiles_in((0, 0, shape[1], shape[0]), shape, margin=0)


def tiles_in(rect: Rect, shape: tuple[int, ...], margin: int = 1) -> Iterator[Tile]:
    """Those that show a pixel of a rectangle, or one beside it."""
    height, width = shape
    left, top = max(rect[0] - margin, 0) // SIDE, max(rect[1] - margin, 0) // SIDE
    right, bottom = min(rect[2] + margin, width), min(rect[3] + margin, height)
    for row in range(top, -(-bottom // SIDE)):
        for column in range(left, -(-right // SIDE)):
            yield column, row


def pixels_of(tile: Tile, mattes: Sequence[Matte]) -> NDArray[np.float32] | None:
    """The most that any of the mattes covers, with one pixel around; None where that is nothing.

    Args:
        tile: column and row.
        mattes: H x W each, whole numbers from 0 to their type's largest.

    Returns:
        float32, 0..1, rows from the top. Beyond the border the last pixel goes on.
    """
    parts = [part for part in (_cut(tile, matte) for matte in mattes) if part.any()]
    if not parts:
        return None
    scaled = [part * np.float32(1 / np.iinfo(part.dtype).max) for part in parts]
    whole = scaled[0] if len(scaled) == 1 else np.maximum.reduce(scaled)
    return np.ascontiguousarray(_framed(whole, tile, mattes[0].shape))


def _cut(tile: Tile, matte: Matte) -> Matte:
    left, top = (SIDE * place for place in tile)
    rows = slice(max(top - 1, 0), top + SIDE + 1)
    return matte[rows, max(left - 1, 0) : left + SIDE + 1]


def _framed(part: NDArray[np.float32], tile: Tile, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A tile at the border gets its missing pixels."""
    (column, row), (height, width) = tile, shape
    right, bottom = (column + 1) * SIDE >= width, (row + 1) * SIDE >= height
    missing = ((int(row == 0), int(bottom)), (int(column == 0), int(right)))
    return np.pad(part, missing, mode="edge") if any(map(any, missing)) else part
