# SPDX-License-Identifier: Apache-2.0
"""Which carried mattes there are at a frame: those of the references on both sides of it."""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine_server.media import Plate
from shared.errors import FrameUnreadable

from .flow import Carried, Float, Link, link, spread
from .preparation import Preparation
from .references import Matte
from .scaling import Scaling

__all__ = ["FlowEvidence"]

REACH = 100  # frames that a reference is carried to each side at most


class FlowEvidence:
    """Mattes carried by optical flow, computed for the frames between two references at once.

    Args:
        plate: where the pictures come from.
        scaling: to the model's size.
        references: painted mattes by frame and object, at plate size.
    """

    def __init__(
        self, plate: Plate, scaling: Scaling, references: Mapping[int, Mapping[int, Matte]]
    ) -> None:
        self.plate, self.scaling, self.references = plate, scaling, references
        self._painted = sorted(references)
        self._gap: int | None = None
        self._packed: dict[int, list[_Packed]] = {}

    def fill(self, frame: int) -> Iterator[Preparation]:
        """Carries both neighbours of the gap that a frame lies in into it, link by link.

        Nothing is done where the gap is that of the call before.

        Args:
            frame: not painted itself.

        Yields:
            after each link; ended early, the gap is filled anew by the next call.
        """
        after = bisect_left(self._painted, frame)  # how many references lie before the gap
        if after == self._gap:
            return
        self._gap, self._packed = None, {}
        links: dict[int, Link] = {}
        chains = [chain[: REACH + 1] for chain in self._chains(after)]
        total = sum(len(chain) - 1 for chain in chains)
        places = (place for chain in chains for place in self._carry(chain, links))
        for done, place in enumerate(places, start=1):
            yield Preparation("flow", place, done, total)
        self._gap = after

    def at(self, frame: int) -> list[Carried]:
        """What arrived at a frame of the filled gap: nothing, or one or two sets of mattes."""
        return [packed.unpacked() for packed in self._packed.get(frame, [])]

    def _chains(self, after: int) -> Iterator[list[int]]:
        """The frames of a gap in the order in which each of its neighbours is carried."""
        chain = self._chain(after)
        if after > 0:
            yield chain
        if after < len(self._painted):
            yield chain[::-1]

    def _chain(self, after: int) -> list[int]:
        """The frames of a gap with the painted ones at its ends."""
        first = self._painted[after - 1] if after > 0 else self.plate.frames[0]
        last = self._painted[after] if after < len(self._painted) else self.plate.frames[-1]
        return [frame for frame in self.plate.frames if first <= frame <= last]

    def _carry(self, chain: Sequence[int], links: dict[int, Link]) -> Iterator[int]:
        """Carries the painted frame that a chain begins with along it; gives where it is."""
        small = {
            i: self.scaling.matte_in(matte).numpy()
            for i, matte in self.references[chain[0]].items()
        }
        for frame, carried in spread(small, self._links(chain, links)):
            self._packed.setdefault(frame, []).append(_Packed.of(carried))
            yield frame

    def _links(self, chain: Sequence[int], links: dict[int, Link]) -> Iterator[tuple[int, Link]]:
        """Links along a chain and where they lead; an unreadable frame is stepped over."""
        here, picture = chain[0], self._picture(chain[0])
        for there in chain[1:]:
            following = self._picture(there)
            if picture is None or following is None:
                continue
            late = max(here, there)
            if late not in links:
                ends = (picture, following) if here < there else (following, picture)
                links[late] = link(*ends)
            yield there, links[late] if here < there else links[late].reversed()
            here, picture = there, following

    def _picture(self, frame: int) -> NDArray[np.uint8] | None:
        try:
            return self.scaling.view(self.plate.view(frame))
        except FrameUnreadable:
            return None


@dataclass(frozen=True)
class _Packed:
    """Carried mattes in 8 bit, compressed: they wait for the whole gap to be visited."""

    size: tuple[int, int]
    mattes: dict[int, bytes]
    weight: bytes

    @classmethod
    def of(cls, carried: Carried) -> _Packed:
        height, width = carried.weight.shape
        mattes = {i: _pack(matte) for i, matte in carried.mattes.items()}
        return cls((height, width), mattes, _pack(carried.weight))

    def unpacked(self) -> Carried:
        mattes = {i: _unpack(data, self.size) for i, data in self.mattes.items()}
        return Carried(mattes, _unpack(self.weight, self.size))


def _pack(plane: Float) -> bytes:
    return zlib.compress(np.rint(plane * 255).astype(np.uint8).tobytes(), 1)


def _unpack(data: bytes, size: tuple[int, int]) -> Float:
    plane = np.frombuffer(zlib.decompress(data), np.uint8).reshape(size)
    return plane.astype(np.float32) / np.float32(255)
