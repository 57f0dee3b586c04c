# SPDX-License-Identifier: Apache-2.0
"""What an OpenEXR file holds, and whether a channel of it is black: without a library.

Nuke has none for its Python, and a matte that is black says nothing, so that it is not sent.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Header", "header", "is_black"]

_MAGIC = b"\x76\x2f\x31\x01"
_TILED, _DEEP, _PARTS = 0x200, 0x800, 0x1000
_BYTES = {1: 2, 2: 4}  # of half and float
_ROWS = {0: 1, 2: 1, 3: 16}  # of a chunk: not compressed, ZIPS, ZIP
_SAME = 0x80  # how ZIP writes that a byte is the one before


@dataclass(frozen=True)
class Header:
    """What is needed of it.

    Attributes:
        window: of the pixels: left, top, right and bottom.
        shown: of the picture, likewise.
        channels: bytes of a number, by name, in the order of the file.
        compression: a number of the format's.
        end: where the table of chunks begins.
    """

    window: tuple[int, int, int, int]
    shown: tuple[int, int, int, int]
    channels: dict[str, int]
    compression: int
    end: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pixels."""
        left, top, right, bottom = self.window
        return right - left + 1, bottom - top + 1


def header(data: bytes) -> Header:
    """Reads it.

    Raises:
        ValueError: a clause that says why it can't be used; tiles, deep data and several parts
            can't, nor channels of whole numbers or of another size than the picture.
    """
    try:
        if data[:4] != _MAGIC or struct.unpack_from("<I", data, 4)[0] & (_TILED | _DEEP | _PARTS):
            raise ValueError("it is no OpenEXR of one part in scanlines")
        found, end = _attributes(data)
        return Header(
            struct.unpack("<4i", found[b"dataWindow"]),
            struct.unpack("<4i", found[b"displayWindow"]),
            dict(_channels(found[b"channels"])),
            found[b"compression"][0],
            end,
        )
    except (struct.error, KeyError, IndexError, UnicodeDecodeError) as error:
        raise ValueError("its header makes no sense") from error


def is_black(data: bytes, channel: str = "") -> bool:
    """Whether all pixels of a channel are zero, or those of all channels.

    Args:
        data: a file that `header` can read, not compressed or by ZIP.
        channel: its name; empty for all.

    Raises:
        ValueError: a clause that says why it can't be told.
    """
    head = header(data)
    if head.compression not in _ROWS:
        raise ValueError("its compression is neither ZIP nor none")
    try:
        return all(_chunk_is_black(head, channel, *chunk) for chunk in _chunks(data, head))
    except (struct.error, IndexError, OverflowError, zlib.error) as error:
        raise ValueError("the file is damaged") from error


def _attributes(data: bytes) -> tuple[dict[bytes, bytes], int]:
    """Values by name, and where they end."""
    at, found = 8, dict[bytes, bytes]()
    while data[at] != 0:
        name, at = _word(data, at)
        _, at = _word(data, at)
        size = struct.unpack_from("<I", data, at)[0]
        found[name] = data[at + 4 : at + 4 + size]
        at += 4 + size
    return found, at + 1


def _channels(data: bytes) -> Iterator[tuple[str, int]]:
    at = 0
    while data[at] != 0:
        name, at = _word(data, at)
        kind, _, across, down = struct.unpack_from("<4i", data, at)
        if kind not in _BYTES or (across, down) != (1, 1):
            raise ValueError("its channels are not all half or float, and of one size")
        yield name.decode("ascii"), _BYTES[kind]
        at += 16


def _word(data: bytes, at: int) -> tuple[bytes, int]:
    end = data.index(b"\0", at)
    return data[at:end], end + 1


def _chunks(data: bytes, head: Header) -> Iterator[tuple[int, bytes]]:
    """Number of rows, and the bytes as they are stored."""
    rows, step = head.size[1], _ROWS[head.compression]
    bottom = head.window[3]
    for (start,) in struct.iter_unpack("<Q", _table(data, head.end, -(-rows // step))):
        first, size = struct.unpack_from("<ii", data, start)
        stored = data[start + 8 : start + 8 + size]
        if len(stored) != size:
            raise ValueError("the file is cut short")
        if not 0 < bottom + 1 - first <= rows:
            raise ValueError("the file is damaged")
        yield min(step, bottom + 1 - first), stored


def _table(data: bytes, at: int, count: int) -> bytes:
    table = data[at : at + 8 * count]
    if len(table) != 8 * count:
        raise ValueError("the file is cut short")
    return table


def _chunk_is_black(head: Header, channel: str, rows: int, stored: bytes) -> bool:
    width = head.size[0]
    line = width * sum(head.channels.values())
    runs = [
        (row * line + start, row * line + end)
        for row in range(rows)
        for start, end in _places(head, channel)
    ]
    if len(stored) == rows * line:  # what ZIP does not make smaller is stored as it is
        return not any(stored[start:end].strip(b"\0") for start, end in runs)
    opened = zlib.decompressobj().decompress(stored, rows * line + 1)
    if len(opened) != rows * line:
        raise ValueError("the file is damaged")
    return _is_black_in_zip(opened, runs)


def _places(head: Header, channel: str) -> Iterator[tuple[int, int]]:
    """Where the numbers of a channel are within a line."""
    at = 0
    for name, count in head.channels.items():
        end = at + head.size[0] * count
        if channel in ("", name):
            yield at, end
        at = end


def _is_black_in_zip(data: bytes, runs: list[tuple[int, int]]) -> bool:
    """Bytes of even places come before those of odd ones; each is a difference, plus 128.

    So a run of zeros is one byte that makes the sum of all before it zero, then 128 each.
    """
    half = (len(data) + 1) // 2
    total = at = 0
    for side in (0, half):
        for start, end in ((side + one // 2, side + other // 2) for one, other in runs):
            if data[start + 1 : end].strip(b"\x80"):
                return False
            total, at = total + sum(data[at : start + 1]), start + 1
            if (total - _SAME * start) % 256:
                return False
    return True
