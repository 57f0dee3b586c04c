# SPDX-License-Identifier: Apache-2.0
"""Which carried mattes there are at a frame: those of the references on both sides of it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine_server.media import Plate
from shared.errors import FrameUnreadable

from .flow import Carried, Drift, Link, carry, drifts, link
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
        self._gap: tuple[int, int] | None = None
        self._drifts: dict[int, list[tuple[int, Drift]]] = {}
        self._small: dict[int, dict[int, Matte]] = {}

    def at(self, frame: int) -> list[Carried]:
        """What arrives at a frame that is not painted: nothing, or one or two sets of mattes."""
        gap = (bisect_right(self._painted, frame), bisect_left(self._painted, frame))
        if gap != self._gap:
            self._gap, self._drifts, self._small = gap, {}, {}
            self._fill(gap[0])
        return [
            carry(self._mattes(painted), drift) for painted, drift in self._drifts.get(frame, [])
        ]

    def _fill(self, after: int) -> None:
        """Carries both neighbours of a gap into it; ``after`` counts the references before it."""
        chain = self._chain(after)
        links: dict[int, Link] = {}
        if after > 0:
            self._follow(chain, links)
        if after < len(self._painted):
            self._follow(chain[::-1], links)

    def _chain(self, after: int) -> list[int]:
        """The frames of a gap with the painted ones at its ends."""
        first = self._painted[after - 1] if after > 0 else self.plate.frames[0]
        last = self._painted[after] if after < len(self._painted) else self.plate.frames[-1]
        return [frame for frame in self.plate.frames if first <= frame <= last]

    def _follow(self, chain: Sequence[int], links: dict[int, Link]) -> None:
        for frame, drift in drifts(self._links(chain[: REACH + 1], links)):
            self._drifts.setdefault(frame, []).append((chain[0], drift))

    def _mattes(self, painted: int) -> dict[int, Matte]:
        """A reference's mattes at the model's size."""
        if painted not in self._small:
            self._small[painted] = {
                i: self.scaling.matte_in(matte).numpy()
                for i, matte in self.references[painted].items()
            }
        return self._small[painted]

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
