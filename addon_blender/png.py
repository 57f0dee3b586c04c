# SPDX-License-Identifier: GPL-3.0-or-later
"""Painted mattes as PNG: 16-bit grey, what an Image of Blender carries inside a .blend file.

Blender packs images itself, in the main thread and through 4 floats a pixel; this takes any thread.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .shared.errors import BadMask

__all__ = ["decoded", "encoded"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_UP = 2  # each row as what it adds to the one above


def encoded(matte: NDArray[np.uint16]) -> bytes:
    """H x W, rows from the top, as the bytes of a file."""
    height, width = matte.shape
    rows = np.ascontiguousarray(matte, ">u2").view(np.uint8).reshape(height, width * 2)
    lines = np.empty((height, width * 2 + 1), np.uint8)
    lines[:, 0] = _UP
    lines[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=lines[1:, 1:])
    head = struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(lines, 1)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, data) for kind, data in parts)


def decoded(data: bytes) -> NDArray[np.uint16]:
    """The matte in a file that `encoded` made.

    Raises:
        BadMask: it is another file.
    """
    try:
        chunks = dict(_chunks(data))
        width, height, *kind = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
        lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8)
        lines = lines.reshape(height, width * 2 + 1)
        if kind != [16, 0, 0, 0, 0] or (lines[:, 0] != _UP).any():
            raise ValueError(kind)
    except (ValueError, KeyError, struct.error, zlib.error) as error:
        raise BadMask(
            "A painted matte in this file can't be read.", hint="Clear it, and paint it again."
        ) from error
    rows = np.cumsum(lines[:, 1:], axis=0, dtype=np.uint8)
    return rows.view(">u2").astype(np.uint16)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kinds and what they hold; ``ValueError`` if it is no PNG."""
    if not data.startswith(_SIGNATURE):
        raise ValueError("no PNG")
    at = len(_SIGNATURE)
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        at += size + 12
