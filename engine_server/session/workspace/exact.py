# SPDX-License-Identifier: Apache-2.0
"""Mattes as picture files that give back exactly what was put in.

A matte of whole 255ths becomes an 8-bit PNG, one of whole 65535ths a 16-bit PNG, anything
else a 32-bit float OpenEXR: the smallest file that loses nothing, readable by every
compositing program.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its own manual uses
from numpy.typing import NDArray
from PIL import Image as PillowImage

from engine_server.media import read_image
from engine_server.media.image import ImageUnreadableError
from shared.errors import OutputUnwritable, WorkspaceDamaged

from .disk import disk_errors, write_durably

__all__ = ["read_matte", "write_matte"]

Matte = NDArray[np.float32]

_STEPS = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
_PNG_LEVEL = 1


def write_matte(stem: Path, matte: Matte) -> tuple[Path, str]:
    """Writes a matte without loss, durably.

    Args:
        stem: the file without its ending.
        matte: H x W float32 in 0..1.

    Returns:
        the file, ``.png`` (8 or 16 bit) or ``.exr`` (32-bit float), and its SHA-256.

    Raises:
        DiskFull, OutputUnwritable.
    """
    data, ending = _encoded(matte)
    path = stem.with_name(stem.name + ending)
    write_durably(path, data)
    return path, hashlib.sha256(data).hexdigest()


def _encoded(matte: Matte) -> tuple[bytes, str]:
    """The smallest file that loses nothing, and its ending."""
    for dtype, steps in _STEPS.items():
        whole = np.rint(matte * np.float32(steps)).astype(dtype)
        if _same_bits(_unit(whole), matte):
            return _png(whole), ".png"
    return _exr(matte), ".exr"


def read_matte(path: Path) -> Matte:
    """The matte that `write_matte` was given, bit for bit: H x W float32, read-only.

    Raises:
        WorkspaceDamaged: the file is missing, damaged, or no single-channel picture.
    """
    try:
        pixels = read_image(path).pixels
    except (ImageUnreadableError, OSError) as error:
        raise WorkspaceDamaged(f"The matte '{path}' can't be read: {error}.") from error
    if pixels.shape[2] != 1:
        raise WorkspaceDamaged(f"'{path}' is not a matte: it has {pixels.shape[2]} channels.")
    matte = _unit(pixels[..., 0])
    matte.setflags(write=False)
    return matte


def _unit(pixels: NDArray[np.generic]) -> Matte:
    """Integers to 0..1; floats as they are."""
    steps = _STEPS.get(pixels.dtype)
    values = pixels.astype(np.float32)
    return values if steps is None else values / np.float32(steps)


def _same_bits(a: Matte, b: Matte) -> bool:
    """Whether not even the sign of a zero differs."""
    return np.array_equal(a.view(np.uint32), np.ascontiguousarray(b).view(np.uint32))


def _png(whole: NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(whole).save(buffer, "PNG", compress_level=_PNG_LEVEL)
    return buffer.getvalue()


def _exr(matte: Matte) -> bytes:
    """A float OpenEXR; OpenImageIO writes to a name, not to memory."""
    height, width = matte.shape
    spec = oiio.ImageSpec(width, height, 1, "float")
    spec.channelnames = ("Y",)
    spec.attribute("compression", "zip")
    with tempfile.TemporaryDirectory(prefix="xmempp-") as folder:
        path = Path(folder) / "matte.exr"
        output = oiio.ImageOutput.create(str(path))
        pixels = np.ascontiguousarray(matte)[..., None]
        written = output is not None and output.open(str(path), spec) and output.write_image(pixels)
        if output is None or not (output.close() and written):
            why = oiio.geterror() if output is None else output.geterror()
            raise OutputUnwritable(f"A matte can't be encoded: {why}.")
        with disk_errors(path):
            return path.read_bytes()
