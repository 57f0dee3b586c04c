# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes on the graphics card, in tiles, and where they lie in the clip editor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import gpu
import numpy as np
from numpy.typing import NDArray

from .canvas import Rect
from .shaders import batch, matte_shader, projection
from .tiles import SIDE, all_tiles, pixels_of, tiles_in

__all__ = ["MODES", "Picture", "Place", "place_of"]

MODES = {"TINT": 0, "OUTLINE": 1, "CHECKER": 2, "BLACK": 3, "MATTE": 4}
_SKIPS_EMPTY = ("TINT", "OUTLINE")
_ZOOMED = 0.999  # from this zoom on pixels of the matte are squares, as those of the plate

Matte = NDArray[np.unsignedinteger]


@dataclass(frozen=True)
class Place:
    """Where the plate lies: pixels of the region, from the bottom left."""

    left: float
    bottom: float
    width: float
    height: float

    def to_matte(self, x: float, y: float, size: tuple[int, int]) -> tuple[float, float]:
        """Pixels of the matte from the top left, of a place in the region."""
        height, width = size
        u, v = (x - self.left) / self.width, (y - self.bottom) / self.height
        return u * width, (1 - v) * height


def place_of(region: bpy.types.Region) -> Place:
    """The plate in a region; whatever its zoom, aspect and proxy, it spans 0 to 1.

    Blender draws it from a whole pixel on, which it finds in this way.
    """
    left, bottom = region.view2d.view_to_region(0, 0, clip=False)
    low = region.view2d.region_to_view(0, 0)
    high = region.view2d.region_to_view(region.width, region.height)
    width = region.width / (high[0] - low[0])
    height = region.height / (high[1] - low[1])
    return Place(left, bottom, width, height)


class Picture:
    """One or several mattes that are drawn as one; their most covers.

    Args:
        mattes: H x W each, whole numbers, rows from the top.
    """

    def __init__(self, mattes: Sequence[Matte]) -> None:
        self.mattes = tuple(mattes)
        self._textures: dict[tuple[int, int], gpu.types.GPUTexture | None] = {}

    def shows(self, mattes: Sequence[Matte]) -> bool:
        """Whether it was made of these very arrays."""
        return len(mattes) == len(self.mattes) and all(map(_is, mattes, self.mattes))

    def touch(self, rect: Rect) -> None:
        """Pixels of this rectangle changed."""
        for tile in tiles_in(rect, self.mattes[0].shape):
            self._textures.pop(tile, None)

    def draw(
        self, region: bpy.types.Region, place: Place, mode: str, colour: Sequence[float]
    ) -> None:
        """Draws it; with colour and opacity where the mode has them."""
        shader, size = matte_shader(), self.mattes[0].shape
        shader.bind()
        shader.uniform_float("projection", projection())
        shader.uniform_float("colour", colour)
        shader.uniform_int("mode", MODES[mode])
        shader.uniform_int("zoomed", int(place.width / size[1] > _ZOOMED))
        for tile in all_tiles(size):
            box = _box(tile, size, place)
            if _outside(box, region):
                continue
            texture = self._texture(tile) or (None if mode in _SKIPS_EMPTY else _nothing())
            if texture is not None:
                shader.uniform_sampler("matte", texture)
                batch("TRI_STRIP", pos=_corners(*box), texel_at=_texels(tile, size)).draw(shader)

    def _texture(self, tile: tuple[int, int]) -> gpu.types.GPUTexture | None:
        if tile not in self._textures:
            pixels = pixels_of(tile, self.mattes)
            self._textures[tile] = None if pixels is None else _uploaded(pixels)
        return self._textures[tile]


def _is(one: object, other: object) -> bool:
    return one is other


def _uploaded(pixels: NDArray[np.float32]) -> gpu.types.GPUTexture:
    height, width = pixels.shape
    data = gpu.types.Buffer("FLOAT", pixels.size, pixels.ravel())
    return gpu.types.GPUTexture((width, height), format="R32F", data=data)


def _nothing() -> gpu.types.GPUTexture:
    return _uploaded(np.zeros((1, 1), np.float32))


def _spans(tile: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Pixels of the matte that a tile shows: left, top, right, bottom."""
    left, top = tile[0] * SIDE, tile[1] * SIDE
    return left, top, min(left + SIDE, size[1]), min(top + SIDE, size[0])


def _box(
    tile: tuple[int, int], size: tuple[int, int], place: Place
) -> tuple[float, float, float, float]:
    """The same in pixels of the region: left, bottom, right, top."""
    left, top, right, bottom = _spans(tile, size)
    across, up = place.width / size[1], place.height / size[0]
    above = place.bottom + place.height
    return (
        place.left + left * across,
        above - bottom * up,
        place.left + right * across,
        above - top * up,
    )


def _outside(box: tuple[float, float, float, float], region: bpy.types.Region) -> bool:
    return box[2] < 0 or box[3] < 0 or box[0] > region.width or box[1] > region.height


def _corners(left: float, low: float, right: float, high: float) -> NDArray[np.float32]:
    return np.array([(left, low), (right, low), (left, high), (right, high)], np.float32)


def _texels(tile: tuple[int, int], size: tuple[int, int]) -> NDArray[np.float32]:
    left, top, right, bottom = _spans(tile, size)
    return _corners(1, 1 + bottom - top, 1 + right - left, 1)
