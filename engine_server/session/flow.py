# SPDX-License-Identifier: Apache-2.0
"""Painted mattes carried by optical flow: evidence that knows edges near a reference.

From each reference the flow is followed frame to frame towards the references beside it: a `Drift`
says where a pixel was in the reference, and a weight that shrinks where the flow there and back
disagrees, where colours change, and with every step, so that what the flow lost sight of says
little. The mattes are sampled once, however long the way was, and stay sharp.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from .motion import Float, Motion, came_from, motion, places, sample
from .region import Region, Size

__all__ = [
    "Carried", "Drift", "Float", "Link",
    "arrival", "carry", "drifts", "fuse", "hints", "in_unit", "link", "reached",
]  # fmt: skip

FADE = 0.985  # per step
FAINT = 0.02  # weight below which nothing is carried on
CELL = np.ones((2, 2), np.uint8)  # of four neighbours
MODEL_FLOOR = 0.2  # weight of the network where it can't tell

Matte = NDArray[np.float32]
Half = NDArray[np.float16]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Link:
    """Flow between two neighbouring frames, kept at half the model's size.

    Attributes:
        back, forth: h/2 x w/2 x 2 in half-size pixels: for a pixel of the second frame where
            it was in the first, and for a pixel of the first where it goes in the second.
        trust_back, trust_forth: h/2 x w/2 in 0..1, of the two.
    """

    back: Half
    forth: Half
    trust_back: Half
    trust_forth: Half

    @classmethod
    def of(cls, motion: Motion) -> Link:
        """In half the memory."""
        flow, trust = (motion.back, motion.forth), (motion.trust_back, motion.trust_forth)
        return cls(*map(_half, flow), *map(_half, trust))

    def reversed(self) -> Link:
        """The link seen from the other frame."""
        return Link(self.forth, self.back, self.trust_forth, self.trust_back)


@dataclass(frozen=True)
class Drift:
    """What the flow says of a frame some way off a reference, at half the model's size.

    Attributes:
        back: h/2 x w/2 x 2 in half-size pixels: where a pixel was in the reference.
        weight: h/2 x w/2 in 0..1, how far that can be trusted.
    """

    back: Half
    weight: Half


@dataclass(frozen=True)
class Carried:
    """Mattes of one reference as they arrived at a frame.

    Attributes:
        mattes: by object id, h x w in 0..1.
        weight: h x w in 0..1, how far they can be trusted.
    """

    mattes: dict[int, Float]
    weight: Float


def link(first: Bytes, second: Bytes) -> Link:
    """Flow both ways between two model pictures h x w x 3, see `motion.motion`."""
    return Link.of(motion(first, second))


def drifts(links: Iterable[tuple[int, Link]]) -> Iterator[tuple[int, Drift]]:
    """Follows the flow away from a reference until its weight is faint.

    Args:
        links: the frame that a link leads to, and the link, the reference's own link first.

    Yields:
        each frame and the drift since the reference.
    """
    drift: Drift | None = None
    for frame, each in links:
        drift = _further(drift, each)
        if float(_single(drift.weight).max()) < FAINT:
            return
        yield frame, drift


def _further(drift: Drift | None, link: Link) -> Drift:
    back, weight = _single(link.back), _single(link.trust_back)
    at = came_from(back, places(back.shape[:2]))
    weight *= np.float32(FADE)
    if drift is None:
        weight *= sample(np.ones_like(weight), at)
        return Drift(link.back, _half(weight))
    back += sample(_single(drift.back), at, border=cv2.BORDER_REPLICATE)
    weight *= sample(_single(drift.weight), at)
    return Drift(_half(back), _half(weight))


def carry(mattes: Mapping[int, Matte], drift: Drift) -> Carried:
    """What mattes have become after a drift.

    Args:
        mattes: h x w by object id, of any size.
        drift: since they were so.

    Returns:
        mattes and weight of the same size.
    """
    planes = list(mattes.values())
    size = planes[0].shape[0], planes[0].shape[1]
    arrived = np.zeros((len(planes), *size), np.float32)
    anywhere = Region.holding(planes, 0, size)
    region = anywhere and reached(anywhere, drift, size)
    if region:
        _arrive(planes, drift, region, arrived[(..., *region.part)])
    weight = _enlarged(drift.weight, size, Region.whole(size))
    return Carried(dict(zip(mattes, arrived, strict=True)), weight)


def arrival(planes: Float, drift: Drift, region: Region | None = None) -> tuple[Float, Float]:
    """What planes have become after a drift, and how far that can be trusted.

    Args:
        planes: N x h x w, of any size.
        drift: since they were so.
        region: of them that is asked for; all by default.

    Returns:
        N x h' x w' and h' x w' in 0..1, of the size of the region.
    """
    size = planes.shape[1], planes.shape[2]
    region = region or Region.whole(size)
    arrived = np.empty((len(planes), *region.size), np.float32)
    _arrive(planes, drift, region, arrived)
    return arrived, _enlarged(drift.weight, size, region)


def reached(there: Region, drift: Drift, size: Size) -> Region | None:
    """Where in a picture of (height, width) may be after a drift what was in a place of it.

    A pixel comes from between the places that the four of the drift around it come from: if
    these all lie on the same side of the place, it does not come from there.
    """
    here = drift.weight.shape[0], drift.weight.shape[1]
    down, across = size[0] / here[0], size[1] / here[1]
    at = came_from(_single(drift.back), places(here))
    first = (there.left - 1.5) / across - 0.5, (there.top - 1.5) / down - 0.5
    last = (there.right + 1.5) / across - 0.5, (there.bottom + 1.5) / down - 0.5
    low = cv2.inRange(cv2.erode(at, CELL), (-math.inf, -math.inf), last)
    high = cv2.inRange(cv2.dilate(at, CELL), first, (math.inf, math.inf))
    left, top, width, height = cv2.boundingRect(cv2.bitwise_and(low, high))
    if not width:
        return None
    cells = Region(top, top + height, left, left + width).widened(1, here)
    return cells.scaled(down, across)


def _arrive(planes: Sequence[Matte] | Float, drift: Drift, region: Region, out: Float) -> None:
    """Samples a region of what planes have become, N x h' x w'."""
    size = planes[0].shape[0], planes[0].shape[1]
    back = _enlarged(drift.back, size, region)
    larger = [there / here for there, here in zip(size, drift.weight.shape, strict=True)]
    at = came_from(back, places(size)[region.part], larger[::-1])
    for plane, row in zip(planes, out, strict=True):
        found = sample(plane, at, out=row)
        if found is not row:  # of another type than float32
            row[:] = found


def hints(objects: Sequence[int], evidence: Sequence[Carried]) -> Bytes:
    """Carried mattes as a network takes them.

    Args:
        objects: ids in the order of the result.
        evidence: of at most two references, the same h x w.

    Returns:
        N x 4 x h x w uint8, 255 for 1, the four planes of a pixel side by side in memory: for
        both, matte times weight, and weight.
    """
    planes = np.zeros((len(objects), *evidence[0].weight.shape, 4), np.uint8)
    for slot, carried in enumerate(evidence):
        weight = cv2.convertScaleAbs(carried.weight, alpha=255)
        for row, obj in enumerate(objects):
            if obj in carried.mattes:
                told = cv2.multiply(carried.mattes[obj], carried.weight, scale=255, dtype=cv2.CV_8U)
                cv2.mixChannels([told, weight], [planes[row]], [0, 2 * slot, 1, 2 * slot + 1])
    return planes.transpose(0, 3, 1, 2)


def in_unit(shares: Bytes) -> Float:
    """Shares of 255 -> float32 in 0..1, each plane together in memory."""
    return np.multiply(shares, np.float32(1 / 255), dtype=np.float32, order="C")


def fuse(planes: Float, objects: Sequence[int], evidence: Sequence[Carried]) -> Float:
    """Weighted mean of the network's probabilities and carried mattes.

    The network weighs ``0.2 + 0.8 c^2`` with its certainty c, the lead of the most probable
    over the second: it is believed where it is sure, and the flow where it is not.

    Args:
        planes: (N + 1) x h x w, background first, summing to 1.
        objects: ids in the order of the planes after the background.
        evidence: of the references beside the frame, any number.

    Returns:
        N x h x w in 0..1.
    """
    certain = np.square(_lead(planes))
    model = MODEL_FLOOR + (1 - MODEL_FLOOR) * certain
    fused = np.empty_like(planes[1:])
    for row, (obj, plane) in enumerate(zip(objects, planes[1:], strict=True)):
        total, weight = model * plane, model.copy()
        for carried in evidence:
            if obj in carried.mattes:
                total += carried.weight * carried.mattes[obj]
                weight += carried.weight
        np.divide(total, weight, out=fused[row])
    return fused


def _lead(planes: Float) -> Float:
    """Lead of the most probable plane over the second, h x w in 0..1."""
    if len(planes) == 2:
        return np.asarray(np.abs(planes[1] - planes[0]))
    top = np.partition(planes, len(planes) - 2, axis=0)
    lead: Float = top[-1] - top[-2]
    return lead


def _single(plane: Half) -> Float:
    """Widened by torch, which has an instruction for it; numpy takes four times as long."""
    wide: Float = torch.from_numpy(plane).float().numpy()
    return wide


def _half(plane: Float) -> Half:
    narrow: Half = torch.from_numpy(plane).half().numpy()
    return narrow


def _enlarged(plane: Half, size: Size, region: Region) -> Float:
    """A region of a plane brought to (height, width).

    Where that is its double, no more than the region and a pixel around it are enlarged.
    """
    here = plane.shape[0], plane.shape[1]
    if here == size:
        return _single(plane[region.part])
    if size != (2 * here[0], 2 * here[1]):
        large = cv2.resize(_single(plane), size[::-1], interpolation=cv2.INTER_LINEAR)
        return np.asarray(large[region.part], np.float32)
    rows = region.top // 2, (region.bottom + 1) // 2
    part = Region(*rows, region.left // 2, (region.right + 1) // 2).widened(1, here)
    double = (2 * part.size[1], 2 * part.size[0])
    large = cv2.resize(_single(plane[part.part]), double, interpolation=cv2.INTER_LINEAR)
    top, left = region.top - 2 * part.top, region.left - 2 * part.left
    return np.asarray(large[top : top + region.size[0], left : left + region.size[1]], np.float32)
