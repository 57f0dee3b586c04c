# SPDX-License-Identifier: Apache-2.0
"""Small clips and masks, drawn: a textured disc crosses a textured background."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its own manual uses
from numpy.typing import NDArray
from PIL import Image

__all__ = [
    "COLOURS",
    "Shot",
    "draw_shot",
    "read_png",
    "texture",
    "write_dataset",
    "write_masks",
    "write_plate",
]

COLOURS = (0, 0, 0, 200, 30, 40, 20, 160, 220)
"""A palette that no program has by default: black, red, blue."""

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Shot:
    """A drawn clip.

    Attributes:
        pictures: H x W x 3, sRGB.
        labels: H x W, 0 background, 1 the disc, 2 (where there is one) the block.
    """

    pictures: list[Picture]
    labels: list[Picture]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.labels[0].shape
        return height, width

    def matte(self, index: int, obj: int = 1) -> NDArray[np.float32]:
        """The hard matte of an object at a position in the clip."""
        return (self.labels[index] == obj).astype(np.float32)


def texture(height: int, width: int, seed: int, *, colour: tuple[int, int, int]) -> Picture:
    """Blotches around a colour."""
    noise = np.random.default_rng(seed).normal(0, 120, (height, width, 3)).astype(np.float32)
    blotches = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return np.clip(blotches + colour, 0, 255).astype(np.uint8)


def draw_shot(
    frames: int = 6, *, height: int = 48, width: int = 80, objects: int = 1, radius: float = 0.25
) -> Shot:
    """A disc that crosses the picture from the left, in front of a still block on the right."""
    background = texture(height, width, 1, colour=(70, 110, 60))
    skins = [
        texture(height, width, 2, colour=(220, 90, 40)),
        texture(height, width, 3, colour=(60, 80, 200)),
    ]
    pictures, labels = [], []
    for at in np.linspace(0.25, 0.65, frames):
        label = np.zeros((height, width), np.uint8)
        if objects > 1:
            label[height // 4 : height * 3 // 4, width * 3 // 4 : -2] = 2
        centre = (round(at * width), round((0.4 + at / 4) * height))
        cv2.circle(label, centre, max(1, round(radius * height)), 1, -1)
        picture = background.copy()
        for number, skin in enumerate(skins, start=1):
            drift = (centre[1] - height // 2, centre[0] - width // 2) if number == 1 else (0, 0)
            picture[label == number] = np.roll(skin, drift, (0, 1))[label == number]
        pictures.append(picture)
        labels.append(label)
    return Shot(pictures, labels)


def write_plate(
    folder: Path, pictures: Iterable[Picture], *, first: int = 1001, name: str = "plate.{:04d}.png"
) -> Path:
    """Numbered pictures; an OpenEXR gets the values as linear light, divided by 255."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame, picture in enumerate(pictures, start=first):
        write_picture(folder / name.format(frame), picture)
    return folder


def write_picture(path: Path, picture: NDArray[np.generic]) -> Path:
    """A PNG or JPEG by Pillow; anything else by OpenImageIO, floats as they are."""
    if path.suffix.lower() in (".png", ".jpg"):
        Image.fromarray(picture).save(path)
        return path
    pixels = picture if picture.dtype == np.float32 else picture.astype(np.float32) / 255
    height, width, channels = pixels.shape
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), oiio.ImageSpec(width, height, channels, "half"))
    assert output.write_image(np.ascontiguousarray(pixels))
    output.close()
    return path


def write_masks(
    folder: Path, masks: Mapping[int | str, Picture], *, palette: Iterable[int] = COLOURS
) -> Path:
    """Palette PNGs named by frame number, or by the name given."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame, labels in masks.items():
        picture = Image.fromarray(labels)
        picture.putpalette(list(palette))
        stem = f"{frame:04d}" if isinstance(frame, int) else frame
        picture.save(folder / f"{stem}.png")
    return folder


def write_dataset(folder: Path, shot: Shot, *, name: str = "drawn") -> Path:
    """A shot as a data set of one sequence, laid out as DAVIS, its frames numbered from 0."""
    write_plate(folder / "JPEGImages" / name, shot.pictures, first=0, name="{:05d}.jpg")
    masks = {f"{frame:05d}": labels for frame, labels in enumerate(shot.labels)}
    write_masks(folder / "Annotations" / name, masks)
    return folder


def write_movie(path: Path, pictures: Iterable[Picture]) -> Path:
    """A lossless movie."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.pix_fmt = "bgr0"
        for index, picture in enumerate(pictures):
            if index == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def damage(path: Path) -> Path:
    """Cuts a file off after its header."""
    data = path.read_bytes()
    path.write_bytes(data[: max(60, len(data) // 3)])
    return path


def read_png(path: Path) -> NDArray[np.generic]:
    """Pixels as stored: indexes of a palette picture, 16 bits where there are 16."""
    with Image.open(path) as picture:
        return np.array(picture)
