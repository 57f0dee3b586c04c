# SPDX-License-Identifier: Apache-2.0
"""A picture of what the X11 display shows, whatever Blender thinks that it has drawn.

Blender's own screenshot reads the front buffer, which is black under Xvfb with Mesa 25 and later.
"""

import ctypes
import os
import struct
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np

ALL_PLANES, Z_PIXMAP = 0xFFFFFFFF, 2
SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Image(ctypes.Structure):
    """The beginning of Xlib's XImage."""

    _fields_ = [
        *[(name, ctypes.c_int) for name in ("width", "height", "xoffset", "format")],
        ("data", ctypes.c_void_p),
        *[(name, ctypes.c_int) for name in ("order", "unit", "bit_order", "pad", "depth")],
        ("bytes_per_line", ctypes.c_int),
    ]


def shoot(path):
    """Writes the whole display as a PNG."""
    with opened(os.environ["DISPLAY"]) as (x11, display):
        size = x11.XDisplayWidth(display, 0), x11.XDisplayHeight(display, 0)
        root = x11.XRootWindow(display, 0)
        got = x11.XGetImage(display, root, 0, 0, *size, ALL_PLANES, Z_PIXMAP)
        one = got.contents
        held = ctypes.string_at(one.data, one.bytes_per_line * one.height)
        rows = np.frombuffer(held, np.uint8).reshape(one.height, -1, 4)
        write(path, rows[:, : one.width, 2::-1])
        x11.XDestroyImage(got)


@contextmanager
def opened(name):
    """A connection of our own to a display."""
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XRootWindow.restype = ctypes.c_ulong
    x11.XGetImage.restype = ctypes.POINTER(Image)
    number, place = ctypes.c_ulong, ctypes.c_int
    x11.XGetImage.argtypes = [ctypes.c_void_p, number, *[place] * 4, number, place]
    display = ctypes.c_void_p(x11.XOpenDisplay(name.encode()))
    try:
        yield x11, display
    finally:
        x11.XCloseDisplay(display)


def write(path, pixels):
    """H x W x 3 bytes as a PNG."""
    height, width, _ = pixels.shape
    lines = np.pad(pixels.reshape(height, -1), ((0, 0), (1, 0)))  # each begins with its filter
    with Path(path).open("wb") as file:
        file.write(SIGNATURE)
        chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        chunk(file, b"IDAT", zlib.compress(lines.tobytes(), 3))
        chunk(file, b"IEND", b"")


def chunk(file, kind, data):
    """A part of a PNG."""
    check = zlib.crc32(kind + data)
    file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check))
