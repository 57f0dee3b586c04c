# SPDX-License-Identifier: Apache-2.0
"""A matte as the file of a Read, where its pixels are what Nuke shows: then nothing is rendered.

The engine takes the alpha of a file, or its first channel where it has none. Where that is not
what Nuke makes of the file, or might not be, the matte is rendered.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import nuke

from . import colour, exr, png
from .reads import file_at, plain_read, span
from .shared.image import EncodedImage

__all__ = ["OwnMatte", "own_matte"]

_ALPHA, _RED = "rgba.alpha", "rgba.red"
_LAYOUTS = ({*"A"}, {*"RGBA"}, {*"YA"}, {*"RGB"}, {*"R"}, {*"Y"})
_MOST = 1 << 28  # bytes of a file


class OwnMatte(NamedTuple):
    """A file.

    Attributes:
        file: where it is.
        image: for the wire.
        is_black: whether it says nothing.
    """

    file: Path
    image: EncodedImage
    is_black: bool


class _Kind(NamedTuple):
    format: str
    magic: bytes
    layout: Callable[[bytes], tuple[tuple[int, int], list[str]]]
    is_black: Callable[[bytes, str], bool]


def own_matte(node: nuke.Node | None, channel: str, frame: int, size: tuple[int, int]) -> OwnMatte:
    """The file that a matte comes from.

    Args:
        node: what the input is connected to.
        channel: that the matte is in, such as ``rgba.alpha``.
        frame: the script's own number.
        size: width and height of the plate.

    Raises:
        ValueError: a clause that says why it has to be rendered.
    """
    read = plain_read(node)
    if node is None or read is None:
        raise ValueError("it does not come straight from a Read of numbered files")
    if channel not in node.channels():
        raise ValueError(f"{read.name()} has no {channel}")
    file = _file(read, frame)
    data = _bytes(file)
    kind = next((kind for kind in _KINDS if data.startswith(kind.magic)), None)
    if kind is None:
        raise ValueError(f"{file.name} is neither EXR nor PNG")
    found, channels = kind.layout(data)
    if found != size:
        raise ValueError("{} is {} x {} pixels, the plate {} x {}".format(file.name, *found, *size))
    taken = _taken(read, channels, channel)
    return OwnMatte(file, EncodedImage(kind.format, data, "data"), kind.is_black(data, taken))


def _file(read: nuke.Node, frame: int) -> Path:
    first, last = span(read)
    if not first <= frame <= last:
        raise ValueError(f"{read.name()} ends before frame {frame}, or begins after it")
    return file_at(read, frame)


def _bytes(file: Path) -> bytes:
    try:
        if file.stat().st_size > _MOST:
            raise ValueError(f"{file.name} is very large")
        return file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file.name} can't be read: {error.strerror or error}") from error


def _taken(read: nuke.Node, channels: list[str], channel: str) -> str:
    """The channel of a file that the engine takes, if it is the one that is meant.

    Raises:
        ValueError: it is another one, or Nuke changes its numbers.
    """
    if {*channels} not in _LAYOUTS:
        raise ValueError("its file has other channels than red, green, blue and alpha")
    taken = next(name for name in "ARY" if name in channels)
    if channel != (_ALPHA if taken == "A" else _RED):
        raise ValueError(f"{channel} is not what the engine would take of its file")
    if taken != "A" and colour.is_converted(read):
        raise ValueError(f"{read.name()} converts its colour")
    return taken


def _exr_layout(data: bytes) -> tuple[tuple[int, int], list[str]]:
    head = exr.header(data)
    if head.window != head.shown or head.window[:2] != (0, 0):
        raise ValueError("its file holds more or less than the picture")
    return head.size, [*head.channels]


def _png_layout(data: bytes) -> tuple[tuple[int, int], list[str]]:
    head = png.header(data)
    return head.size, [*head.channels]


_KINDS = (
    _Kind("exr", b"\x76\x2f\x31\x01", _exr_layout, exr.is_black),
    _Kind("png", b"\x89PNG", _png_layout, png.is_black),
)
