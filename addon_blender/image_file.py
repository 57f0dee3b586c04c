# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes in files, read by Blender.

Blender keeps the rows of an image from the bottom; here they come from the top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np

from .raster import Matte
from .shared.errors import BadMask

__all__ = ["matte_in", "matte_of_file"]

_PRIVATE = ".XMem++ matte"


def matte_of_file(path: Path) -> Matte:
    """A matte as it is on disk, as `matte_in` and at once."""
    with matte_in(path) as read:
        return read()


@contextmanager
def matte_in(path: Path) -> Iterator[Callable[[], Matte]]:
    """Has Blender load a file, and gives what hands its first channel over: each takes its time.

    The function returns H x W, rows from the top.

    Raises:
        BadMask: it can't be read.
    """
    image = bpy.data.images.new(_PRIVATE, 1, 1)
    name = image.name
    try:
        image.source, image.filepath = "FILE", str(path)
        image.colorspace_settings.name = "Non-Color"
        if not all(image.size):  # this loads it
            raise BadMask(f"'{path}' can't be read.", hint="Load the layers again.")
        yield lambda: _first_channel(name)
    finally:
        if name in bpy.data.images:
            bpy.data.images.remove(bpy.data.images[name])


def _first_channel(name: str) -> Matte:
    image = bpy.data.images.get(name)
    if image is None:  # undo took it away
        raise BadMask("A matte was undone while it was read.", hint="Start again.")
    width, height = image.size
    pixels = np.empty(height * width * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    return pixels.reshape(height, width, -1)[::-1, :, 0]
