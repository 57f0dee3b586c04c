# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes in files, read by Blender.

Blender keeps the rows of an image from the bottom; here they come from the top.
"""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from .raster import Matte
from .shared.errors import BadMask

__all__ = ["matte_of_file"]


def matte_of_file(path: Path) -> Matte:
    """A matte as it is on disk: its first channel.

    Returns:
        H x W, rows from the top.

    Raises:
        BadMask: it can't be read.
    """
    image = bpy.data.images.new("matte", 1, 1)
    try:
        image.source, image.filepath = "FILE", str(path)
        image.colorspace_settings.name = "Non-Color"
        width, height = image.size
        pixels = np.empty(height * width * image.channels, np.float32)
        image.pixels.foreach_get(pixels)
    finally:
        bpy.data.images.remove(image)
    if not pixels.size:
        raise BadMask(f"'{path}' can't be read.", hint="Load the layers again.")
    return pixels.reshape(height, width, -1)[::-1, :, 0]
