# SPDX-License-Identifier: Apache-2.0
"""Reading one still picture: JPEG, PNG, TIFF, OpenEXR, DPX and whatever OpenImageIO knows.

The header is read first and its pixel count is checked, so that a decompression bomb is
refused before a byte of it is decoded. Pixels come back as they are stored; how they are
shown is the business of :mod:`engine_server.media.view`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its own manual uses
from numpy.typing import NDArray

__all__ = [
    "IMAGE_EXTENSIONS",
    "MAX_PIXELS",
    "Image",
    "ImageHeader",
    "ImageUnreadableError",
    "read_header",
    "read_image",
]

IMAGE_EXTENSIONS = frozenset(
    {"bmp", "cin", "dpx", "exr", "hdr", "iff", "j2c", "j2k", "jp2", "jpe", "jpeg", "jpg", "jxl"}
    | {"pbm", "pgm", "png", "pnm", "ppm", "psd", "rla", "sgi", "sxr", "tga", "tif", "tiff", "webp"}
)
"""File endings, lower case without the dot, that are taken for stills."""

MAX_PIXELS = 2**28
"""Largest picture that is decoded (16384 x 16384); a bigger header is refused unread."""

_MAX_CHANNELS = 1024
_MAX_NUMBERS = 2**30  # of all channels together: 4 GiB as floats
_EOI = b"\xff\xd9"  # a JPEG without this marker at its end was cut off
_EOI_TAIL = 4096
_ACES_CHROMATICITIES = {
    "acescg": (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767),
    "aces2065": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767),
}


class ImageUnreadableError(Exception):
    """A picture can't be decoded; the text is a clause that says why, without the path.

    Never leaves this package: the plate turns it into ``FrameUnreadable``, the masks into
    ``BadMask``, each naming the file.
    """


@dataclass(frozen=True)
class ImageHeader:
    """What a file says of itself before its pixels are read.

    Args:
        size: height and width of the display window, in pixels.
        channels: channel names in the order of the file.
        encoding: ``srgb``, ``linear``, ``log``, ``acescg`` or ``aces2065``, as the file reports
            it, or by its pixel type where it says nothing (float is linear, integer is sRGB).
        pixels: how many are stored; an OpenEXR may hold more, or fewer, than it shows.
    """

    size: tuple[int, int]
    channels: tuple[str, ...]
    encoding: str
    pixels: int


@dataclass(frozen=True)
class Image:
    """A decoded picture.

    Args:
        pixels: H x W x C, uint8, uint16 or float32, as stored, placed in the display window.
        channels: C channel names.
        encoding: see :class:`ImageHeader`.
    """

    pixels: NDArray[Any]
    channels: tuple[str, ...]
    encoding: str

    def channel(self, name: str) -> NDArray[Any]:
        """One channel (H x W) by its exact name; KeyError when the picture lacks it."""
        if name not in self.channels:
            raise KeyError(name)
        return self.pixels[..., self.channels.index(name)]

    def rgb(self) -> NDArray[Any]:
        """The colour of the picture, H x W x 3; grey is repeated, other channels are left out."""
        indexes = _colour_indexes(self.channels)
        if indexes == (0, 1, 2) and len(self.channels) == 3:
            return self.pixels
        return np.ascontiguousarray(self.pixels[..., indexes])

    def alpha(self) -> NDArray[Any] | None:
        """The channel ``A`` (H x W), or None."""
        for index, name in enumerate(self.channels):
            if name.lower() in ("a", "alpha"):
                return self.pixels[..., index]
        return None


def _colour_indexes(channels: tuple[str, ...]) -> tuple[int, int, int]:
    """Indexes of red, green and blue: plain names first, then those of the first layer."""
    names = [name.lower() for name in channels]
    for prefix in ("", *(name.rpartition(".")[0] + "." for name in names if "." in name)):
        for rgb in (("r", "g", "b"), ("red", "green", "blue")):
            if all(prefix + part in names for part in rgb):
                red, green, blue = (names.index(prefix + part) for part in rgb)
                return red, green, blue
    grey = next((i for i, name in enumerate(names) if name in ("y", "l", "i")), 0)
    return grey, grey, grey


def read_header(path: Path) -> ImageHeader:
    """Read the size, channels and encoding of a picture without decoding it.

    Raises:
        ImageUnreadableError: not a picture, or larger than ``MAX_PIXELS``.
    """
    source = _open(path)
    try:
        _, spec = _best_part(source)
        return _header(spec, source.format_name())
    finally:
        source.close()


def read_image(path: Path) -> Image:
    """Decode a picture.

    An OpenEXR data window that differs from the display window is placed in it: what lies
    outside (overscan) is cropped, what is missing is zero. EXIF orientation is not applied,
    as in compositing programs. Alpha is not multiplied into colour, nor divided out of it.

    Raises:
        ImageUnreadableError: missing, damaged, cut off or larger than ``MAX_PIXELS``.
    """
    source = _open(path)
    try:
        part, spec = _best_part(source)
        header = _header(spec, source.format_name())
        if source.format_name() == "jpeg" and spec.nchannels == 3:
            pixels = _decode_jpeg(path)
            if pixels is not None:
                return Image(pixels, header.channels, header.encoding)
        pixels = _decode(source, part, spec)
    finally:
        source.close()
    return Image(_place(pixels, spec), header.channels, header.encoding)


def _open(path: Path) -> oiio.ImageInput:
    """Open a file for reading; the reasons of a failure in words."""
    if not path.is_file():
        raise ImageUnreadableError("the file is missing")
    if not _is_text(path):
        raise ImageUnreadableError("its name is not UTF-8 text; rename it")
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)  # else PNG colour comes multiplied by alpha
    source = oiio.ImageInput.open(str(path), config)
    if source is None:
        raise ImageUnreadableError(_clean(oiio.geterror(), path))
    return source


def _is_text(path: Path) -> bool:
    """Names from an old file server can be bytes that are no text."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _clean(message: str, path: Path) -> str:
    """The first line of a library's message, without the path that the caller names."""
    lines = message.replace(f'"{path}"', "the file").replace(str(path), "the file").splitlines()
    return lines[0].strip().rstrip(".") if lines and lines[0].strip() else "it is damaged"


