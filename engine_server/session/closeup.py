# SPDX-License-Identifier: Apache-2.0
"""Two looks at a frame: at all of it for where the objects are, then closely at that place."""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..memory import Memory
from ..network import Features, XMem
from ..network.inference import Runtime
from .extent import Extent
from .region import Float, Look, Region, Size, closest_look
from .tracker import Found, Plan, Tracker

__all__ = ["CLOSEST", "BothFound", "BothPlans", "CloseUp"]

OVERVIEWS = {0.35: 25, 0.5: 20, 0.7: 20, 1.0: 0}
"""Short side of the first look's picture, as a share of the network's size, and the pixels of it,
squared, that the smallest object should have there: more in the smallest, since objects shrink."""
CLOSEST = 2.0  # short side that a whole frame would have in the closest second look, likewise
LEAST = 0.05  # probability from which a place may belong to an object
CARRIED = 0.3  # of a matte that arrived by optical flow, times its weight, likewise
THICK = 40  # pixels: objects of this mean width need not be enlarged
THIN = 10  # pixels: objects narrower than this are drawn from more of them
RICH = 1.6  # times as many
MARGIN = 48  # network pixels around the objects that the second look sees
BESIDE = 24  # likewise, around what is painted: all of it is remembered, less of the rest
AMPLE = 480  # pixels of a plate's short side: of smaller ones margins are as large a part
LOST = 1 / 2  # of an object's area at the frame before: with less of it, it is looked for
LOOKS = 3  # close ones at a frame, while an object goes on where they end

Bytes = NDArray[np.uint8]
Shown = tuple[Tensor, Mapping[int, Tensor], Tensor | None]
"""A frame's picture, what is painted there, and hints."""


@dataclass(frozen=True)
class BothPlans:
    """Of the first and the second look at a frame.

    Attributes:
        first, second: of each.
        before: N x h x w, where the objects were at the frame before, 0 or 1; ``None`` at the
            beginning.
    """

    first: Plan
    second: Plan
    before: Bytes | None


@dataclass(frozen=True)
class BothFound(Found):
    """What both looks found: planes of the second, keys of the first.

    Attributes:
        first: what the first look found.
        second: what the second did, ``None`` where there was nothing to look at.
        there: N x h x w of the first look, where the objects are, 0 or 1.
    """

    first: Found = field(kw_only=True)
    there: Bytes = field(kw_only=True)
    second: Found | None = None


@dataclass(frozen=True)
class _Close:
    """What close looks found; planes of the whole picture, the others as in `BothFound`."""

    planes: Tensor
    there: Bytes
    found: Found | None = None


