# SPDX-License-Identifier: Apache-2.0
"""Looking only where something changes.

In calm stretches of a shot the mattes of two frames that the network has looked at, carried by flow
to the frames in between, agree to a fraction of a pixel; a look of their own would add nothing.
Where they don't agree, the frame in the middle is looked at, and what is left on both sides of it
is tried again. Stretches grow while all is calm, and shrink to a single frame while it is not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Generator, Iterator, Sequence
from typing import Protocol, TypeAlias

from shared.errors import FrameUnreadable

from .between import Seen, View, calm, steady, told
from .evidence import FlowEvidence
from .lanes import LANES
from .preparation import Preparation

__all__ = ["AHEAD", "Look", "Sight", "sparsely", "steadied"]

STRETCH = 4  # frames from one look to the next, where all is calm
AHEAD = 2 * STRETCH  # frames after it that one may depend on: its stretch's and the next one's

Sight: TypeAlias = Seen | FrameUnreadable | Preparation


class Look(Protocol):
    """The network's looks at frames, see `Lanes`."""

    def __call__(self, frame: int, view: View) -> Generator[Preparation, None, Seen]:
        """What it says of a frame."""

    def ahead(self, frame: int, view: View) -> None:
        """A look that is likely to be asked for may begin."""


def sparsely(
    views: Iterator[tuple[int, View | FrameUnreadable]], look: Look, evidence: FlowEvidence
) -> Iterator[Sight]:
    """Looks at as few frames of a sweep as it takes.

    Args:
        views: frames and pictures in the order of the sweep.
        look: of the network at one frame.
        evidence: tells which frames are painted, and knows the flow between them.

    Yields:
        every frame in its order, but unreadable ones as soon as they are met.
    """
    known: list[Seen] = []  # at the ends of the last stretches, two of them
    coming, pace = _Coming(views, evidence.references), _Pace()
    while waiting := (yield from coming.take(pace.length if known else 1)):
        later = coming.ends(pace.next if known else pace.length)
        end, quiet = yield from _stretch(known, waiting, later, look, evidence)
        if known:
            pace.tell(quiet=quiet)
        known = [*known[-1:], end]


class _Pace:
    """How many frames there are from one look to the next."""

    def __init__(self) -> None:
        self.length, self._quiet = 2, True

    @property
    def next(self) -> int:
        """What it will be if all goes on as it does."""
        return min(STRETCH, 2 * self.length) if self._quiet else max(1, self.length // 2)

    def tell(self, *, quiet: bool) -> None:
        """Whether only the end of a stretch had to be looked at."""
        self._quiet = quiet
        self.length = self.next


class _Coming:
    """Frames of a sweep that are still to come, some of them read already."""

    def __init__(
        self, views: Iterator[tuple[int, View | FrameUnreadable]], painted: Container[int]
    ) -> None:
        self._views, self._painted = views, painted
        self._read: deque[tuple[int, View | FrameUnreadable]] = deque()

    def take(self, length: int) -> Generator[FrameUnreadable, None, list[tuple[int, View]]]:
        """The frames of a stretch: fewer where a painted one ends it, none at the end."""
        taken: list[tuple[int, View]] = []
        while len(taken) < length and self._has(1):
            frame, view = self._read.popleft()
            if isinstance(view, FrameUnreadable):
                yield view
            else:
                taken.append((frame, view))
            if taken and frame in self._painted:
                break
        return taken

    def ends(self, length: int) -> list[tuple[int, View]]:
        """Where the next stretch of a length ends; of single frames, as many as there are lanes.

        A frame farther off should not be looked at, and perhaps memorised, before those it needs.
        """
        found = []
        for end in range(1, LANES + 1) if length == 1 else [length]:
            if self._has(end):
                frame, view = self._read[end - 1]
                if not isinstance(view, FrameUnreadable):
                    found.append((frame, view))
        return found

    def _has(self, count: int) -> bool:
        while len(self._read) < count:
            following = next(self._views, None)
            if following is None:
                return False
            self._read.append(following)
        return True


def _stretch(
    known: Sequence[Seen],
    views: Sequence[tuple[int, View]],
    later: Sequence[tuple[int, View]],
    look: Look,
    evidence: FlowEvidence,
) -> Generator[Sight, None, tuple[Seen, bool]]:
    """Looks at the last of some frames, then at what can't be told of the others.

    Args:
        later: where the next stretches are likely to end.

    Returns:
        the last one, and whether nothing else had to be looked at; of a single frame, whether the
        one before it need not have been.
    """
    look.ahead(*views[-1])
    for one in later[:1]:
        look.ahead(*one)
    end = yield from look(*views[-1])
    for one in later[1:]:
        look.ahead(*one)
    if len(views) > 1:
        yield from evidence.fill(views[0][0])
        looks = yield from _inside(known[-1], views[:-1], end, look, evidence)
        quiet = not looks
    else:
        quiet = len(known) > 1 and calm(known[0], known[1].frame, end, evidence)
    yield end
    return end, quiet


def _inside(
    start: Seen,
    views: Sequence[tuple[int, View]],
    end: Seen,
    look: Look,
    evidence: FlowEvidence,
) -> Generator[Sight, None, int]:
    """The frames between two that are known; returns how many had to be looked at."""
    if not views:
        return 0
    found = told(start, views, end, evidence)
    if found is not None:
        yield from found
        return 0
    half = len(views) // 2
    middle = yield from look(*views[half])
    before = yield from _inside(start, views[:half], middle, look, evidence)
    yield middle
    after = yield from _inside(middle, views[half + 1 :], end, look, evidence)
    return before + 1 + after


def steadied(sights: Iterator[Sight], evidence: FlowEvidence) -> Iterator[Sight]:
    """Averages each frame that was looked at with those beside it in the sweep, see `steady`.

    Args:
        sights: as from `sparsely`; what is no frame that was seen passes as it is.
        evidence: knows the flow.
    """
    before: Seen | None = None
    here: Seen | None = None
    for sight in sights:
        if not isinstance(sight, Seen):
            yield sight
            continue
        if here is not None and here.looked:
            yield steady(here, _both(before, sight), evidence)
        if not sight.looked:
            yield sight
        before, here = here, sight
    if here is not None and here.looked:
        yield steady(here, _both(before), evidence)


def _both(*beside: Seen | None) -> list[Seen]:
    return [seen for seen in beside if seen is not None]
