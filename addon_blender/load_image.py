# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by a second Blender: ``load_image.py -- FILE SPACE ALPHA FOLDER``; see `second_blender`.

Writes the pixels as Blender has them to FOLDER/pixels.npy; FOLDER/float says that they are floats.
"""

import sys
from pathlib import Path

import bpy
import numpy as np


def main() -> None:
    """Ends with an error where Blender can't load the file."""
    path, space, alpha, folder = sys.argv[sys.argv.index("--") + 1 :]
    image = bpy.data.images.load(path)
    image.colorspace_settings.name, image.alpha_mode = space, alpha
    width, height = image.size  # this loads it
    if not width or not height:
        raise OSError("it can't be loaded")  # ends Blender with the code that was asked for
    pixels = np.empty(height * width * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    np.save(Path(folder, "pixels.npy"), pixels.reshape(height, width, -1))
    if image.is_float:
        Path(folder, "float").touch()


if __name__ == "__main__":
    main()
