# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours for objects that are seen well over a plate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["next_colour"]

_PALETTE = (
    (255, 64, 80),
    (60, 220, 110),
    (70, 140, 255),
    (255, 190, 40),
    (215, 90, 255),
    (40, 215, 225),
    (255, 125, 40),
    (190, 225, 60),
)


def next_colour(taken: Iterable[Sequence[float]]) -> tuple[int, int, int]:
    """The colour that is taken least often.

    Args:
        taken: colours of the other objects, red, green and blue from 0 to 1.
    """
    used = [tuple(round(part * 255) for part in colour) for colour in taken]
    return min(_PALETTE, key=used.count)
