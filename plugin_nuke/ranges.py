# SPDX-License-Identifier: Apache-2.0
"""Ranges of frames: as artists write them, and as the knobs ask for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import nuke

from .shared.errors import UsageError
from .values import text, whole

__all__ = ["each", "grouped", "parsed", "spelled", "wanted"]

Range = tuple[int, int]
_PART = re.compile(r"(-?\d+)(?:-(-?\d+))?")


def wanted(node: nuke.Node, clip: Iterable[Range]) -> Range:
    """The range to propagate: the clip's, the project's or a custom one, without handles.

    Args:
        node: with the knobs.
        clip: ranges of frames that the clip has.

    Raises:
        UsageError: it has no frames.
    """
    kind, handles = text(node, "range"), whole(node, "handles")
    if kind == "custom":
        first, last = whole(node, "first"), whole(node, "last")
    elif kind == "project":
        root = nuke.root()
        first, last = root.firstFrame() + handles, root.lastFrame() - handles
    else:
        ends = [end for part in clip for end in part]
        first, last = min(ends) + handles, max(ends) - handles
    if first > last:
        raise UsageError(
            f"The {kind} range {first}-{last} has no frames.", hint="Look at its ends and handles."
        )
    return first, last


def parsed(words: str) -> list[Range]:
    """``1001-1010 1020`` as ranges.

    Raises:
        UsageError: it is something else.
    """
    found = []
    for word in words.replace(",", " ").split():
        match = _PART.fullmatch(word)
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise UsageError(f"'{word}' is no range of frames.", hint="Write 1001-1010 1020.")
        found.append((int(match[1]), int(match[2] or match[1])))
    return found


def spelled(ranges: Iterable[Range]) -> str:
    """Ranges for people; ``none`` where there are none."""
    parts = (f"{first}" if first == last else f"{first}-{last}" for first, last in ranges)
    return " ".join(parts) or "none"


def grouped(frames: Iterable[int]) -> list[Range]:
    """Frames as ranges, rising."""
    found: list[Range] = []
    for frame in sorted(frames):
        if found and frame == found[-1][1] + 1:
            found[-1] = (found[-1][0], frame)
        else:
            found.append((frame, frame))
    return found


def each(ranges: Iterable[Range]) -> Iterator[int]:
    """Every frame of some ranges."""
    for first, last in ranges:
        yield from range(first, last + 1)
