# SPDX-License-Identifier: GPL-3.0-or-later
"""PNG files that Blender has not loaded yet, read in any thread.

Blender loads a file in the main thread, and may take a tenth of a second for it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from .shared.errors import BadMask

__all__ = ["Header", "header_of", "matte_in_png"]

Pixels = NDArray[np.unsignedinteger]
Bytes = NDArray[np.uint8]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by kind of colour
_SUB, _UP, _AVERAGE, _PAETH = 1, 2, 3, 4
_MOST = 1 << 24  # bytes of a chunk before the picture: more has no place there


@dataclass(frozen=True)
class Header:
    """What a file tells of its picture.

    Attributes:
        width, height: in pixels.
        depth: bits of a number: 8 or 16.
        channels: 1 to 4; the second of two and the last of four are alpha.
    """

    width: int
    height: int
    depth: int
    channels: int

    @property
    def step(self) -> int:
        """Bytes of a pixel."""
        return self.channels * self.depth // 8


def header_of(file: BinaryIO) -> Header | None:
    """The header of a file; None where `matte_in_png` does not read it: it stays with Blender.

    Palettes, a colour that stands for transparent, interlacing, and less than 8 bits are rare.
    """
    try:
        if file.read(8) != _SIGNATURE or _chunk(file)[0] != b"IHDR":
            return None
        width, height, depth, kind, *rest = struct.unpack(">IIBBBBB", file.read(13))
        file.read(4)
        plain = depth in (8, 16) and kind in _CHANNELS and rest == [0, 0, 0] and width and height
        usual = plain and b"tRNS" not in _before_picture(file)
        return Header(width, height, depth, _CHANNELS[kind]) if usual else None
    except (OSError, struct.error):
        return None


def matte_in_png(data: bytes, header: Header) -> tuple[Pixels, bool]:
    """The alpha of a picture, or its brightness where its alpha says nothing.

    Args:
        data: the file.
        header: its own.

    Returns:
        H x W, uint8 or uint16, rows from the top; and whether it is the alpha.

    Raises:
        BadMask: the file is broken.
    """
    try:
        pixels = _pixels(data, header)
    except (ValueError, IndexError, struct.error, zlib.error) as error:
        raise BadMask(
            "An image that a matte is taken from is broken.", hint="Save it again."
        ) from error
    alpha = pixels[..., -1] if header.channels in (2, 4) else None
    if alpha is not None and alpha.min() < np.iinfo(alpha.dtype).max:
        return alpha, True
    return (pixels[..., :3].max(axis=2) if header.channels > 2 else pixels[..., 0]), False


def _chunk(file: BinaryIO) -> tuple[bytes, int]:
    """Kind of the next part, and bytes of it."""
    size, kind = struct.unpack(">I4s", file.read(8))
    return kind, size


def _before_picture(file: BinaryIO) -> set[bytes]:
    """Kinds of the parts before the picture itself."""
    kinds = set[bytes]()
    while (part := _chunk(file))[0] != b"IDAT" and part[1] < _MOST:
        kinds.add(part[0])
        file.seek(part[1] + 4, 1)
    return kinds


def _pixels(data: bytes, header: Header) -> Pixels:
    """H x W x channels."""
    packed = b"".join(part for kind, part in _parts(data) if kind == b"IDAT")
    length = header.width * header.step
    unpacked = zlib.decompressobj().decompress(packed, header.height * (length + 1))
    lines = np.frombuffer(unpacked, np.uint8).reshape(header.height, length + 1)
    shape = header.height, header.width, header.step
    found = _unfiltered(lines[:, 0], lines[:, 1:].reshape(shape))
    if header.depth == 8:
        return found
    return found.view(">u2").astype(np.uint16)


def _parts(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + 8 + size]
        at += size + 12


def _unfiltered(filters: Bytes, raw: Bytes) -> Bytes:
    """Bytes of pixels from what each adds to those left of it and above.

    Args:
        filters: H, which of those each row adds to.
        raw: H x W x bytes of a pixel.
    """
    if filters.max() > _PAETH:
        raise ValueError("no such filter")
    if not np.isin(filters, (_AVERAGE, _PAETH)).any():
        return _by_rows(filters, raw)
    return _by_diagonals(filters, raw)


def _by_rows(filters: Bytes, raw: Bytes) -> Bytes:
    found, above = np.empty_like(raw), np.zeros_like(raw[0])
    for row, (kind, line) in enumerate(zip(filters, raw, strict=True)):
        if kind == _SUB:
            np.cumsum(line, axis=0, dtype=np.uint8, out=found[row])
        else:
            np.add(line, above if kind == _UP else 0, out=found[row])
        above = found[row]
    return found


def _by_diagonals(filters: Bytes, raw: Bytes) -> Bytes:
    """All pixels on a diagonal, from right above to left below, depend on those before it only."""
    height, width, step = raw.shape
    found, stride = np.empty((height * width, step), np.uint8), width - 1
    source = np.ascontiguousarray(raw).reshape(height * width, step)
    last, last_but_one = (np.zeros((height + 1, step), np.int16) for _ in range(2))
    for number in range(height + width - 1):
        first, end = max(0, number - width + 1), min(height, number + 1)
        some = slice(number + first * stride, number + (end - 1) * stride + 1, stride or None)
        near = last[first + 1 : end + 1], last[first:end], last_but_one[first:end]
        added = source[some] + _expected(filters[first:end, None], *near)
        found[some] = added
        last_but_one, last = last, last_but_one
        last[first + 1 : end + 1] = added & 255
    return found.reshape(raw.shape)


def _expected(filters: Bytes, left: Bytes, above: Bytes, corner: Bytes) -> NDArray[np.int16]:
    """What each filter makes of the neighbours."""
    to_left, to_above = abs(above - corner), abs(left - corner)
    to_corner = abs(left + above - 2 * corner)
    nearest = np.where(to_above <= to_corner, above, corner)
    nearest = np.where((to_left <= to_above) & (to_left <= to_corner), left, nearest)
    choices = (np.zeros_like(left), left, above, (left + above) >> 1, nearest)
    return np.choose(filters, choices)
