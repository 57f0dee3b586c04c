# SPDX-License-Identifier: Apache-2.0
"""Layers: objects cut from stills that move, bend, blur and cover one another.

A clip is a `Scene` (what fills every frame, with its own labels) and sprites drawn over it.
Targets are planes of coverage in 0..255; what is drawn later takes coverage away.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .augment import Floats, Image, affine, bend, line_blur, sample_maps

__all__ = [
    "Path",
    "Sprite",
    "cut_sprite",
    "paste",
    "random_path",
    "split_by_curve",
    "strung",
    "warp_planes",
]


@dataclass(frozen=True)
class Sprite:
    """A cut-out.

    Attributes:
        pixels: h x w x 4 uint8, RGB and coverage.
        parts: planes h x w uint8 of the labelled parts; none for clutter.
    """

    pixels: Image
    parts: tuple[Image, ...] = ()


@dataclass(frozen=True)
class Path:
    """Smooth motion: centre, size, angle, bend and blur at any time in 0..1."""

    start: NDArray[np.float64]
    speed: NDArray[np.float64]
    swing: NDArray[np.float64]
    phase: NDArray[np.float64]
    cycles: NDArray[np.float64]
    grids: tuple[Floats, Floats]
    flip: bool
    stretch: float
    blur: float

    def at(self, time: float) -> NDArray[np.float64]:
        """x, y, log size, angle."""
        wave = np.sin(2 * np.pi * (self.cycles * time + self.phase))
        return np.asarray(self.start + self.speed * (time - 0.5) + self.swing * wave)

    def velocity(self, time: float) -> NDArray[np.float64]:
        """Change of x, y over the whole clip."""
        return np.asarray((self.at(time + 0.01) - self.at(time - 0.01))[:2] * 50)

    def grid(self, time: float) -> Floats:
        """Displacements at that time: a lasting bend and one that swings."""
        return np.asarray(self.grids[0] + self.grids[1] * np.float32(np.sin(2 * np.pi * time)))


def random_path(rng: Generator, size: int, *, calm: float = 1.0) -> Path:
    """A path over a crop of ``size`` pixels; ``calm`` below 1 moves less.

    The sprite's centre starts anywhere in the middle two thirds; it may leave the crop.
    """
    middle = np.array([*rng.uniform(size / 6, size * 5 / 6, 2), 0.0, rng.normal(0, 0.25)])
    reach = np.array([size * 0.45, size * 0.3, 0.35, 0.4]) * calm
    amount = 5.0 * calm * rng.uniform(0, 1)
    return Path(
        start=middle,
        speed=rng.normal(0, 1, 4) * reach,
        swing=rng.normal(0, 0.35, 4) * reach,
        phase=rng.uniform(0, 1, 4),
        cycles=rng.uniform(0.3, 2.0, 4),
        grids=(bend(rng, 0.5 * amount), bend(rng, amount)),
        flip=bool(rng.random() < 0.5),
        stretch=float(np.exp(rng.normal(0, 0.1))),
        blur=float(rng.uniform(0, 0.12)) if rng.random() < 0.5 else 0.0,
    )


def cut_sprite(
    image: Image, coverage: Image, parts: tuple[Image, ...] = (), *, edge: float = 0.7
) -> Sprite:
    """Cuts what ``coverage`` (H x W uint8, 0 or 255) shows, with a soft edge of ``edge`` pixels."""
    ys, xs = np.nonzero(coverage)
    pad = 4
    top, left = max(0, ys.min() - pad), max(0, xs.min() - pad)
    box = np.s_[top : ys.max() + pad + 1, left : xs.max() + pad + 1]
    alpha = cv2.GaussianBlur(coverage[box], (0, 0), edge)
    pixels = np.dstack([image[box], alpha])
    soft = [cv2.min(cv2.GaussianBlur(part[box], (0, 0), edge), alpha) for part in parts]
    return Sprite(np.ascontiguousarray(pixels), tuple(np.asarray(part, np.uint8) for part in soft))


def strung(rng: Generator, sprite: Sprite) -> Sprite:
    """Ties one to three thin strands (lines, ropes, rods) to one of the sprite's parts.

    Half of them are hard to see: the picture behind shines through, but the target has them whole.
    """
    height, width = sprite.pixels.shape[:2]
    extent, number = max(height, width), int(rng.integers(len(sprite.parts)))
    pad = int(extent * rng.uniform(0.2, 1.2))
    around = (pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    pixels = cv2.copyMakeBorder(sprite.pixels, *around, value=(0, 0, 0, 0))
    parts = [np.asarray(cv2.copyMakeBorder(part, *around, value=0)) for part in sprite.parts]
    ys, xs = np.nonzero(parts[number] > 127)
    if not len(ys):
        return sprite
    lines = np.zeros(pixels.shape[:2], np.uint8)
    thickness = max(1, round(extent * float(rng.uniform(0.003, 0.018))))
    for _ in range(int(rng.integers(1, 4))):
        pick = int(rng.integers(len(ys)))
        curve = _strand(rng, np.array([xs[pick], ys[pick]], float), pad + extent * 0.4)
        cv2.polylines(lines, [np.rint(curve).astype(np.int32)], False, 255, thickness, cv2.LINE_AA)
    colour = pixels[ys[pick], xs[pick], :3] if rng.random() < 0.3 else rng.integers(0, 256, 3)
    plain = np.broadcast_to(np.asarray(colour, np.uint8), (*lines.shape, 3))
    drawn = np.dstack([_over(np.ascontiguousarray(pixels[..., :3]), plain, lines), lines])
    density = float(rng.uniform(0.3, 1.0)) if rng.random() < 0.5 else 1.0
    thin = np.asarray(cv2.multiply(lines, density), np.uint8)
    drawn[..., 3] = np.maximum(pixels[..., 3], thin)
    rest = cv2.bitwise_not(lines)
    left = [np.asarray(cv2.multiply(part, rest, scale=1 / 255), np.uint8) for part in parts]
    left[number] = np.maximum(parts[number], lines)
    return Sprite(np.ascontiguousarray(drawn), tuple(left))


def _strand(rng: Generator, start: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    """Points of a line from ``start`` in any direction that sags a little, 12 x 2."""
    turn, sag = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.12 * rng.uniform(0, 1))
    along = np.array([np.cos(turn), np.sin(turn)]) * length * rng.uniform(0.5, 1.2)
    across = np.array([-along[1], along[0]]) * sag
    steps = np.linspace(0, 1, 12)[:, None]
    return np.asarray(start + along * steps + across * 4 * steps * (1 - steps))


def split_by_curve(rng: Generator, coverage: Image) -> tuple[Image, Image] | None:
    """Parts an object in two along a random wavy line; ``None`` when one side is too small.

    Args:
        coverage: H x W uint8, 0 or 255.
    """
    ys, xs = np.nonzero(coverage)
    pick = int(rng.integers(len(ys)))
    extent = max(np.ptp(xs), np.ptp(ys)) + 1
    turn = rng.uniform(0, 2 * np.pi)
    grid_y, grid_x = np.mgrid[: coverage.shape[0], : coverage.shape[1]].astype(np.float32)
    along = (grid_x - xs[pick]) * np.cos(turn) + (grid_y - ys[pick]) * np.sin(turn)
    across = (grid_y - ys[pick]) * np.cos(turn) - (grid_x - xs[pick]) * np.sin(turn)
    wave = (
        rng.uniform(0, 0.15)
        * extent
        * np.sin(across / extent * rng.uniform(2, 12) + rng.uniform(0, 6))
    )
    side = along + wave > 0
    first, second = coverage * side, coverage * ~side
    share = np.count_nonzero(first) / len(ys)
    return (first, second) if 0.15 < share < 0.85 else None


def warp_planes(planes: tuple[Image, ...], maps: tuple[Floats, Floats], border: int) -> list[Image]:
    """Samples single planes (or a colour image) at the maps."""
    seen = [cv2.remap(p, *maps, cv2.INTER_LINEAR, borderMode=border) for p in planes]
    return [np.asarray(plane, np.uint8) for plane in seen]


def paste(
    canvas: Image, planes: list[Image], sprite: Sprite, path: Path, time: float, scale: float
) -> tuple[Image, list[Image]]:
    """Draws the sprite over the canvas at that time.

    Args:
        canvas: S x S x 3 uint8.
        planes: coverage of the targets drawn so far, S x S uint8.
        scale: crop pixels per sprite pixel at log size 0.

    Returns:
        the new canvas, and the planes less what is covered, the sprite's parts added.
    """
    size = len(canvas)
    x, y, log_size, angle = path.at(time)
    zoom = scale * np.exp(log_size)
    height, width = sprite.pixels.shape[:2]
    matrix = _placed(np.array([width / 2, height / 2]), np.array([x, y]), zoom, angle, path, size)
    maps = sample_maps(matrix, size, path.grid(time) / np.float32(zoom))
    layer, *parts = warp_planes((sprite.pixels, *sprite.parts), maps, cv2.BORDER_CONSTANT)
    if path.blur:
        smear = np.clip(path.velocity(time) * path.blur, -14, 14)
        layer, parts = _blurred(layer, smear), [line_blur(part, smear) for part in parts]
    alpha = np.ascontiguousarray(layer[..., 3])
    canvas = _over(canvas, layer[..., :3], alpha)
    hidden = np.max([alpha, *parts], axis=0)  # a part may be told whole where it is seen through
    rest = cv2.bitwise_not(np.asarray(hidden, np.uint8))
    left = [np.asarray(cv2.multiply(plane, rest, scale=1 / 255), np.uint8) for plane in planes]
    return canvas, left + parts


def _placed(
    middle: NDArray[np.float64],
    at: NDArray[np.float64],
    zoom: float,
    angle: float,
    path: Path,
    size: int,
) -> Floats:
    """Crop to sprite: the sprite's middle comes to ``at``."""
    linear = affine(
        np.zeros(2), size / zoom, size, angle=angle, stretch=path.stretch, flip=path.flip
    )[:, :2]
    return np.concatenate([linear, (middle - linear @ at)[:, None]], 1).astype(np.float32)


def _blurred(layer: Image, smear: NDArray[np.float64]) -> Image:
    """Motion blur of colour weighted with coverage, so that no outside colour bleeds in."""
    alpha = layer[..., 3:]
    weighted = cv2.multiply(layer[..., :3], cv2.merge([alpha] * 3), scale=1 / 255)
    spread = line_blur(np.dstack([weighted, alpha]), smear)
    cover = cv2.merge([spread[..., 3]] * 3)
    return np.dstack([cv2.divide(spread[..., :3], cover, scale=255), spread[..., 3]])


def _over(canvas: Image, colour: Image, alpha: Image) -> Image:
    weight = cv2.merge([alpha] * 3)
    front = cv2.multiply(np.ascontiguousarray(colour), weight, scale=1 / 255)
    return np.asarray(
        cv2.add(front, cv2.multiply(canvas, cv2.bitwise_not(weight), scale=1 / 255)), np.uint8
    )
