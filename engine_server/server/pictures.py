# SPDX-License-Identifier: Apache-2.0
"""Pictures of messages to arrays and back, under limits."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its own manual uses
from numpy.typing import NDArray
from PIL import Image as PillowImage

from engine_server.media import Image as Decoded
from engine_server.media import read_image
from engine_server.media.image import ImageUnreadableError, read_header
from engine_server.session.workspace.disk import disk_errors
from shared.errors import BadMask, BadPlate, XmemppError
from shared.image import EncodedImage, Image, PathImage, RawImage

from .paths import absolute

__all__ = ["encode_file", "file_of_frame", "matte_of", "picture_message", "shrunk", "shrunk_size"]

_MAGIC = {
    "png": (b"\x89PNG\r\n\x1a\n",),
    "exr": (b"\x76\x2f\x31\x01",),
    "tiff": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "jpeg": (b"\xff\xd8\xff",),
    "dpx": (b"SDPX", b"XPDS"),
}
_ENDINGS = {name: f".{name}" for name in _MAGIC}
_MAX_CHANNELS = 16
_MOST_BYTES = 1 << 30  # of a file
_MOST_OVERSCAN = 4  # times the plate's pixels may be stored in a file

Pixels = NDArray[Any]
Size = tuple[int, int]


def matte_of(image: Image, size: Size, what: str) -> Pixels:
    """A painted matte, exactly as it was sent.

    Args:
        image: of a message.
        size: height and width that it must have.
        what: for errors, such as ``the matte of ball at frame 1001``.

    Returns:
        H x W, float32; whole numbers are brought to 0..1.

    Raises:
        BadMask: another size, no picture, or no channel that could be a matte.
        PathRefused: a relative path.
    """
    if isinstance(image, RawImage):
        pixels, channels = _raw(image), image.channels
        _check(pixels.shape[:2], len(channels), size, what, BadMask)
    else:
        with _as_file(image, what, BadMask) as path:
            decoded = _decoded(path, size, what, BadMask)
        pixels, channels = decoded.pixels, decoded.channels
    names = [name.lower() for name in channels]
    at = next((names.index(name) for name in ("a", "alpha") if name in names), 0)
    return _unit(pixels[..., at])


def file_of_frame(image: Image, size: Size, frame: int) -> tuple[bytes, str]:
    """A frame of a plate as the bytes of a file, checked, and the file's ending.

    Raises:
        BadPlate: another size, or no picture.
        PathRefused: a relative path.
    """
    what = f"frame {frame}"
    if isinstance(image, RawImage):
        pixels = _raw(image)
        _check(pixels.shape[:2], pixels.shape[2], size, what, BadPlate)
        return _file_of_raw(pixels, image)
    with _as_file(image, what, BadPlate) as path:
        _decoded(path, size, what, BadPlate)
        return path.read_bytes(), path.suffix


def picture_message(
    pixels: Pixels, form: str, *, channels: tuple[str, ...], space: str
) -> EncodedImage | RawImage:
    """A picture for a reply.

    Args:
        pixels: H x W or H x W x C, uint8, uint16, float16 or float32.
        form: ``raw``, ``png`` (8 or 16 bit) or ``exr``.
        channels: C names.
        space: colour space.
    """
    if form != "raw":
        return EncodedImage(form, encode_file(pixels, form, channels=channels), "auto")
    data = np.ascontiguousarray(pixels)
    if data.dtype.byteorder == ">":
        data = data.astype(data.dtype.newbyteorder("<"))
    return RawImage(data.dtype.name, data.shape, channels, space, data.data.cast("B"))


def encode_file(pixels: Pixels, form: str, *, channels: tuple[str, ...]) -> bytes:
    """A picture file in memory: PNG of whole numbers, anything else as OpenImageIO does it.

    Floats become 16 bits in a PNG.
    """
    if form == "png" and pixels.ndim == 2:
        buffer = io.BytesIO()
        PillowImage.fromarray(_whole(pixels)).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()
    planes = pixels if pixels.ndim == 3 else pixels[..., None]
    if form not in ("exr", "tiff") and planes.dtype.kind == "f":
        planes = _whole(planes)
    return _by_oiio(np.ascontiguousarray(planes), form, channels)


def shrunk(pixels: Pixels, side: int) -> Pixels:
    """A picture whose longer side has at most ``side`` pixels; 0 leaves it as it is."""
    there = (pixels.shape[0], pixels.shape[1])
    height, width = shrunk_size(there, side)
    if (height, width) == there:
        return pixels
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))


def shrunk_size(size: Size, side: int) -> Size:
    """Height and width of what `shrunk` gives."""
    longest = max(size)
    if not side or longest <= side:
        return size
    height, width = (max(1, round(n * side / longest)) for n in size)
    return height, width


def _raw(image: RawImage) -> Pixels:
    """H x W x C of raw pixels, not copied where the byte order is this machine's."""
    shape = (image.height, image.width, len(image.channels))
    if image.byte_order == sys.byteorder:
        return np.frombuffer(image.data, image.dtype).reshape(shape)
    swapped = np.frombuffer(image.data, np.dtype(image.dtype).newbyteorder())
    return swapped.reshape(shape).astype(image.dtype)


