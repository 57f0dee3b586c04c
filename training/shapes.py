# SPDX-License-Identifier: Apache-2.0
"""Drawn stills: sharp, textured shapes with exact masks, free of anybody's terms.

    python -m training.shapes DATA/stills/drawn --count 800

The stills from elsewhere are at most 256 pixels high and soft when a crop enlarges them. These have
edges as hard as a good lens gives: blobs, stars, jointed limbs, rings, wheels, fences and ropes
over surfaces that are like their own, and objects that hide one another.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["draw_still", "main", "shape", "texture"]

Image = NDArray[np.uint8]
Points = NDArray[np.float64]

_FINE = 2  # everything is drawn at twice its size, then reduced


def draw_still(rng: Generator, height: int = 384, width: int = 512) -> tuple[Image, Image]:
    """A picture (H x W x 3 uint8 RGB) and its object numbers (H x W uint8)."""
    tall, wide = height * _FINE, width * _FINE
    image, mask = texture(rng, tall, wide), np.zeros((tall, wide), np.uint8)
    count = int(rng.integers(1, 5))
    for number in rng.permutation([*range(1, count + 1), 0, 0]):  # 0: something that is no object
        side = min(tall, wide) * np.exp(rng.uniform(np.log(0.15), np.log(0.8)))
        where = rng.uniform([0.1 * wide, 0.1 * tall], [0.9 * wide, 0.9 * tall])
        covered = shape(rng, tall, wide, where, side)
        alike = rng.random() < 0.25
        surface = cv2.convertScaleAbs(image, alpha=0.8, beta=20) if alike else None
        surface = texture(rng, tall, wide) if surface is None else surface
        surface = _shaded(rng, np.asarray(surface, np.uint8), covered)
        image[covered > 0], mask[covered > 0] = surface[covered > 0], number
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), mask[_FINE // 2 :: _FINE, _FINE // 2 :: _FINE]


def texture(rng: Generator, height: int, width: int) -> Image:
    """A surface in up to four colours, H x W x 3 uint8."""
    kinds = (_noise, _noise, _stripes, _checks, _speckles, _writing)
    plane = kinds[int(rng.integers(len(kinds)))](rng, height, width)
    plane = plane + rng.uniform(0, 0.5) * _noise(rng, height, width)
    level = np.interp(np.linspace(0, 1, 256), np.linspace(0, 1, 4), np.arange(4))
    colours = rng.uniform(0, 255, (4, 3)) * rng.uniform(0.3, 1) + rng.uniform(0, 60)
    table = np.stack([np.interp(level, np.arange(4), c) for c in colours.T], 1).clip(0, 255)
    scaled = cv2.normalize(plane, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    return np.asarray(table.astype(np.uint8)[scaled])


def shape(rng: Generator, height: int, width: int, where: Points, side: float) -> Image:
    """One shape of about ``side`` pixels around ``where`` (x, y); H x W uint8, 0 or 255."""
    plane = np.zeros((height, width), np.uint8)
    kinds: tuple[Callable[..., None], ...] = (_blob, _blob, _star, _limbs, _limbs, _wheel, _fence)
    kinds[int(rng.integers(len(kinds)))](rng, plane, where, side)
    return plane


def main(arguments: list[str] | None = None) -> int:
    """Writes a set of stills in the layout that `training.data` reads; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.shapes", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=800)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(options.seed)
    for name in ("images", "masks"):
        (options.folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(options.count):
        image, mask = draw_still(rng)
        quality = [cv2.IMWRITE_JPEG_QUALITY, 95]
        path = str(options.folder / "images" / f"{number:05d}.jpg")
        cv2.imwrite(path, np.ascontiguousarray(image[..., ::-1]), quality)
        cv2.imwrite(str(options.folder / "masks" / f"{number:05d}.png"), mask)
    return 0


# Surfaces: H x W float32 in about 0..1


def _noise(rng: Generator, height: int, width: int) -> NDArray[np.float32]:
    total = np.zeros((height, width), np.float32)
    fall = rng.uniform(0.4, 0.8)
    for octave in range(2, 8):
        cells = rng.random((2**octave * 3 // 4 + 1, 2**octave + 1), np.float32)
        total += fall**octave * cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.normalize(total, None, 0, 1, cv2.NORM_MINMAX), np.float32)


def _along(rng: Generator, height: int, width: int) -> NDArray[np.float32]:
    """Distance along a slightly bent direction, in periods of 8 to 80 pixels."""
    turn, period = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(8), np.log(80)))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    bent = 40 * rng.random() * _noise(rng, height, width)
    return np.asarray((x * np.cos(turn) + y * np.sin(turn) + bent) / period, np.float32)


def _stripes(rng: Generator, height: int, width: int) -> NDArray[np.float32]:
    return (_along(rng, height, width) % 1 < rng.uniform(0.2, 0.8)).astype(np.float32)


