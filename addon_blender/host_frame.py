# SPDX-License-Identifier: GPL-3.0-or-later
"""From Blender to the wire: where the plate is, and what is painted at a frame.

Blender keeps the rows of an image from the bottom; they are turned over here and nowhere else.
"""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from .frames import FrameMap, sequence_of
from .host_mask import matte_of_mask
from .shared.errors import BadMask, NotFound
from .shared.image import RawImage
from .shared.messages import OpenClip, PathClip

__all__ = [
    "clip_message",
    "frame_map",
    "matte_of_image",
    "painted_matte",
    "raw_matte",
]

Pixels = NDArray[np.generic]


def frame_map(clip: bpy.types.MovieClip) -> FrameMap:
    """How the scene's frames lead to the clip's own numbers."""
    first = sequence_of(_file(clip).name)[1] if clip.source == "SEQUENCE" else 0
    return FrameMap(first, clip.frame_start, clip.frame_offset)


def clip_message(clip: bpy.types.MovieClip) -> OpenClip:
    """How the engine is to open a clip.

    Raises:
        NotFound: its file is not there.
    """
    path, wanted = _file(clip), clip.xmempp
    if not path.exists():
        raise NotFound(f"The plate '{path}' is not there.", hint="Set the clip's path again.")
    name = sequence_of(path.name)[0] if clip.source == "SEQUENCE" else path.name
    return OpenClip(
        PathClip(str(path.with_name(name))),
        name=clip.name,
        space=wanted.space,
        exposure=wanted.exposure,
        model=wanted.model or None,
        size=wanted.size,
    )


def painted_matte(
    clip: bpy.types.MovieClip, obj: bpy.types.PropertyGroup, frame: int
) -> Pixels | None:
    """What is painted of an object at a frame of the clip; None where nothing is told.

    Returns:
        H x W, uint8 or float32, rows from the top.

    Raises:
        BadMask: what is painted can't be used.
    """
    width, height = clip.size
    if obj.source == "MASK" and obj.mask:
        at = frame_map(clip).to_scene(frame)
        matte = matte_of_mask(obj.mask, obj.layer, at, (height, width))
        return None if matte is None else np.rint(matte * 255).astype(np.uint8)
    if obj.source == "IMAGE" and obj.image:
        return matte_of_image(obj.image, (height, width))
    return None


def matte_of_image(image: bpy.types.Image, size: tuple[int, int]) -> Pixels | None:
    """The alpha of a painted image, or its brightness where its alpha says nothing.

    Args:
        image: as large as the plate.
        size: height and width in pixels.

    Returns:
        H x W, rows from the top: float32 of a float image, else uint8. None where it is
        black all over.

    Raises:
        BadMask: another size.
    """
    width, height = image.size
    if (height, width) != tuple(size):
        raise BadMask(
            f"Image '{image.name}' is {width} x {height} pixels, the plate {size[1]} x {size[0]}.",
            hint="Paint in an image of the plate's size.",
        )
    pixels = np.empty(height * width * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    matte = np.clip(_coverage(pixels.reshape(height, width, image.channels)), 0, 1)[::-1]
    if not matte.any():
        return None
    return matte if image.is_float else np.rint(matte * 255).astype(np.uint8)


def raw_matte(matte: Pixels) -> RawImage:
    """A matte as it goes over the wire."""
    whole = np.ascontiguousarray(matte)
    return RawImage(whole.dtype.name, whole.shape, ("A",), "data", whole.tobytes())


def _coverage(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    if pixels.shape[2] == 4 and pixels[..., 3].min() < 1:
        return pixels[..., 3]
    return pixels[..., :3].max(axis=2)


def _file(clip: bpy.types.MovieClip) -> Path:
    return Path(bpy.path.abspath(clip.filepath, library=clip.library))
