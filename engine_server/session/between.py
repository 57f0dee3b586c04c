# SPDX-License-Identifier: Apache-2.0
"""What flow tells of a frame by the frames on both sides of it, whose mattes are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import cv2
import numpy as np
from numpy.typing import NDArray

from .evidence import FlowEvidence
from .extent import edge_length
from .flow import Drift, Float, arrival
from .keys import FrameKeys
from .region import Region, Size

__all__ = ["Seen", "calm", "steady", "told"]

CALM = 1.2  # pixels along its edge that a matte may be in doubt by, on average
APART = 0.05  # of what the objects cover, likewise
SPOT = 0.01  # of what one of them covers, as a spot of doubt
LOST = 0.5  # of a pixel that flow lost sight of, as doubt
NEAR = 0.05  # probability from which a pixel may be of an object
STEADY = 0.5  # weight of a frame beside, where flow can be trusted and the object is not thin
THIN = 7  # pixels: flow goes by larger patches, and carries no rope
LEAST = np.float32(1e-3)  # weight
MARGIN = 1 / 15  # of the short side around what is carried

View = NDArray[np.uint8]
Arrived = tuple[Float, Float]
"""Planes N x h x w of another frame, and how far each pixel h x w can be trusted."""


@dataclass(frozen=True)
class Seen:
    """A frame whose mattes are known.

    Attributes:
        frame: its number.
        view: H x W x 3 uint8, of the plate.
        planes: N x h x w float32 probabilities at the network's picture size.
        confidence: of each of the N objects.
        looked: whether any matte is the network's own; all were painted or told by flow otherwise.
        keys: what it looks like to the network, where that had to look.
    """

    frame: int
    view: View
    planes: Float
    confidence: tuple[float, ...]
    looked: bool
    keys: FrameKeys | None = None

    @cached_property
    def place(self) -> Region | None:
        """Where in the planes objects may be; ``None`` if nowhere."""
        return Region.holding(self.planes, NEAR, self.size)

    @property
    def size(self) -> Size:
        """Height and width of the planes."""
        return self.planes.shape[1], self.planes.shape[2]


@dataclass(frozen=True)
class _Way:
    """Drifts to each of some frames from both ends, and what they bring at the flow's size."""

    before: list[Drift]
    after: list[Drift]
    arrived: list[tuple[Arrived, Arrived]]


def told(
    start: Seen, views: Sequence[tuple[int, View]], end: Seen, evidence: FlowEvidence
) -> list[Seen] | None:
    """The frames between two, where the mattes of both arrive at the same place.

    Args:
        start, end: the two, in either direction of time.
        views: frames and pictures between them, in their order.
        evidence: knows the flow between neighbours.

    Returns:
        the frames with the weighted mean of what arrives, as sure as the less sure end; ``None``
        where one is in doubt.
    """
    way = _way(start, [frame for frame, _ in views], end, evidence)
    if way is None:
        return None
    sure = tuple(map(min, start.confidence, end.confidence))
    found = []
    for i, (frame, view) in enumerate(views):
        ends = (start, way.before[i]), (end, way.after[i])
        places = [Region.holding(planes, NEAR, start.size) for planes, _ in way.arrived[i]]
        region = _around(places, start.size)
        planes = np.zeros_like(start.planes)
        planes[(..., *region.part)] = _mean([_carried(seen.planes, d, region) for seen, d in ends])
        found.append(Seen(frame, view, planes, sure, looked=False))
    return found


def calm(start: Seen, frame: int, end: Seen, evidence: FlowEvidence) -> bool:
    """Whether a frame between two neighbours could have been told by them."""
    return _way(start, [frame], end, evidence) is not None


def steady(here: Seen, beside: Sequence[Seen], evidence: FlowEvidence) -> Seen:
    """A frame averaged with what flow brings from those beside it.

    Mistakes of single frames fade, and the matte flickers less. Thin things are left as they are.
    """
    region = _around([here.place, *(seen.place for seen in beside)], here.size)
    arrived = [
        _carried(seen.planes, drift, region)
        for seen in beside
        for _, drift in evidence.along([seen.frame, here.frame])
    ]
    if not arrived:
        return here
    own, planes = here.planes[(..., *region.part)], here.planes.copy()
    share = STEADY * _thick(own)
    shares = [(own, np.ones_like(share)), *((each, weight * share) for each, weight in arrived)]
    planes[(..., *region.part)] = _mean(shares)
    return replace(here, planes=planes)


