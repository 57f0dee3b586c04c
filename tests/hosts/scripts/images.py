# SPDX-License-Identifier: Apache-2.0
"""Images of Blender as mattes: ``images.py -- ZIP FILES``; painted ones, and files.

FILES has pictures of all kinds. Those that this Blender has not loaded are read without it, PNGs by
the add-on and others by a second Blender, and are the same as when it has.
"""

import sys
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from inside import arguments, install, part, refused

SIZE = (90, 160)
LEFT_TO_BLENDER = ("palette", "transparent_colour", "interlaced")  # of PNGs
TOLERANCE = 3e-5  # of 16 bits in sRGB, which Blender makes linear by a table; others are equal


def painted_images(host_image, host_frame, errors):
    """Rows are turned over; alpha counts where it says something, else brightness."""
    for alpha, is_float in ((True, False), (False, False), (True, True)):
        image = bpy.data.images.new("painted", SIZE[1], SIZE[0], alpha=True, float_buffer=is_float)
        pixels = np.zeros((*SIZE, 4), np.float32)
        pixels[..., 3] = 0 if alpha else 1
        image.pixels.foreach_set(pixels.ravel())
        assert host_image.matte_of_image(image, SIZE) is None
        pixels[-10:, :20, 3 if alpha else 1] = 0.2  # top left: Blender's rows begin at the bottom
        image.pixels.foreach_set(pixels.ravel())
        matte = host_image.matte_of_image(image, SIZE)
        expected = np.zeros(SIZE, np.float32)
        expected[:10, :20] = 0.2
        assert matte.dtype == (np.float32 if is_float else np.uint8)
        assert np.allclose(matte / (1 if is_float else 255), expected, atol=0.002)
        raw = host_frame.raw_matte(matte)
        assert (raw.shape, raw.channels, raw.space) == (SIZE, ("A",), "data")
    refused(lambda: host_image.matte_of_image(image, (10, 10)), errors, "160 x 90")


def unit(matte):
    """0..1."""
    return matte if matte.dtype.kind == "f" else matte / np.iinfo(matte.dtype).max


def files(host_image, folder):
    """Of every kind, in both colour spaces, on disk and packed."""
    can_load = host_image.can_load
    for path in sorted(Path(folder).iterdir()):
        host_image.can_load = can_load if is_left(path) else lambda image: False
        if is_left(path):
            same_as_loaded(host_image, path, "sRGB", packed=path.suffix == ".exr")
            same_as_loaded(host_image, path, "Non-Color", packed=False)
            continue
        for space in ("sRGB", "Non-Color"):
            for packed in (False, True):
                same_as_loaded(host_image, path, space, packed)
    host_image.can_load = can_load


def is_left(path):
    """Whether the add-on does not read it."""
    return path.suffix != ".png" or path.stem in LEFT_TO_BLENDER


def same_as_loaded(host_image, path, space, packed):
    image = bpy.data.images.load(str(path))
    image.colorspace_settings.name = space
    if packed:
        image.pack()
        image.buffers_free()
    assert not image.has_data
    unloaded = host_image.matte_of_image(image, SIZE)
    assert image.has_data == (is_left(path) and not bpy.app.binary_path), path.name
    assert image.pixels[0] >= 0  # this loads it
    loaded = host_image.matte_of_image(image, SIZE)
    assert image.has_data
    if path.stem.startswith("black"):
        assert loaded is unloaded is None
    else:
        table = path.suffix == ".png" and path.stem.endswith("_16") and space == "sRGB"
        most = TOLERANCE if table else 1e-6
        off = abs(unit(unloaded) - unit(loaded)).max()
        assert off < most, (path.name, space, packed, off)
    bpy.data.images.remove(image)


def painted_on(host_image, folder):
    """What is painted on an image counts, and not its file."""
    image = bpy.data.images.load(f"{folder}/grey.png")
    image.pixels.foreach_set(np.tile(np.array([0, 0, 0, 1], np.float32), SIZE[0] * SIZE[1]))
    assert host_image.matte_of_image(image, SIZE) is None
    image.pixels[1] = 1.0
    assert host_image.matte_of_image(image, SIZE)[-1, 0] == 255


def painted_and_packed(host_image):
    """It has no path, as no file was ever written; a float image is packed as EXR."""
    image = bpy.data.images.new("packed", SIZE[1], SIZE[0], alpha=True, float_buffer=True)
    pixels = np.zeros((*SIZE, 4), np.float32)
    pixels[-10:, :20, 3] = 0.25
    image.pixels.foreach_set(pixels.ravel())
    image.pack()
    image.source = "FILE"  # as it is in a file that is loaded
    image.buffers_free()
    assert not image.has_data
    assert not image.filepath
    matte = host_image.matte_of_image(image, SIZE)
    assert matte[:10, :20].min() == matte.max() == 0.25
    assert not matte[10:].any()
    assert image.has_data == (not bpy.app.binary_path)


def broken(host_image, errors, folder):
    """It is told, by the thread that reads it."""
    whole = Path(folder, "grey.png").read_bytes()
    path = Path(folder, "broken.jpg")  # by any name
    path.write_bytes(whole[: len(whole) // 2])
    image = bpy.data.images.load(str(path))
    read = host_image.reader_of_image(image, SIZE)
    refused(read, errors, "is broken")
    read = host_image.reader_of_image(image, SIZE)
    path.unlink()
    refused(read, errors, "can't be read")
    image = bpy.data.images.load(f"{folder}/grey.png")
    refused(lambda: host_image.reader_of_image(image, (10, 10)), errors, "160 x 90")
    assert not image.has_data
    if bpy.app.binary_path:
        broken_elsewhere(host_image, errors, folder)


def broken_elsewhere(host_image, errors, folder):
    """What a second Blender can't load, or is of another size."""
    path = Path(folder, "broken.tif")
    path.write_bytes(Path(folder, "grey_8.tif").read_bytes()[:100])
    image = bpy.data.images.load(str(path))
    refused(host_image.reader_of_image(image, SIZE), errors, "can't be loaded. Set its path")
    image = bpy.data.images.load(f"{folder}/grey_8.tif")
    refused(host_image.reader_of_image(image, (10, 10)), errors, "160 x 90")
    assert not image.has_data
    killed(host_image, errors, image)


def killed(host_image, errors, image):
    """It did not fail at the file; what is to be done about it is told accordingly."""
    second = sys.modules[host_image.can_load.__module__]
    patience, options = second._PATIENCE, second._OPTIONS
    end = "import os; os.kill(os.getpid(), 9)"
    for name, value in (("_PATIENCE", 0.05), ("_OPTIONS", ("-b", "--python-expr", end, "-P"))):
        setattr(second, name, value)
        refused(host_image.reader_of_image(image, SIZE), errors, "once, then try again")
        second._PATIENCE, second._OPTIONS = patience, options
    assert host_image.reader_of_image(image, SIZE)() is not None


def main():
    archive, folder = arguments()
    package = install(archive)
    host_image, errors = part(package, "host_image"), part(package, "shared.errors")
    painted_images(host_image, part(package, "host_frame"), errors)
    files(host_image, folder)
    painted_on(host_image, folder)
    painted_and_packed(host_image)
    broken(host_image, errors, folder)


main()