def _best_part(source: oiio.ImageInput) -> tuple[int, oiio.ImageSpec]:
    """The first part of a multi-part file that holds R, G and B, else the first part."""
    first = source.spec()
    if "R" in first.channelnames or source.format_name() != "openexr":
        return 0, first
    for part in range(1, int(first.get_int_attribute("oiio:subimages", 1))):
        spec = source.spec(part, 0)
        if "R" in spec.channelnames:
            return part, spec
    return 0, first


def _header(spec: oiio.ImageSpec, file_format: str) -> ImageHeader:
    """Check a specification and say what matters of it."""
    pixels = max(spec.full_width * spec.full_height, spec.width * spec.height)
    if pixels > MAX_PIXELS:
        raise ImageUnreadableError(
            f"it claims {spec.width} x {spec.height} pixels, more than allowed"
        )
    if pixels * spec.nchannels > _MAX_NUMBERS:
        raise ImageUnreadableError(f"it claims {spec.nchannels} channels of {pixels} pixels")
    if pixels <= 0 or not 0 < spec.nchannels <= _MAX_CHANNELS:
        raise ImageUnreadableError("its header makes no sense")
    if spec.deep:
        raise ImageUnreadableError("deep images are not supported")
    encoding = _encoding(spec, file_format)
    return ImageHeader(
        (spec.full_height, spec.full_width),
        tuple(spec.channelnames),
        encoding,
        spec.width * spec.height,
    )


def _encoding(spec: oiio.ImageSpec, file_format: str) -> str:
    """How the stored numbers relate to light, from metadata first and pixel type last."""
    reported = spec.get_string_attribute("oiio:ColorSpace").lower()
    transfer = spec.get_string_attribute("dpx:Transfer").lower()
    is_float = "float" in str(spec.format) or "half" in str(spec.format)
    if file_format == "cineon" or "log" in reported or transfer in _LOG_TRANSFERS:
        return "log"
    if file_format == "openexr":
        return _aces_primaries(spec) or "linear"
    if "lin" in reported.split("_")[0]:
        return "linear"
    return "linear" if is_float and "srgb" not in reported else "srgb"


_LOG_TRANSFERS = ("logarithmic", "printing density")


def _aces_primaries(spec: oiio.ImageSpec) -> str | None:
    """The ACES space whose primaries the file declares, if any."""
    declared = spec.getattribute("chromaticities")
    for name, primaries in _ACES_CHROMATICITIES.items():
        if declared is not None and np.allclose(declared, primaries, atol=1e-3):
            return name
    return None


def _decode_jpeg(path: Path) -> NDArray[Any] | None:
    """Decode a whole 8-bit JPEG twice as fast as OpenImageIO; None when it looks damaged.

    A cut-off file is left to OpenImageIO, because some versions of OpenCV fill the lost
    part with grey and say nothing.
    """
    data = np.fromfile(path, np.uint8)  # imread can't open every path on Windows
    if _EOI not in data[-_EOI_TAIL:].tobytes():
        return None
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return None if picture is None else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB, dst=picture)


def _decode(source: oiio.ImageInput, part: int, spec: oiio.ImageSpec) -> NDArray[Any]:
    """All channels as uint8, uint16 or float32, H x W x C."""
    stored = str(spec.format)
    wanted = stored if stored in ("uint8", "uint16") else "float"
    pixels = source.read_image(part, 0, 0, spec.nchannels, wanted)
    if pixels is None or source.has_error:
        raise ImageUnreadableError(_clean(source.geterror(), Path(source.format_name())))
    return pixels.reshape(spec.height, spec.width, spec.nchannels)


def _place(pixels: NDArray[Any], spec: oiio.ImageSpec) -> NDArray[Any]:
    """Move the data window into the display window; the rest is zero."""
    left, top = spec.x - spec.full_x, spec.y - spec.full_y
    height, width = spec.full_height, spec.full_width
    if (left, top) == (0, 0) and pixels.shape[:2] == (height, width):
        return pixels
    canvas = np.zeros((height, width, pixels.shape[2]), pixels.dtype)
    rows = slice(max(top, 0), max(min(top + spec.height, height), 0))
    columns = slice(max(left, 0), max(min(left + spec.width, width), 0))
    if rows.start < rows.stop and columns.start < columns.stop:
        canvas[rows, columns] = pixels[
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
    return canvas
