# SPDX-License-Identifier: Apache-2.0
"""Whether a matte that Nuke rendered is black: without a library that Nuke lacks."""

from __future__ import annotations

import struct

__all__ = ["is_black"]

_MAGIC = b"\x76\x2f\x31\x01"


def is_black(data: bytes) -> bool:
    """Whether all pixels of an OpenEXR file are zero.

    Args:
        data: a file of one part in scanlines, not compressed.

    Raises:
        ValueError: it is something else.
    """
    try:
        rows, at = _header(data)
        starts = struct.unpack_from(f"<{rows}Q", data, at)
        for start in starts:
            _, size = struct.unpack_from("<ii", data, start)
            if data[start + 8 : start + 8 + size].strip(b"\0"):
                return False
    except struct.error as error:
        raise ValueError("the file is cut short") from error
    return True


def _header(data: bytes) -> tuple[int, int]:
    """Number of rows, and where the table of rows begins."""
    version = struct.unpack_from("<I", data, 4)[0]
    if data[:4] != _MAGIC or version & 0x1A00:  # tiles, deep data, several parts
        raise ValueError("it is no OpenEXR of one part in scanlines")
    at, found = 8, dict[bytes, bytes]()
    while data[at : at + 1] != b"\0":
        name, at = _word(data, at)
        _, at = _word(data, at)
        size = struct.unpack_from("<i", data, at)[0]
        found[name] = data[at + 4 : at + 4 + size]
        at += 4 + size
    if found.get(b"compression") != b"\0":
        raise ValueError("it is compressed")
    _, top, _, bottom = struct.unpack("<4i", found.get(b"dataWindow", b""))
    return bottom - top + 1, at + 1


def _word(data: bytes, at: int) -> tuple[bytes, int]:
    end = data.index(b"\0", at)
    return data[at:end], end + 1
