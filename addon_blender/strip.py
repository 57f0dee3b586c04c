# SPDX-License-Identifier: GPL-3.0-or-later
"""The strip under the clip: how sure the network was, frame by frame; what it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Strip", "colour_of", "dips", "lowest", "quads", "span"]

Colour = tuple[float, float, float, float]

EMPTY: Colour = (0.16, 0.16, 0.16, 0.9)
LOCK: Colour = (0.35, 0.62, 1.0, 1.0)
_STOPS = (0.0, 0.5, 0.75, 0.9, 1.0)  # confidence below 0.5 is a lost object
_COLOURS = (
    (0.75, 0.1, 0.1),
    (0.85, 0.2, 0.12),
    (0.9, 0.68, 0.12),
    (0.45, 0.7, 0.25),
    (0.2, 0.6, 0.3),
)
_LEAST = 0.05  # how much a dip must lie below what is around it


@dataclass(frozen=True)
class Strip:
    """What the strip shows, by frames of the clip.

    Attributes:
        sure: 0..1 by frame, the least of all objects.
        done: ranges of frames that have mattes.
        locked: ranges of frames that don't change.
        references: painted frames.
        candidates: frames to paint next, best first.
    """

    sure: Mapping[int, float] = field(default_factory=dict)
    done: tuple[tuple[int, int], ...] = ()
    locked: tuple[tuple[int, int], ...] = ()
    references: tuple[int, ...] = ()
    candidates: tuple[int, ...] = ()


def lowest(confidence: Mapping[tuple[int, int], float], objects: Iterable[int]) -> dict[int, float]:
    """The least confidence of each frame.

    Args:
        confidence: by frame and object.
        objects: those that count.
    """
    counted, found = frozenset(objects), {}
    for (frame, obj), value in confidence.items():
        if obj in counted:
            found[frame] = min(value, found.get(frame, 1.0))
    return found


def dips(sure: Mapping[int, float], without: Iterable[int] = ()) -> list[int]:
    """Frames where confidence is lowest within their neighbourhood, worst first.

    What lies on the way up from a dip belongs to it, so that of neighbours that are all bad only
    the worst is named.

    Args:
        sure: by frame.
        without: frames that are left out, such as painted ones.
    """
    left_out = frozenset(without)
    order = sorted((value, frame) for frame, value in sure.items() if frame not in left_out)
    covered: set[int] = set()
    found = []
    for _, frame in order:
        if frame not in covered:
            found.append(frame)
            covered.update(*(_way_up(sure, frame, side) for side in (-1, 1)))
    return found


def _way_up(sure: Mapping[int, float], frame: int, side: int) -> set[int]:
    """The frames beside one until confidence has clearly fallen again."""
    found, peak, at = {frame}, sure[frame], frame + side
    while at in sure and sure[at] > peak - _LEAST:
        found.add(at)
        peak, at = max(peak, sure[at]), at + side
    return found


def colour_of(sure: float) -> Colour:
    """Red where it is low, green where it is high."""
    return (*(float(np.interp(sure, _STOPS, part)) for part in zip(*_COLOURS, strict=True)), 1.0)


def span(frame: float, first: int, last: int, width: float) -> float:
    """Where a frame begins, in pixels: as Blender places frames under a clip."""
    return (frame - first) / max(last - first + 1, 1) * width


def quads(
    boxes: Sequence[tuple[float, float, float, float, Colour]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Boxes (left, bottom, right, top, colour) as triangles: places N x 2, colours N x 4."""
    places = [((a, b), (c, b), (c, d), (a, b), (c, d), (a, d)) for a, b, c, d, _ in boxes]
    colours = np.repeat(np.array([box[4] for box in boxes], np.float32).reshape(-1, 4), 6, axis=0)
    return np.array(places, np.float32).reshape(-1, 2), colours
