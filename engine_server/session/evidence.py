# SPDX-License-Identifier: Apache-2.0
"""Which carried mattes there are at a frame: those of the references on both sides of it."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine_server.media import Plate
from shared.errors import FrameUnreadable

from ..network.inference import threads
from .flow import Carried, Drift, Link, carry, drifts, link
from .preparation import Preparation
from .references import Matte
from .scaling import Scaling

__all__ = ["FlowEvidence"]

REACH = 100  # frames that a reference is carried to each side at most


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
    """

    def __init__(
        self, plate: Plate, scaling: Scaling, references: Mapping[int, Mapping[int, Matte]]
    ) -> None:
        self.plate, self.scaling, self.references = plate, scaling, references
        self._painted = sorted(references)
        self._workers = threads()
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
        after = bisect_left(self._painted, frame)  # how many references lie before the gap
        if after == self._gap:
            return
        self._gap, self._drifts, self._links, self._small = None, {}, {}, {}
        ends = self._painted[max(after - 1, 0) : after], self._painted[after : after + 1]
        pieces = _within_reach(self._chain(after), forth=bool(ends[0]), back=bool(ends[1]))
        total, done = sum(len(piece) - 1 for piece in pieces), 0
        for piece in pieces:
            steps: list[_Step] = []
            for step in self._steps(piece):
                steps.append(step)
                done += 1
                yield Preparation("flow", step.second, done, total)
            self._follow(steps, *ends)
            self._links.update({(step.first, step.second): step.link for step in steps})
        self._gap = after

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

    def _chain(self, after: int) -> list[int]:
        """The frames of a gap with the painted ones at its ends."""
        first = self._painted[after - 1] if after > 0 else self.plate.frames[0]
        last = self._painted[after] if after < len(self._painted) else self.plate.frames[-1]
        return [frame for frame in self.plate.frames if first <= frame <= last]

    def _follow(self, steps: Sequence[_Step], before: list[int], behind: list[int]) -> None:
        """Drifts along steps from the painted frames at their ends."""
        for origin in before:
            if steps and steps[0].first == origin:
                self._keep(origin, ((s.second, s.link) for s in steps[:REACH]))
        for origin in behind:
            if steps and steps[-1].second == origin:
                way = reversed(steps[-REACH:])
                self._keep(origin, ((s.first, s.link.reversed()) for s in way))

    def _keep(self, origin: int, way: Iterator[tuple[int, Link]]) -> None:
        for frame, drift in drifts(way):
            self._drifts.setdefault(frame, []).append((origin, drift))

    def _steps(self, frames: Sequence[int]) -> Iterator[_Step]:
        """Links along frames, computed side by side; an unreadable frame is stepped over."""
        pool = ThreadPoolExecutor(self._workers, "flow")
        waiting: deque[tuple[int, int, Future[Link]]] = deque()
        here, picture = frames[0], self._picture(frames[0])
        try:
            for there in frames[1:]:
                following = self._picture(there)
                if following is None:
                    continue
                if picture is not None:
                    waiting.append((here, there, pool.submit(link, picture, following)))
                here, picture = there, following
                if len(waiting) > 2 * self._workers:
                    yield _finished(waiting)
            while waiting:
                yield _finished(waiting)
        finally:
            pool.shutdown(cancel_futures=True)

    def _mattes(self, painted: int) -> dict[int, Matte]:
        """A reference's mattes at the model's size."""
        if painted not in self._small:
            self._small[painted] = {
                i: self.scaling.matte_in(matte).numpy()
                for i, matte in self.references[painted].items()
            }
        return self._small[painted]

    def _picture(self, frame: int) -> NDArray[np.uint8] | None:
        try:
            return self.scaling.view(self.plate.view(frame))
        except FrameUnreadable:
            return None


def _finished(waiting: deque[tuple[int, int, Future[Link]]]) -> _Step:
    first, second, future = waiting.popleft()
    return _Step(first, second, future.result())


def _within_reach(chain: list[int], *, forth: bool, back: bool) -> list[list[int]]:
    """The parts of a gap that a reference at its beginning or end is carried to."""
    if forth and back:
        whole = len(chain) <= 2 * REACH + 1
        return [chain] if whole else [chain[: REACH + 1], chain[-REACH - 1 :]]
    return [chain[: REACH + 1] if forth else chain[-REACH - 1 :]]