def _unit(plane: Pixels) -> Pixels:
    """Whole numbers to 0..1; floats as they are."""
    if plane.dtype.kind == "f":
        return plane.astype(np.float32)
    return plane.astype(np.float32) / np.float32(np.iinfo(plane.dtype).max)


def _whole(pixels: Pixels) -> Pixels:
    """Floats of 0..1 as 16 bits; whole numbers as they are."""
    if pixels.dtype.kind != "f":
        return pixels
    unit = np.clip(np.nan_to_num(pixels), 0, 1).astype(np.float32)
    return np.asarray(np.rint(unit * 65535), np.uint16)


def _file_of_raw(pixels: Pixels, image: RawImage) -> tuple[bytes, str]:
    """Display-referred pictures as PNG, anything else as an OpenEXR that keeps every value."""
    names = tuple(name.upper() for name in image.channels)
    if image.space == "srgb":
        return encode_file(_whole(pixels), "png", channels=names), ".png"
    wide = pixels if pixels.dtype.kind == "f" else _unit(pixels)
    return encode_file(wide, "exr", channels=names), ".exr"


def _by_oiio(pixels: Pixels, form: str, channels: tuple[str, ...]) -> bytes:
    """OpenImageIO writes to a name, not to memory."""
    height, width, count = pixels.shape
    spec = oiio.ImageSpec(width, height, count, _OIIO_TYPES[pixels.dtype.name])
    spec.channelnames = channels
    with tempfile.TemporaryDirectory(prefix="xmempp-") as folder:
        path = Path(folder) / f"picture{_ENDINGS[form]}"
        output = oiio.ImageOutput.create(str(path))
        written = output is not None and output.open(str(path), spec) and output.write_image(pixels)
        if output is None or not (output.close() and written):
            why = oiio.geterror() if output is None else output.geterror()
            raise BadPlate(f"A picture can't be encoded as {form}: {why}.")
        return path.read_bytes()


_OIIO_TYPES = {"uint8": "uint8", "uint16": "uint16", "float16": "half", "float32": "float"}

Refusal = Callable[[str], XmemppError]


@contextmanager
def _as_file(image: PathImage | EncodedImage, what: str, refuse: Refusal) -> Iterator[Path]:
    """A file to read: that of a path, or a temporary one of the bytes that were sent."""
    if isinstance(image, PathImage):
        yield absolute(image.path)
        return
    data = bytes(image.data)
    if not data.startswith(_MAGIC[image.format]):
        raise refuse(f"What was sent as {what} is not {image.format}.")
    with tempfile.TemporaryDirectory(prefix="xmempp-") as folder:
        path = Path(folder) / f"picture{_ENDINGS[image.format]}"
        with disk_errors(path):
            path.write_bytes(data)
        yield path


def _decoded(path: Path, size: Size, what: str, refuse: Refusal) -> Decoded:
    """Decodes a file whose header says that it is as large as it must be."""
    try:
        if path.is_file() and path.stat().st_size > _MOST_BYTES:
            raise refuse(f"What was sent as {what} is a file of more than {_MOST_BYTES} bytes.")
        header = read_header(path)
        _check(header.size, len(header.channels), size, what, refuse)
        if header.pixels > _MOST_OVERSCAN * size[0] * size[1]:
            raise refuse(f"What was sent as {what} holds {header.pixels} pixels.")
        return read_image(path)
    except (ImageUnreadableError, OSError) as error:
        raise refuse(f"What was sent as {what} can't be read: {error}.") from error


def _check(found: tuple[int, ...], channels: int, size: Size, what: str, refuse: Refusal) -> None:
    if tuple(found) != tuple(size):
        raise refuse(
            f"What was sent as {what} is {found[1]} x {found[0]} pixels, "
            f"the plate {size[1]} x {size[0]}."
        )
    if channels > _MAX_CHANNELS:
        raise refuse(f"What was sent as {what} has {channels} channels.")
