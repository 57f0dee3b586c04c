# SPDX-License-Identifier: Apache-2.0
"""Painted mattes carried by optical flow: evidence that knows edges near a reference.

From each reference the flow is followed frame to frame towards the references beside it: a `Drift`
says where a pixel was in the reference, and a weight that shrinks where the flow there and back
disagrees, where colours change, and with every step, so that what the flow lost sight of says
little. The mattes are sampled once, however long the way was, and stay sharp.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from .region import Region

__all__ = [
    "Carried",
    "Drift",
    "Float",
    "Link",
    "carry",
    "drifts",
    "fuse",
    "hints",
    "in_unit",
    "link",
]

ROUND_TRIP_PX = 1.5  # of the model's picture: disagreement there and back that halves trust
COLOUR_STEP = 25.0  # of 255: change of colour that does
FADE = 0.985  # per step
FAINT = 0.02  # weight below which nothing is carried on
LEAST_SIDE = 16  # of a picture that flow is computed on
THIRDS = np.full((1, 3), 1 / 3, np.float32)  # the mean of three colours
MODEL_FLOOR = 0.2  # weight of the network where it can't tell

Matte = NDArray[np.float32]
Float = NDArray[np.float32]
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


def link(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Link:
    """Flow both ways between two model pictures h x w x 3, and its trust.

    Trust is ``exp(-(e / 1.5)^2 / 2) * exp(-(c / 25)^2 / 2)`` with the round-trip error e in
    pixels of the model's picture and the mean change of colour c in 8 bit.
    """
    a, b = (_shrunk(picture) for picture in (first, second))
    engine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    engine.setFinestScale(0)
    engine.setVariationalRefinementIterations(0)
    engine.setPatchStride(4)
    engine.setGradientDescentIterations(12)
    grey_a, grey_b = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (a, b))
    back, forth = _flow(engine, grey_b, grey_a), _flow(engine, grey_a, grey_b)
    return Link(
        _half(back),
        _half(forth),
        _trust(b, a, back, forth),
        _trust(a, b, forth, back),
    )


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
        if float(drift.weight.max()) < FAINT:
            return
        yield frame, drift


def _further(drift: Drift | None, link: Link) -> Drift:
    back = _single(link.back)
    at = _came_from(back)
    weight = _single(link.trust_back) * np.float32(FADE)
    if drift is None:
        weight *= _sample(np.ones_like(back[..., 0]), at)
        return Drift(link.back, _half(weight))
    back += cv2.remap(_single(drift.back), *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    weight = weight * _sample(_single(drift.weight), at)
    return Drift(_half(back), _half(weight))


def carry(mattes: Mapping[int, Matte], drift: Drift, region: Region | None = None) -> Carried:
    """What mattes have become after a drift.

    Args:
        mattes: h x w by object id, of any size.
        drift: since they were so.
        region: of them that is asked for; all by default.

    Returns:
        mattes and weight of the size of the region.
    """
    size = next(iter(mattes.values())).shape[::-1]
    region = region or Region.whole(size[::-1])
    back, weight = (_enlarged(plane, size)[region.part] for plane in (drift.back, drift.weight))
    larger = tuple(there / here for there, here in zip(size, drift.weight.shape[::-1], strict=True))
    at = _came_from(back, larger, (region.left, region.top))
    return Carried({i: _sample(matte, at) for i, matte in mattes.items()}, weight)


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


def _enlarged(plane: Half, size: tuple[int, ...]) -> Float:
    large = cv2.resize(_single(plane), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.float32)


def _shrunk(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    size = (max(1, (width + 1) // 2), max(1, (height + 1) // 2))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _flow(engine: cv2.DISOpticalFlow, here: NDArray[Any], there: NDArray[Any]) -> Float:
    """Flow h x w x 2; pictures too small for the method are enlarged at their edges."""
    height, width = here.shape
    pad = (0, max(0, LEAST_SIDE - height), 0, max(0, LEAST_SIDE - width), cv2.BORDER_REPLICATE)
    ends = (cv2.copyMakeBorder(picture, *pad) for picture in (here, there))
    flow: Float = engine.calc(*ends, None)  # type: ignore[call-overload]
    return flow[:height, :width]


def _came_from(
    flow: Float, larger: tuple[float, ...] = (1, 1), corner: tuple[int, int] = (0, 0)
) -> tuple[Float, Float]:
    """Where the pixels of a region lay, x and y, its flow being given in larger pixels."""
    height, width = flow.shape[:2]
    x = np.multiply(flow[..., 0], np.float32(larger[0]))
    y = np.multiply(flow[..., 1], np.float32(larger[1]))
    x += np.arange(corner[0], corner[0] + width, dtype=np.float32)
    y += np.arange(corner[1], corner[1] + height, dtype=np.float32)[:, None]
    return x, y


def _sample(plane: Float, at: tuple[Float, Float]) -> Float:
    """What lay at those places; nothing comes in from outside of the picture."""
    return np.asarray(cv2.remap(plane, *at, cv2.INTER_LINEAR), np.float32)


def _trust(here: NDArray[np.uint8], there: NDArray[np.uint8], flow: Float, back: Float) -> Half:
    at = _came_from(flow)
    error = flow + cv2.remap(back, *at, cv2.INTER_LINEAR)
    moved = cv2.remap(there, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    colour = cv2.transform(cv2.absdiff(here, moved).astype(np.float32), THIRDS)
    exponent = _square(error[..., 0]) + _square(error[..., 1])  # in half-size pixels
    exponent *= np.float32(4 / ROUND_TRIP_PX**2)
    exponent += _square(colour) * np.float32(1 / COLOUR_STEP**2)
    return _half(np.asarray(cv2.exp(exponent * np.float32(-0.5)), np.float32))


def _square(plane: NDArray[Any]) -> Float:
    return np.asarray(np.square(plane), np.float32)
