# SPDX-License-Identifier: GPL-3.0-or-later
"""Outlines of single frames to outlines that move: the same corners at every frame.

A spline of Blender keeps its number of points while it moves, and it can't appear or end. So an
outline is followed from frame to frame, gets as many corners as it ever needs, and is
gathered into one point outside of the picture where it is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .raster import Points
from .trace import Outline

__all__ = ["NOWHERE", "Strand", "strands_of"]

NOWHERE = (-64.0, -64.0)
"""A place outside of every picture, in pixels."""


@dataclass
class Strand:
    """One outline through all frames.

    Attributes:
        depth: as of an `Outline`.
        outlines: by frame, where it is there.
    """

    depth: int
    outlines: dict[int, Points] = field(default_factory=dict)

    @property
    def corners(self) -> int:
        """How many it has, at each frame."""
        return max(len(points) for points in self.outlines.values())

    def shapes(self, frames: Iterable[int]) -> Iterator[Points]:
        """Its corners at frames, one after the other; each near to where it was before."""
        corners, before = self.corners, None
        for frame in frames:
            if frame not in self.outlines:
                yield np.full((corners, 2), NOWHERE)
                continue
            points = _divided(self.outlines[frame], corners)
            before = points if before is None else _turned(points, before)
            yield before


def strands_of(frames: Mapping[int, Sequence[Outline]]) -> list[Strand]:
    """Follows outlines through frames; those of one depth are joined where they overlap most.

    Args:
        frames: in order, the outlines of each, the largest first.
    """
    strands: list[Strand] = []
    last: int | None = None
    for frame, outlines in frames.items():
        for outline in outlines:
            _strand_for(outline, strands, frame, last).outlines[frame] = outline.points
        last = frame
    return strands


def _strand_for(outline: Outline, strands: list[Strand], frame: int, last: int | None) -> Strand:
    """The one that goes on with the outline, else one that is nowhere, else a new one."""
    free = [one for one in strands if one.depth == outline.depth and frame not in one.outlines]
    going = [one for one in free if last in one.outlines]
    best = max(going, key=lambda one: _shared(one.outlines[last], outline.points), default=None)
    if best is not None and _shared(best.outlines[last], outline.points) > 0:
        return best
    idle = [one for one in free if last not in one.outlines]
    if not idle:
        strands.append(Strand(outline.depth))
    return idle[0] if idle else strands[-1]


def _shared(one: Points, other: Points) -> float:
    """How much the boxes around two outlines overlap, 0..1."""
    low, high = np.maximum(one.min(0), other.min(0)), np.minimum(one.max(0), other.max(0))
    both = np.prod(np.maximum(high - low, 0))
    return float(both / (np.prod(np.ptp(one, 0)) + np.prod(np.ptp(other, 0)) - both))


def _divided(points: Points, corners: int) -> Points:
    """The same polygon with more corners: the longest edges are divided."""
    lengths = np.hypot(*(np.roll(points, -1, axis=0) - points).T)
    parts = np.ones(len(points), int)
    for _ in range(corners - len(points)):
        parts[np.argmax(lengths / parts)] += 1
    start, end = np.repeat(points, parts, axis=0), np.repeat(np.roll(points, -1, 0), parts, axis=0)
    within = np.arange(corners) - np.repeat(np.cumsum(parts) - parts, parts)
    return start + (end - start) * (within / np.repeat(parts, parts))[:, None]


def _turned(points: Points, before: Points) -> Points:
    """The corners numbered anew, so that together they are nearest to those before."""
    one, other = (np.fft.fft(_complex(p - p.mean(axis=0))) for p in (points, before))
    likeness = np.fft.ifft(one * np.conj(other)).real
    return np.roll(points, -int(np.argmax(likeness)), axis=0)


def _complex(points: Points) -> np.ndarray:
    return points[:, 0] + 1j * points[:, 1]