class CloseUp:
    """A `Tracker` that spends its pixels where the objects are.

    Both looks have memories of their own of the same painted frames. The second one sees at
    most as many pixels as a whole frame at the network's size has, `RICH` times as many for very
    thin objects, of the region that the first look and optical flow point at: thin things are
    then as wide as the network can draw them, and a small object far off is as large to it as a
    near one. Outside of the region nothing is found, so it also holds where an object was that
    the first look hardly sees any more, and grows where it cuts one off. What is lost all the same
    is looked for in the whole frame.

    Args:
        network, runtime, objects: as for `Tracker`.
        size: short side in pixels of a whole frame that costs as much as the second look.
    """

    def __init__(
        self, network: XMem, runtime: Runtime, objects: Sequence[int], *, size: int
    ) -> None:
        self.size = size
        self._overview, self._closest, self._pixels = 0.5, CLOSEST, 1.0
        self.overview = Tracker(network, runtime, objects)
        self.detail = Tracker(network, runtime, objects)
        self._before: Bytes | None = None

    @property
    def network(self) -> XMem:
        """Of both looks."""
        return self.detail.network

    @network.setter
    def network(self, network: XMem) -> None:
        self.overview.network = self.detail.network = network

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self.detail.device

    @property
    def objects(self) -> list[int]:
        """Ids in the order of the probability planes."""
        return self.detail.objects

    @objects.setter
    def objects(self, objects: list[int]) -> None:
        self.overview.objects, self.detail.objects = list(objects), list(objects)

    @property
    def memory(self) -> Memory:
        """Of the second look."""
        return self.detail.memory

    @property
    def depends_on_past(self) -> bool:
        """As for `Tracker`."""
        return self.detail.depends_on_past

    def aim(self, painted: Extent) -> bool:
        """Chooses how large the looks' pictures are, and how close the second one may be.

        Args:
            painted: of the objects to be found.

        Returns:
            whether that has changed; then nothing is remembered any more.
        """
        smallest, thinnest = painted.smallest * self.size, painted.thinnest * self.size
        thin = 0 < thinnest < THIN
        seen = smallest / 2 if thin else smallest  # a small picture loses its ends
        overview = next(share for share, least in OVERVIEWS.items() if seen * share >= least)
        wanted = (THICK / max(thinnest, 1.0)) ** 2
        closest = next((zoom for zoom in (1.0, CLOSEST**0.5) if zoom >= wanted), CLOSEST)
        pixels = RICH if thin else 1.0
        if (overview, closest, pixels) == (self._overview, self._closest, self._pixels):
            return False
        self._overview, self._closest, self._pixels = overview, closest, pixels
        self._before = None
        for frame in self.memory.permanent.frames:
            self.remove_reference(frame)
        return True

    def restart(self) -> None:
        """Begins a new sweep, see `Tracker.restart`."""
        self._before = None
        self.overview.restart()
        self.detail.restart()

    def features(self, picture: Tensor) -> Features:
        """What a whole picture 3 x H x W in 0..255 looks like to the first look."""
        return self.overview.features(self._first(_size(picture)).picture(picture))

    def add_reference(self, frame: int, picture: Tensor, mattes: Mapping[int, Tensor]) -> None:
        """Encodes a painted frame into both memories; arguments as for `Tracker`."""
        size, planes = _size(picture), np.stack([matte.numpy() for matte in mattes.values()])
        region = Region.holding(planes, LEAST, size) or Region.whole(size)
        first, second = self._first(size), self._second(region, size)
        painted = (planes.max(0) > LEAST).astype(np.uint8)
        near = second.near(painted, _around(BESIDE, second.zoom, size))
        self.detail.add_reference(frame, second.picture(picture), second.mattes(mattes), near)
        try:
            self.overview.add_reference(frame, first.picture(picture), first.mattes(mattes))
        except BaseException:
            self.detail.remove_reference(frame)  # none or both: `remove_reference` counts on it
            raise

    def remove_reference(self, frame: int) -> None:
        """Forgets a painted frame; ``KeyError`` if there is none at that number."""
        self.overview.remove_reference(frame)
        self.detail.remove_reference(frame)

    def step(
        self, picture: Tensor, mattes: Mapping[int, Tensor] | None = None,
        hints: Tensor | None = None, *, last: bool = False,
    ) -> Tensor:  # fmt: skip
        """Segments the next frame of the sweep; as `Tracker.step`."""
        found = self.see(picture, mattes, hints, self.plan(mattes or (), last=last))
        self.take(found)
        return found.planes

    def plan(self, painted: Collection[int] = (), *, last: bool = False) -> BothPlans:
        """What the looks at the next frame go by; as `Tracker.plan`."""
        first, second = (each.plan(painted, last=last) for each in (self.overview, self.detail))
        return BothPlans(first, second, self._before)

    def see(
        self, picture: Tensor, mattes: Mapping[int, Tensor] | None,
        hints: Tensor | None, plan: BothPlans,
    ) -> BothFound:  # fmt: skip
        """Segments a frame; as `Tracker.see`. Hints show the whole frame, at any size."""
        seen = picture, mattes or {}, hints
        look = self._first(_size(picture))
        first = self.overview.see(*look.all(*seen), plan.first)
        glance = first.planes.cpu().numpy()
        pointed = _pointed_at(glance[1:], hints)
        for lost in _lost(glance[1:], plan.before):
            pointed |= lost
        if pointed.any():
            close = self._closely(pointed, seen, plan.second, LOOKS)
        else:
            close = _Close(look.back(glance), np.zeros_like(glance[1:], np.uint8))
        close = self._anywhere(close, seen, plan)
        return BothFound(
            close.planes, first.keys, glance, first=first, second=close.found, there=close.there
        )

    def _anywhere(self, close: _Close, seen: Shown, plan: BothPlans) -> _Close:
        """As it is, or in the whole picture, where that brings back a lost object.

        One that touched another at the frame before is likely to be behind it.
        """
        before = None if plan.before is None else _apart(plan.before)
        lost = len(_lost(close.there, before))
        if not lost:
            return close
        other = self._closely(np.ones_like(close.there[0]), seen, plan.second, looks=1)
        return other if len(_lost(other.there, before)) < lost else close

    def _closely(self, pointed: Bytes, seen: Shown, plan: Plan, looks: int) -> _Close:
        """Looks at what is pointed at, and at more where an object goes on beyond that.

        Args:
            pointed: h x w of the first look, 0 or 1; not all 0.
            looks: at most.
        """
        size = _size(seen[0])
        region = Region.holding(pointed[None], 0, size)
        assert region is not None  # noqa: S101  (for the type checker)
        look = self._second(region, size)
        near = look.near(pointed, _around(MARGIN, look.zoom, size))
        found = self.detail.see(*look.all(*seen), plan, near)
        planes = found.planes.cpu().numpy()
        beyond = look.beyond((planes[1:].max(0) > 0.5).astype(np.uint8)) if looks > 1 else None
        if beyond is None:
            whole = look.back(planes)
            return _Close(whole, _there(whole, pointed.shape), found)
        return self._closely(_with(pointed, beyond, size), seen, plan, looks - 1)

    def take(self, found: BothFound) -> None:
        """Remembers what both looks found; as `Tracker.take`."""
        self._before = found.there
        self.overview.take(found.first)
        if found.second is not None:
            self.detail.take(found.second)

    def _first(self, size: Size) -> Look:
        """Of a whole picture."""
        scale = min(1.0, self._overview * self.size / min(size))
        height, width = (max(1, round(side * scale)) for side in size)
        return Look(size, Region.whole(size), (height, width))

    def _second(self, region: Region, size: Size) -> Look:
        """Of a region, with some of what lies around."""
        scale = min(1.0, self.size / min(size))
        closest = min(CLOSEST, max(self._closest, 1 / scale)) * scale  # as the plate is, at least
        pixels = self._pixels * math.prod(size) * scale**2
        zoom = min(closest, math.sqrt(pixels / math.prod(region.size)))
        wide = region.widened(_around(MARGIN, zoom, size), size)
        return closest_look(wide, size, pixels, closest)


