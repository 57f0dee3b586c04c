# SPDX-License-Identifier: Apache-2.0
"""Colours of labels, so that results look like the masks they were made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["DAVIS_PALETTE", "Palette", "davis_colour"]

Colour = tuple[int, int, int]


def davis_colour(label: int) -> Colour:
    """The colour of a label (0..255) in the palette of PASCAL VOC and DAVIS.

    The bits of the label are dealt out to red, green and blue in turn, from the top bit down.
    """
    red = green = blue = 0
    for bit in range(8):
        red |= (label & 1) << (7 - bit)
        green |= (label >> 1 & 1) << (7 - bit)
        blue |= (label >> 2 & 1) << (7 - bit)
        label >>= 3
    return red, green, blue


DAVIS_PALETTE: tuple[Colour, ...] = tuple(davis_colour(label) for label in range(256))
"""The 256 colours that labels get when the input has none."""


@dataclass(frozen=True)
class Palette:
    """The colour of each label.

    Args:
        colours: label (0..255) -> red, green, blue (0..255). Labels left out have the colour
            of the DAVIS palette.
    """

    colours: Mapping[int, Colour] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "colours", MappingProxyType(dict(self.colours)))

    def colour(self, label: int) -> Colour:
        """The colour of one label."""
        return self.colours.get(label, DAVIS_PALETTE[label % 256])

    def as_bytes(self) -> bytes:
        """All 256 colours as 768 bytes, as a PNG stores them."""
        return bytes(value for label in range(256) for value in self.colour(label))