def _way(start: Seen, frames: Sequence[int], end: Seen, evidence: FlowEvidence) -> _Way | None:
    """``None`` where flow does not reach, or some frame is in doubt.

    The middle of the stretch is farthest from what is known, so it is the first to be compared.
    """
    before = [drift for _, drift in evidence.along([start.frame, *frames])]
    after = [drift for _, drift in evidence.along([end.frame, *frames[::-1]])][::-1]
    if not len(before) == len(after) == len(frames):
        return None
    size = before[0].weight.shape
    pixel = size[0] / start.planes.shape[1]
    ends = [_resized(seen.planes, size) for seen in (start, end)]
    arrived = {}
    for i in sorted(range(len(frames)), key=lambda i: abs(2 * i + 1 - len(frames))):
        arrived[i] = _carried(ends[0], before[i]), _carried(ends[1], after[i])
        if _in_doubt(*arrived[i], pixel):
            return None
    return _Way(before, after, [arrived[i] for i in range(len(frames))])


def _carried(planes: Float, drift: Drift, region: Region | None = None) -> Arrived:
    """A weight is never 0, so that a mean can be taken."""
    arrived, weight = arrival(planes, drift, region)
    return arrived, np.maximum(weight, LEAST)


def _mean(parts: Sequence[Arrived]) -> Float:
    """Weighted mean of planes; the weights must not all be 0."""
    (first, weighs), *others = parts
    total, whole = first * weighs, weighs.copy()
    for planes, weight in others:
        total += planes * weight
        whole += weight
    total /= whole
    return total


def _in_doubt(one: Arrived, other: Arrived, pixel: float) -> bool:
    """Whether two arrivals at the flow's size are too far apart, or both have lost sight.

    Pixels in which they differ, or half of those near an object that neither can be trusted in:
    no more than `CALM` mattes' pixels, of a size in the flow's, for each pixel of edge, and no more
    than `APART` of what the objects cover; `SPOT` of what one covers where they lie together, since
    a small object must not come or go unseen beside a large one.
    """
    either = np.maximum(one[0], other[0])
    size = either.shape[1], either.shape[2]
    anywhere = Region.holding(either, 0, size)
    if anywhere is None:
        return False
    part = anywhere.widened(1, size).part  # edges are told by what lies beyond
    one, other = _cut(one, part), _cut(other, part)
    apart, masks = np.abs(one[0] - other[0]), _mean([one, other]) > 0.5
    there = either[(..., *part)].max(0) > NEAR
    lost = LOST * float((1 - np.maximum(one[1], other[1])[there]).sum())
    mask = np.asarray(masks.any(0))
    most = max(1.0, min(CALM * pixel * edge_length(mask), APART * int(mask.sum())))
    return max(float(apart.sum()), lost) > most or any(map(_spotted, apart, masks))


def _spotted(apart: Float, mask: NDArray[np.bool_]) -> bool:
    """Whether what differs of one object lies together."""
    spots = cv2.erode((apart > 0.5).astype(np.uint8), np.ones((2, 2)))
    return int(spots.sum()) > 1 + SPOT * int(mask.sum())


def _around(places: Sequence[Region | None], size: Size) -> Region:
    """What holds some places in a picture of (height, width), and a margin."""
    held = [each for each in places if each is not None]
    if not held:
        return Region(0, 1, 0, 1)
    return reduce(Region.joined, held).widened(round(MARGIN * min(size)), size)


def _thick(planes: Float) -> Float:
    """1 where no object is thin, 0 at ropes and what lies around them; h x w."""
    hard = (planes.max(0) > 0.3).astype(np.uint8)
    wide = cv2.morphologyEx(hard, cv2.MORPH_OPEN, _disc(THIN))
    return np.asarray(1 - cv2.dilate(hard - wide, _disc(5)), np.float32)


def _disc(size: int) -> View:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


def _resized(planes: Float, size: tuple[int, ...]) -> Float:
    shrunk = [cv2.resize(p, size[::-1], interpolation=cv2.INTER_AREA) for p in planes]
    return np.stack(shrunk).astype(np.float32, copy=False)


def _cut(arrived: Arrived, part: tuple[slice, slice]) -> Arrived:
    return arrived[0][(..., *part)], arrived[1][part]