def _pointed_at(found: Float, hints: Tensor | None) -> Bytes:
    """Where the first look or the flow see an object: h x w of the first look, 0 or 1."""
    pointed: Bytes = (found.max(0) > LEAST).astype(np.uint8)
    if hints is not None:
        planes = [_carried(each) for each in hints.permute(0, 2, 3, 1).numpy()]
        carried = (functools.reduce(np.maximum, planes) > 255 * CARRIED).astype(np.float32)
        share = cv2.resize(carried, pointed.shape[::-1], interpolation=cv2.INTER_AREA)
        pointed[np.asarray(share) > 0] = 1
    return pointed


def _lost(found: Float | Bytes, before: Bytes | None) -> list[Bytes]:
    """Where those objects were that little is found of.

    Args:
        found: N x h x w in 0..1.
        before: the same at the frame before.
    """
    pairs = () if before is None else zip(found, before, strict=True)
    return [
        then for now, then in pairs if np.count_nonzero(now > 0.5) < LOST * np.count_nonzero(then)
    ]


def _apart(there: Bytes) -> Bytes:
    """Where objects N x h x w are that touch no other; 0 everywhere of those that do."""
    wider = [cv2.dilate(each, np.ones((3, 3), np.uint8)) for each in there]
    free = [not (wide * (there.sum(0) - own)).any() for wide, own in zip(wider, there, strict=True)]
    return there * np.array(free, np.uint8)[:, None, None]


def _there(planes: Tensor, size: Size) -> Bytes:
    """Where the objects of (N + 1) x H x W are: N x h x w, 0 or 1."""
    small = [
        cv2.resize(plane, size[::-1], interpolation=cv2.INTER_AREA) for plane in planes[1:].numpy()
    ]
    return (np.stack(small) > 0.5).astype(np.uint8)


def _with(pointed: Bytes, more: Region, whole: Size) -> Bytes:
    """With a region of a picture of (height, width)."""
    down, across = (here / there for here, there in zip(pointed.shape, whole, strict=True))
    pointed = pointed.copy()
    pointed[more.scaled(down, across).part] = 1
    return pointed


def _carried(hints: Bytes) -> Bytes:
    """The larger of the two mattes in h x w x 4 hints of an object."""
    first, second = (np.asarray(cv2.extractChannel(hints, at), np.uint8) for at in (0, 2))
    return np.asarray(np.maximum(first, second), np.uint8)


def _around(margin: int, zoom: float, size: Size) -> int:
    """Pixels of a picture of (height, width) that a margin of network pixels is, at a zoom."""
    return round(margin / max(zoom, AMPLE / min(size)))


def _size(picture: Tensor) -> Size:
    return picture.shape[1], picture.shape[2]
