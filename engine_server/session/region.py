# SPDX-License-Identifier: Apache-2.0
"""Rectangles of a picture that are worth a closer look."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Float", "Look", "Region", "Size", "closest_look"]

GRID = 64  # a look's sides are multiples of it, so that the network meets few sizes
CUT = 4  # pixels of an object on a look's sides: with fewer it is not cut off there
STEPS = 4  # steps of the zoom from one to its double

Float = NDArray[np.float32]
Size = tuple[int, int]


@dataclass(frozen=True)
class Region:
    """Rows ``top`` to ``bottom`` and columns ``left`` to ``right``, ends left out, in pixels."""

    top: int
    bottom: int
    left: int
    right: int

    @classmethod
    def whole(cls, size: Size) -> Region:
        """All of a picture of (height, width)."""
        return cls(0, size[0], 0, size[1])

    @classmethod
    def holding(
        cls, planes: Sequence[NDArray[Any]] | NDArray[Any], least: float, size: Size
    ) -> Region | None:
        """Where any of N planes h x w is above ``least``, in a picture of (height, width).

        ``None`` where nothing is. The planes may be of another size than the picture.
        """
        there = functools.reduce(np.logical_or, (plane > least for plane in planes))
        left, top, width, height = cv2.boundingRect(there.view(np.uint8))
        if not width:
            return None
        found = cls(top, top + height, left, left + width)
        return found.scaled(size[0] / there.shape[0], size[1] / there.shape[1])

    def scaled(self, down: float, across: float) -> Region:
        """In a picture so many times as high and wide: all pixels that it touches there."""
        return Region(
            int(self.top * down), math.ceil(self.bottom * down),
            int(self.left * across), math.ceil(self.right * across),
        )  # fmt: skip

    @property
    def size(self) -> Size:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    @property
    def part(self) -> tuple[slice, slice]:
        """Rows and columns, to index an array with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def moved(self, down: int, right: int) -> Region:
        """So many pixels further."""
        return Region(self.top + down, self.bottom + down, self.left + right, self.right + right)

    def joined(self, other: Region | None) -> Region:
        """The smallest that holds both."""
        if other is None:
            return self
        return Region(
            min(self.top, other.top), max(self.bottom, other.bottom),
            min(self.left, other.left), max(self.right, other.right),
        )  # fmt: skip

    def widened(self, margin: int, size: Size) -> Region:
        """So many pixels more on every side, within a picture of (height, width)."""
        return Region(
            max(0, self.top - margin), min(size[0], self.bottom + margin),
            max(0, self.left - margin), min(size[1], self.right + margin),
        )  # fmt: skip


