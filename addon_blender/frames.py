# SPDX-License-Identifier: GPL-3.0-or-later
"""Frame numbers of a scene and of a clip's files, and the pattern of the files' names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["FrameMap", "files_of", "ranges_of", "sequence_of"]

_LAST_NUMBER = re.compile(r"(.*?)(\d+)(\D*)", re.DOTALL)


@dataclass(frozen=True)
class FrameMap:
    """How a scene's frames lead to a clip's own numbers.

    Blender shows, at a scene's frame, the file ``first + frame - start + offset``.

    Attributes:
        first: number of the file that the clip points to; 0 for movies.
        start: scene frame at which the clip starts.
        offset: files left out at the beginning.
    """

    first: int
    start: int
    offset: int

    @property
    def shift(self) -> int:
        """What is added to a scene's frame to get the clip's number."""
        return self.first - self.start + self.offset

    def to_clip(self, scene_frame: int) -> int:
        """The clip's own number of what a scene shows at a frame."""
        return scene_frame + self.shift

    def to_scene(self, frame: int) -> int:
        """The scene's frame that shows a frame of the clip."""
        return frame - self.shift


def sequence_of(name: str) -> tuple[str, int]:
    """``plate.1001.png`` as ``("plate.%04d.png", 1001)``.

    The number is the last one before the ending, as Blender takes it. A name without one is
    returned as it is, with 0.
    """
    parts = _parts(name)
    if parts is None:
        return name, 0
    head, digits, tail = parts
    return f"{head}%0{len(digits)}d{tail}", int(digits)


def files_of(names: Iterable[str], one: str) -> dict[int, str]:
    """Those of the sequence that one of them belongs to, by number, rising."""
    own, found = _parts(one), dict[int, str]()
    for name in names:
        parts = _parts(name)
        if own is not None and parts is not None and (parts[0], parts[2]) == (own[0], own[2]):
            number = int(parts[1])
            if parts[1] == f"{number:0{len(own[1])}}":
                found[number] = name
    return dict(sorted(found.items()))


def _parts(name: str) -> tuple[str, str, str] | None:
    """What is before the number, its digits, and what is behind; None where there is none."""
    stem, dot, ending = name.rpartition(".")
    match = _LAST_NUMBER.fullmatch(stem if dot else ending)
    if match is None:
        return None
    head, digits, tail = match.groups()
    return head, digits, f"{tail}.{ending}" if dot else tail


def ranges_of(ranges: tuple[tuple[int, int], ...]) -> str:
    """``1001-1003, 1007`` for people."""
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)
