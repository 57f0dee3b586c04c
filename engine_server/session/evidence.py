# SPDX-License-Identifier: Apache-2.0
"""Which carried mattes there are at a frame: those of the references on both sides of it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine_server.media import Plate

from ..network.inference import threads
from .begun import BegunFlow
from .flow import Carried, Drift, Link, carry, drifts
from .gaps import REACH, Gap
from .motion import steps
from .preparation import Preparation
from .references import Matte
from .scaling import Scaling

__all__ = ["FlowEvidence"]


@dataclass(frozen=True)
class _Step:
    """A link and the two frames that it joins, the first one being the earlier."""

    first: int
    second: int
    link: Link


class FlowEvidence:
    """Mattes carried by optical flow, computed for the frames between two references at once.

    Args:
        plate: where the pictures come from.
        scaling: to the model's size.
        references: painted mattes by frame and object, at plate size.
        begun: flow that is being computed already, perhaps of some of these frames.
    """

    def __init__(
        self, plate: Plate, scaling: Scaling, references: Mapping[int, Mapping[int, Matte]],
        begun: BegunFlow | None = None,
    ) -> None:  # fmt: skip
        self.plate, self.scaling, self.references = plate, scaling, references
        self._painted = sorted(references)
        self._begun, self._workers = begun, threads()
        self._gap: int | None = None
        self._drifts: dict[int, list[tuple[int, Drift]]] = {}
        self._links: dict[tuple[int, int], Link] = {}
        self._small: dict[int, dict[int, Matte]] = {}

    def fill(self, frame: int) -> Iterator[Preparation]:
        """Follows the flow from both neighbours of the gap that a frame lies in.

        Nothing is done where the gap is that of the call before.

        Args:
            frame: not painted itself.

        Yields:
            after each link; ended early, the gap is filled anew by the next call.
        """
        if self.is_filled(frame):
            return
        self._gap, self._drifts, self._links, self._small = None, {}, {}, {}
        gap = Gap.around(frame, self._painted, self.plate.frames)
        total, done = sum(len(piece) - 1 for piece in gap.pieces), 0
        for piece in gap.pieces:
            found: list[_Step] = []
            for step in self._steps(piece):
                found.append(step)
                done += 1
                yield Preparation("flow", step.second, done, total)
            self._follow(found, gap)
            self._links.update({(step.first, step.second): step.link for step in found})
        self._gap = bisect_left(self._painted, frame)

    def is_filled(self, frame: int) -> bool:
        """Whether the gap that a frame lies in is the one filled last."""
        return bisect_left(self._painted, frame) == self._gap

    def at(self, frame: int) -> list[Carried]:
        """What arrives at a frame of the filled gap: nothing, or one or two sets of mattes."""
        return [carry(self._mattes(origin), drift) for origin, drift in self._drifts.get(frame, [])]

    def along(self, frames: Sequence[int]) -> Iterator[tuple[int, Drift]]:
        """Follows the flow through neighbouring frames of the filled gap, up or down.

        Yields:
            each frame but the first, and the drift since that one; fewer where flow ends.
        """
        return drifts(self._way(frames))

    def _way(self, frames: Sequence[int]) -> Iterator[tuple[int, Link]]:
        for here, there in pairwise(frames):
            step = self._link(here, there)
            if step is None:
                return
            yield there, step

    def _link(self, here: int, there: int) -> Link | None:
        if here < there:
            return self._links.get((here, there))
        back = self._links.get((there, here))
        return None if back is None else back.reversed()

    def _follow(self, found: Sequence[_Step], gap: Gap) -> None:
        """Drifts along steps from the painted frames at their ends."""
        if found and found[0].first == gap.before:
            self._keep(gap.before, ((s.second, s.link) for s in found[:REACH]))
        if found and found[-1].second == gap.behind:
            way = reversed(found[-REACH:])
            self._keep(gap.behind, ((s.first, s.link.reversed()) for s in way))

    def _keep(self, origin: int, way: Iterator[tuple[int, Link]]) -> None:
        for frame, drift in drifts(way):
            self._drifts.setdefault(frame, []).append((origin, drift))

    def _steps(self, frames: Sequence[int]) -> Iterator[_Step]:
        begun = self._begun and self._begun.take(frames, self.scaling, self._workers)
        for step in begun or steps(self.plate, self.scaling, frames, self._workers):
            yield _Step(step.first, step.second, Link.of(step.motion))

    def _mattes(self, painted: int) -> dict[int, Matte]:
        """A reference's mattes at the model's size."""
        if painted not in self._small:
            self._small[painted] = {
                i: self.scaling.matte_in(matte) for i, matte in self.references[painted].items()
            }
        return self._small[painted]