@dataclass(frozen=True)
class Look:
    """A region of a picture as the network sees it.

    Attributes:
        whole: height and width of the picture.
        region: in it.
        size: height and width that the region is brought to.
    """

    whole: Size
    region: Region
    size: Size

    @property
    def zoom(self) -> float:
        """Its pixels for one of the picture, about."""
        return self.size[0] / self.region.size[0]

    def picture(self, picture: Tensor) -> Tensor:
        """The region of 3 x H x W uint8 -> 3 x h x w uint8."""
        pixels = _cut(picture.permute(1, 2, 0).numpy(), self.region)
        return torch.from_numpy(_resized(pixels, self.size, cv2.INTER_CUBIC)).permute(2, 0, 1)

    def all(
        self, picture: Tensor, mattes: Mapping[int, Tensor], hints: Tensor | None
    ) -> tuple[Tensor, dict[int, Tensor], Tensor | None]:
        """Picture, mattes and hints of a frame, as `picture`, `mattes` and `hints`."""
        shown = None if hints is None else self.hints(hints)
        return self.picture(picture), self.mattes(mattes), shown

    def mattes(self, mattes: Mapping[int, Tensor]) -> dict[int, Tensor]:
        """The region of each, H x W in 0..1 -> h x w in 0..1."""
        planes = {i: _cut(matte.numpy(), self.region) for i, matte in mattes.items()}
        return {
            i: torch.from_numpy(_resized(plane, self.size, cv2.INTER_LINEAR))
            for i, plane in planes.items()
        }

    def hints(self, hints: Tensor) -> Tensor:
        """The region of N x T x H' x W' uint8, the whole frame at any size -> N x T x h x w."""
        at = self._places(hints.shape[2:])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = self.size[::-1]
        seen = [
            cv2.warpAffine(planes, at, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
            for planes in hints.permute(0, 2, 3, 1).numpy()
        ]
        return torch.from_numpy(np.stack(seen)).permute(0, 3, 1, 2)

    def near(self, mask: NDArray[np.uint8], reach: int) -> Tensor:
        """What is in a mask, or not far from it: h x w bool.

        Args:
            mask: H' x W', the whole frame at any size, 0 or 1.
            reach: pixels of the frame, across and down.
        """
        at, size = self._places(mask.shape), self.size[::-1]
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        seen = cv2.warpAffine(mask, at, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        wide = np.ones([2 * round(reach * self.zoom) + 1] * 2, np.uint8)
        return torch.from_numpy(np.asarray(cv2.dilate(seen, wide), np.uint8)).bool()

    def beyond(self, found: NDArray[np.uint8]) -> Region | None:
        """Where more may be of what the look's sides cut off, those of the picture left out.

        Args:
            found: h x w of the look, 0 or 1.

        Returns:
            as far beyond the cut as half of what is seen; ``None`` where nothing is cut.
        """
        seen, cut = (
            Region.holding(each[None], 0, self.region.size)
            for each in (found, self._on_sides(found))
        )
        if seen is None or cut is None:
            return None
        there = cut.moved(self.region.top, self.region.left)
        return there.widened(max(seen.size) // 2, self.whole)

    def _on_sides(self, found: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What lies on sides that are not the picture's; nothing where it is a few pixels."""
        region, (bottom, right) = self.region, found.shape
        sides = found.copy()
        inside = Region(
            int(region.top > 0), bottom - (region.bottom < self.whole[0]),
            int(region.left > 0), right - (region.right < self.whole[1]),
        )  # fmt: skip
        sides[inside.part] = 0
        return sides if np.count_nonzero(sides) >= CUT else np.zeros_like(sides)

    def back(self, planes: Float) -> Tensor:
        """Probabilities (N + 1) x h x w, background first -> (N + 1) x H x W, none outside."""
        told = np.zeros((len(planes), *self.whole), np.float32)
        told[0] = 1
        for plane, row in zip(planes, told, strict=True):
            _cut(row, self.region)[:] = _resized(plane, self.region.size, cv2.INTER_LINEAR)
        return torch.from_numpy(told)

    def _places(self, size: tuple[int, ...]) -> NDArray[np.float64]:
        """From a pixel of the look to one of the whole frame at a size, 2 x 3."""
        down, across = (there / here for there, here in zip(size, self.whole, strict=True))
        step_y = down * self.region.size[0] / self.size[0]
        step_x = across * self.region.size[1] / self.size[1]
        y, x = down * self.region.top, across * self.region.left
        return np.array([[step_x, 0, x + step_x / 2 - 0.5], [0, step_y, y + step_y / 2 - 0.5]])


def closest_look(region: Region, whole: Size, pixels: float, closest: float) -> Look:
    """As many pixels as may be, on a region.

    Args:
        region: grown to a size on the grid, within the picture.
        whole: height and width of the picture.
        pixels: that the region gets, about.
        closest: network pixels per picture pixel at most.
    """
    zoom = _stepped(math.sqrt(pixels / math.prod(region.size)), closest)
    rows = _on_grid(region.top, region.bottom, zoom, whole[0])
    grown = Region(*rows, *_on_grid(region.left, region.right, zoom, whole[1]))
    height, width = (max(1, round(side * zoom)) for side in grown.size)
    return Look(whole, grown, (height, width))


def _stepped(zoom: float, closest: float) -> float:
    """The next step below, counted from the closest: few zooms, few sizes."""
    steps = math.ceil(STEPS * math.log2(closest / zoom) - 1e-6)
    return float(closest * 2 ** (-max(0, steps) / STEPS))


def _on_grid(low: int, high: int, zoom: float, whole: int) -> tuple[int, int]:
    """An interval grown to a multiple of the grid in network pixels, shifted to lie inside."""
    length = min(whole, round(GRID * math.ceil((high - low) * zoom / GRID) / zoom))
    start = min(max(0, (low + high - length) // 2), whole - length)
    return start, start + length


def _cut(pixels: NDArray[Any], region: Region) -> NDArray[Any]:
    return pixels[region.part]


def _resized(pixels: NDArray[Any], size: Size, larger: int) -> NDArray[Any]:
    """To (height, width): the mean of what a pixel covers, or the method for ``larger``."""
    if pixels.shape[:2] == size:
        return pixels.copy()
    shrinks = size[0] * size[1] < pixels.shape[0] * pixels.shape[1]
    method = cv2.INTER_AREA if shrinks else larger
    return np.asarray(cv2.resize(pixels, size[::-1], interpolation=method))
