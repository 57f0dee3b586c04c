# SPDX-License-Identifier: Apache-2.0
"""A picture or matte on the wire: as a path, as the bytes of a file, or as raw pixels.

Nothing about pixels is left to guess: number type, shape, byte order, origin, channel
order and colour space are written out. Rows go from the top of the picture down; hosts
that keep them the other way up turn them over before sending.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Union

from .errors import ProtocolError
from .kinds import Blob, Choice, Int, Many, OneOf, Text, wire

__all__ = [
    "FORMATS",
    "IMAGE",
    "ITEM_SIZES",
    "MATTE_CHANNELS",
    "SPACES",
    "Data",
    "EncodedImage",
    "Image",
    "PathImage",
    "RawImage",
]

ITEM_SIZES = {"uint8": 1, "uint16": 2, "float16": 2, "float32": 4}
"""Bytes of one number by dtype. Whole numbers span 0..1 from 0 to their largest value."""

SPACES = ("linear", "srgb", "log", "acescg", "aces2065", "data")
"""Colour spaces of raw pixels; ``data`` is what no transform may touch, such as a matte."""

FORMATS = ("png", "exr", "tiff", "jpeg", "dpx")
"""File formats of encoded images."""

MATTE_CHANNELS = ("A",)
MAX_SIDE = 65_536
MAX_PIXELS = 2**28

Data = Union[bytes, bytearray, memoryview]


@dataclass(frozen=True)
class PathImage:
    """A file that the engine can read itself.

    Attributes:
        path: absolute path on the engine's machine.
        space: colour space, or ``auto`` for what the file reports.
    """

    path: str = field(metadata=wire(Text(4096, 1)))
    space: str = field(default="auto", metadata=wire(Choice(("auto", *SPACES))))


@dataclass(frozen=True)
class EncodedImage:
    """The bytes of an image file.

    Attributes:
        format: which of `FORMATS` it is; bytes of another are refused.
        data: the whole file.
        space: colour space, or ``auto`` for what the file reports.
    """

    format: str = field(metadata=wire(Choice(FORMATS)))
    data: Data = field(repr=False, metadata=wire(Blob()))
    space: str = field(default="auto", metadata=wire(Choice(("auto", *SPACES))))


@dataclass(frozen=True)
class RawImage:
    """Pixels row by row from the top left, channels side by side, nothing between rows.

    Attributes:
        dtype: one of `ITEM_SIZES`.
        shape: height, width, and number of channels unless it is 1.
        channels: their names in order, such as ``R G B`` or ``A``.
        space: one of `SPACES`.
        data: height x width x channels numbers.
        byte_order: ``little`` or ``big``.
        origin: always ``top-left``.

    Raises:
        ProtocolError: shape, channels and number of bytes don't belong together.
    """

    dtype: str = field(metadata=wire(Choice(tuple(ITEM_SIZES))))
    shape: tuple[int, ...] = field(metadata=wire(Many(Int(1, MAX_SIDE), 3, 2)))
    channels: tuple[str, ...] = field(metadata=wire(Many(Text(64, 1), 64, 1)))
    space: str = field(metadata=wire(Choice(SPACES)))
    data: Data = field(repr=False, metadata=wire(Blob()))
    byte_order: str = field(default="little", metadata=wire(Choice(("little", "big"))))
    origin: str = field(default="top-left", metadata=wire(Choice(("top-left",))))

    def __post_init__(self) -> None:
        count = self.shape[2] if len(self.shape) == 3 else 1
        if len(self.channels) != count or len(set(self.channels)) != count:
            raise ProtocolError(f"{len(self.channels)} channel names for {count} channels.")
        if self.shape[0] * self.shape[1] > MAX_PIXELS:
            raise ProtocolError(f"A picture of {self.width} x {self.height} pixels is too large.")
        needed = _product(self.shape) * ITEM_SIZES.get(self.dtype, 0)
        if memoryview(self.data).nbytes != needed:
            raise ProtocolError(f"{self.shape} of {self.dtype} takes {needed} bytes.")

    @property
    def height(self) -> int:
        """Rows."""
        return self.shape[0]

    @property
    def width(self) -> int:
        """Columns."""
        return self.shape[1]


Image = Union[PathImage, EncodedImage, RawImage]

IMAGE = OneOf({"path": PathImage, "encoded": EncodedImage, "raw": RawImage})


def _product(numbers: Iterable[int]) -> int:
    result = 1
    for number in numbers:
        result *= number
    return result
