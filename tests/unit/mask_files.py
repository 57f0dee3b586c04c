# SPDX-License-Identifier: Apache-2.0
"""Drawn masks in files of every kind, and reading them back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its own manual uses
from PIL import Image as PillowImage

from engine_server.media import MaskSet, Plate, read_masks

__all__ = ["HEIGHT", "WIDTH", "disc", "label_map", "labels_of", "paint", "read"]
__all__ += ["save", "save_exr", "save_rgba"]

HEIGHT, WIDTH = 96, 128


def disc(x: float, y: float, radius: float, *, soft: float = 0.0) -> np.ndarray:
    """A disc, H x W in 0..1; its edge is a ramp ``soft`` pixels wide."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    distance = radius - np.hypot(columns - x, rows - y)
    return (distance > 0) * 1.0 if soft == 0 else np.clip(distance / soft + 0.5, 0, 1)


def label_map(labels: Sequence[int], *, radius: float = 5.0) -> np.ndarray:
    """A disc for each label on a grid, H x W uint8."""
    result = np.zeros((HEIGHT, WIDTH), np.uint8)
    for index, label in enumerate(labels):
        x, y = 8 + 16 * (index % 8), 8 + 16 * (index // 8)
        result[disc(x, y, radius) > 0] = label
    return result


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels[..., ::-1] if pixels.ndim == 3 else pixels)
    return path


def save_rgba(path: Path, rgb: np.ndarray, alpha: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(np.dstack([rgb, alpha])).save(path)


def save_exr(path: Path, channels: dict[str, np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    spec = oiio.ImageSpec(WIDTH, HEIGHT, len(channels), "half")
    spec.channelnames = tuple(channels)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec)
    assert output.write_image(np.dstack(list(channels.values())).astype(np.float32))
    output.close()


def read(tmp_path: Path, plate: Plate) -> MaskSet:
    return read_masks(tmp_path / "masks", plate)


def labels_of(masks: MaskSet, frame: int = 1001) -> list[int]:
    """Labels that are seen in a frame."""
    return [label for label, matte in masks.frames[frame].items() if matte.any()]


def paint(parts: Sequence[tuple[np.ndarray, tuple[int, int, int]]]) -> np.ndarray:
    """Lay mattes in colours over black, the later on top."""
    picture = np.zeros((HEIGHT, WIDTH, 3))
    for matte, colour in parts:
        picture = picture * (1 - matte[..., None]) + matte[..., None] * np.array(colour)
    return np.rint(picture).astype(np.uint8)
