# SPDX-License-Identifier: Apache-2.0
"""What a PNG file holds, and whether a channel of it is black: without a library."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Header", "header", "is_black"]

_MAGIC = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: "Y", 2: "RGB", 4: "YA", 6: "RGBA"}


@dataclass(frozen=True)
class Header:
    """What is needed of it.

    Attributes:
        size: width and height.
        channels: their letters, in order.
        depth: bytes of a number.
    """

    size: tuple[int, int]
    channels: str
    depth: int


def header(data: bytes) -> Header:
    """Reads it.

    Raises:
        ValueError: a clause that says why it can't be used; a palette, colours that stand for
            transparent, less than 8 bits and interlacing can't.
    """
    kinds = [kind for kind, _ in _chunks(data)]
    _, first = next(_chunks(data))
    if kinds[0] != b"IHDR" or len(first) != 13:
        raise ValueError("its header makes no sense")
    width, height, bits, colour, *_, interlaced = struct.unpack(">II5B", first)
    if bits not in (8, 16) or colour not in _CHANNELS or interlaced or b"tRNS" in kinds:
        raise ValueError("it is no PNG of plain 8 or 16 bits")
    return Header((width, height), _CHANNELS[colour], bits // 8)


def is_black(data: bytes, channel: str) -> bool:
    """Whether all pixels of a channel are zero.

    Each row is stored as differences to numbers of the same channel nearby, so that a channel
    of zeros is stored as zeros, and no other is.

    Args:
        data: a file that `header` can read.
        channel: its letter.

    Raises:
        ValueError: the file is damaged.
    """
    head = header(data)
    pixel = len(head.channels) * head.depth
    row = 1 + head.size[0] * pixel  # what kind of differences, then they
    stored = b"".join(d for kind, d in _chunks(data) if kind == b"IDAT")
    try:
        rows = zlib.decompressobj().decompress(stored, row * head.size[1] + 1)
    except (OverflowError, zlib.error) as error:
        raise ValueError("the file is damaged") from error
    if len(rows) != row * head.size[1]:
        raise ValueError("the file is damaged")
    start = 1 + head.channels.index(channel) * head.depth
    return not any(
        rows[at + start + byte : at + row : pixel].strip(b"\0")
        for at in range(0, len(rows), row)
        for byte in range(head.depth)
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    if data[:8] != _MAGIC:
        raise ValueError("it is no PNG")
    at = 8
    while True:
        if at + 12 > len(data):
            raise ValueError("the file is cut short")
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + 8 + size]
        at += 12 + size
        if kind == b"IEND":
            return
