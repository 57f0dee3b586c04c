# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of Blender as mattes: their alpha, or their brightness where their alpha says nothing.

Blender keeps the rows of an image from the bottom; they are turned over here.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import bpy
import numpy as np
from numpy.typing import NDArray

from .png_reader import Header, header_of, matte_in_png
from .second_blender import can_load, loader_of, works_in_usual_space
from .shared.errors import BadMask
from .shared.pool import BufferPool

__all__ = ["has_room", "make_room", "matte_of_image", "reader_of_image"]

Pixels = NDArray[np.generic]
Reader = Callable[[], "Pixels | None"]

_buffers = BufferPool()

_BYTES = 16  # of a pixel
_DATA, _DISPLAY = "Non-Color", "sRGB"


def matte_of_image(image: bpy.types.Image, size: tuple[int, int]) -> Pixels | None:
    """The matte painted in an image, as `reader_of_image` and at once."""
    return reader_of_image(image, size)()


def reader_of_image(image: bpy.types.Image, size: tuple[int, int]) -> Reader:
    """What gets the matte of an image, in any thread.

    Args:
        image: as large as the plate. A file that Blender has not loaded yet stays so: a PNG is read
            here, and any other by a second Blender, where there is a program to start.
        size: height and width in pixels.

    Returns:
        It returns H x W, rows from the top: 0..1 of floats, else whole numbers. None where it is
        black all over. It is called once.

    Raises:
        BadMask: another size; where a second Blender loads it, what is returned tells it.
    """
    header = _header(image)
    if header is None and can_load(image):
        return _second_reader(image, size)
    width, height = (header.width, header.height) if header is not None else image.size
    _check(image.name, (height, width), size)
    return _pixels_reader(image) if header is None else _file_reader(image, header)


def _check(name: str, found: tuple[int, int], size: tuple[int, int]) -> None:
    if found != tuple(size):
        raise BadMask(
            f"Image '{name}' is {found[1]} x {found[0]} pixels, the plate {size[1]} x {size[0]}.",
            hint="Paint in an image of the plate's size.",
        )


def has_room(size: tuple[int, int], count: int) -> bool:
    """Whether memory is at hand for so many images of that width and height."""
    return _buffers.has(_BYTES * size[0] * size[1], count)


def make_room(size: tuple[int, int], count: int = 1) -> None:
    """Has it at hand; in any thread.

    Fresh memory takes ten times as long as the pixels: at 4K a quarter of a second.
    """
    rooms = [_buffers.take(_BYTES * size[0] * size[1]) for _ in range(count)]
    for room in rooms:
        np.frombuffer(room, np.uint8)[::4096] = 0  # the system gives it page by page


def _pixels_reader(image: bpy.types.Image) -> Reader:
    width, height = image.size
    count = height * width * image.channels
    pixels = np.frombuffer(_buffers.take(4 * count), np.float32)  # fresh memory takes as long again
    image.pixels.foreach_get(pixels)
    shape, is_float = (height, width, image.channels), image.is_float
    held = [pixels.reshape(shape)]
    del pixels

    def read() -> Pixels | None:
        return _matte(held.pop(), is_float)  # the next image gets the memory

    return read


def _second_reader(image: bpy.types.Image, size: tuple[int, int]) -> Reader:
    name, load = image.name, loader_of(image)

    def read() -> Pixels | None:
        pixels, is_float = load()
        _check(name, pixels.shape[:2], size)
        return _matte(pixels, is_float)

    return read


def _matte(pixels: NDArray[np.float32], is_float: bool) -> Pixels | None:
    matte = np.clip(_coverage(pixels), 0, 1)[::-1]
    if not matte.any():
        return None
    return matte if is_float else np.rint(matte * 255).astype(np.uint8)


def _coverage(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    if pixels.shape[2] == 4 and pixels[..., 3].min() < 1:
        return pixels[..., 3]
    return pixels[..., :3].max(axis=2)


def _header(image: bpy.types.Image) -> Header | None:
    """That of an image's file, if Blender has not loaded it and it need not."""
    plain = image.source == "FILE" and image.alpha_mode == "STRAIGHT"
    if image.has_data or not plain or not _is_known_space(image.colorspace_settings.name):
        return None
    try:
        with _opened(image) as file:
            return header_of(file)
    except OSError:
        return None


def _is_known_space(name: str) -> bool:
    """Whether `_linear` does what Blender does."""
    return name == _DATA or (name == _DISPLAY and works_in_usual_space() and _has_own_config())


def _has_own_config() -> bool:
    """Whether Blender has its own colours; since 5.2 it names them in the environment itself."""
    named = os.environ.get("OCIO")
    return not named or Path(named).is_relative_to(bpy.utils.system_resource("DATAFILES"))


def _opened(image: bpy.types.Image) -> BinaryIO:
    if image.packed_file is not None:
        return io.BytesIO(image.packed_file.data)
    return _path(image).open("rb")


def _path(image: bpy.types.Image) -> Path:
    return Path(bpy.path.abspath(image.filepath, library=image.library))


def _file_reader(image: bpy.types.Image, header: Header) -> Reader:
    packed, path, name = image.packed_file, _path(image), image.name
    data = packed.data if packed is not None else None
    in_colours = header.depth == 16 and image.colorspace_settings.name == _DISPLAY

    def read() -> Pixels | None:
        matte, is_alpha = matte_in_png(_bytes(path, name) if data is None else data, header)
        if not matte.any():
            return None
        return _linear(matte) if in_colours and not is_alpha else matte

    return read


def _bytes(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadMask(
            f"The file of image '{name}' can't be read: {error.strerror}.",
            hint="Set its path again.",
        ) from error


def _linear(matte: NDArray[np.uint16]) -> NDArray[np.float32]:
    """What Blender makes of 16 bits in sRGB when it loads them."""
    levels = np.arange(65536) / 65535
    curve = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return curve.astype(np.float32)[matte]