def _checks(rng: Generator, height: int, width: int) -> NDArray[np.float32]:
    first, second = _along(rng, height, width), _along(rng, height, width)
    return ((first.astype(np.int32) + second.astype(np.int32)) % 2).astype(np.float32)


def _speckles(rng: Generator, height: int, width: int) -> NDArray[np.float32]:
    plane = np.zeros((height, width), np.float32)
    for _ in range(int(rng.integers(50, 600))):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.circle(plane, centre, int(rng.integers(2, 20)), float(rng.random()), -1)
    return plane


def _writing(rng: Generator, height: int, width: int) -> NDArray[np.float32]:
    plane = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(5, 40))):
        at = (int(rng.integers(-60, width)), int(rng.integers(height)))
        letters = "".join(chr(int(c)) for c in rng.integers(48, 91, 7))
        size, thick = float(rng.uniform(0.5, 4)), int(rng.integers(1, 9))
        tone = int(rng.integers(40, 256))
        cv2.putText(plane, letters, at, cv2.FONT_HERSHEY_SIMPLEX, size, tone, thick)
    return plane.astype(np.float32) / 255


def _shaded(rng: Generator, surface: Image, covered: Image) -> Image:
    """Light from one side: brighter there, darker towards the far edge."""
    depth = cv2.GaussianBlur(covered, (0, 0), float(rng.uniform(5, 25))).astype(np.float32) / 255
    turn, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 8)
    slope = np.cos(turn) * cv2.Sobel(depth, -1, 1, 0) + np.sin(turn) * cv2.Sobel(depth, -1, 0, 1)
    lit = surface * (1 + strength * slope)[..., None]
    return np.asarray(lit.clip(0, 255).astype(np.uint8))


# Shapes, drawn into a plane


def _blob(rng: Generator, plane: Image, where: Points, side: float) -> None:
    turn = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    waves = range(1, int(rng.integers(3, 9)))
    wave = sum(rng.normal(0, 0.25) / n * np.sin(n * turn + rng.uniform(0, 7)) for n in waves)
    stretch = np.array([1.0, rng.uniform(0.4, 1)])
    rim = (0.5 + 0.4 * np.asarray(wave))[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1)
    _fill(plane, where + side * _turned(rng, rim * stretch))


def _star(rng: Generator, plane: Image, where: Points, side: float) -> None:
    corners = int(rng.integers(3, 12))
    turn = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radius = rng.uniform(0.15, 0.55, corners)
    _fill(plane, where + side * radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1))


def _limbs(rng: Generator, plane: Image, where: Points, side: float) -> None:
    """A trunk, and chains of two or three bones with thinner ends; now and then ropes."""
    _blob(rng, plane, where, 0.5 * side)
    for _ in range(int(rng.integers(2, 7))):
        thick, end = side * np.exp(rng.uniform(np.log(0.008), np.log(0.12))), where
        for _ in range(int(rng.integers(1, 4))):
            turn = rng.uniform(0, 2 * np.pi)
            start = end
            end = start + side * rng.uniform(0.15, 0.4) * np.array([np.cos(turn), np.sin(turn)])
            cv2.line(plane, _pixel(start), _pixel(end), 255, max(2, round(thick)))
            thick *= 0.8


def _wheel(rng: Generator, plane: Image, where: Points, side: float) -> None:
    radius, thick = int(side / 2), max(2, round(side * rng.uniform(0.01, 0.12)))
    cv2.circle(plane, _pixel(where), radius, 255, thick)
    for turn in np.linspace(0, 2 * np.pi, int(rng.integers(0, 14)), endpoint=False):
        rim = where + radius * np.array([np.cos(turn), np.sin(turn)])
        cv2.line(plane, _pixel(where), _pixel(rim), 255, max(2, thick // 3))


def _fence(rng: Generator, plane: Image, where: Points, side: float) -> None:
    bars, thick = int(rng.integers(2, 9)), max(2, round(side * rng.uniform(0.01, 0.06)))
    ends = np.stack(np.broadcast_arrays(np.linspace(-0.5, 0.5, bars)[:, None], [-0.4, 0.4]), 2)
    cross = np.array([[[-0.5, y], [0.5, y]] for y in rng.uniform(-0.4, 0.4, 2)])
    lines = np.concatenate([ends, cross])
    turned = _turned(rng, lines.reshape(-1, 2)).reshape(-1, 2, 2)
    for start, end in where + side * turned:
        cv2.line(plane, _pixel(start), _pixel(end), 255, thick)


def _turned(rng: Generator, points: Points) -> Points:
    turn = rng.uniform(0, 2 * np.pi)
    return points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])


def _fill(plane: Image, points: Points) -> None:
    cv2.fillPoly(plane, [np.rint(points).astype(np.int32)], 255)


def _pixel(point: Points) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


if __name__ == "__main__":
    sys.exit(main())
