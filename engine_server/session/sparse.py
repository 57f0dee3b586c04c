# SPDX-License-Identifier: Apache-2.0
"""Looking only where something changes.

In calm stretches of a shot the mattes of two frames that the network has looked at, carried by flow
to the frames in between, agree to a fraction of a pixel; a look of their own would add nothing.
Where they don't agree, the frame in the middle is looked at, and what is left on both sides of it
is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TypeAlias

from shared.errors import FrameUnreadable

from .between import Seen, View, steady, told
from .evidence import FlowEvidence
from .preparation import Preparation

__all__ = ["Look", "Sight", "sparsely", "steadied"]

STRETCH = 4  # frames from one look to the next, where all is calm

Sight: TypeAlias = Seen | FrameUnreadable | Preparation
Look: TypeAlias = Callable[[int, View], Generator[Preparation, None, Seen]]


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
    before: Seen | None = None
    waiting: list[tuple[int, View]] = []
    for frame, view in views:
        if isinstance(view, FrameUnreadable):
            yield view
            continue
        waiting.append((frame, view))
        if before is None or len(waiting) == STRETCH or frame in evidence.references:
            before = yield from _stretch(before, waiting, look, evidence)
            waiting = []
    if waiting:
        yield from _stretch(before, waiting, look, evidence)


def _stretch(
    before: Seen | None, views: Sequence[tuple[int, View]], look: Look, evidence: FlowEvidence
) -> Generator[Sight, None, Seen]:
    """Looks at the last of some frames, then at what can't be told of the others."""
    end = yield from look(*views[-1])
    if before is not None and len(views) > 1:
        yield from evidence.fill(views[0][0])
        yield from _inside(before, views[:-1], end, look, evidence)
    yield end
    return end


def _inside(
    start: Seen,
    views: Sequence[tuple[int, View]],
    end: Seen,
    look: Look,
    evidence: FlowEvidence,
) -> Iterator[Sight]:
    """The frames between two that are known."""
    if not views:
        return
    found = told(start, views, end, evidence)
    if found is not None:
        yield from found
        return
    half = len(views) // 2
    middle = yield from look(*views[half])
    yield from _inside(start, views[:half], middle, look, evidence)
    yield middle
    yield from _inside(middle, views[half + 1 :], end, look, evidence)


def steadied(sights: Iterator[Sight], evidence: FlowEvidence) -> Iterator[Sight]:
    """Averages each frame that was looked at with those beside it in the sweep, see `steady`.

    Args:
        sights: as from `sparsely`; what is no frame that was seen passes as it is.
        evidence: knows the flow.
    """
    beside: list[Seen] = []
    here: Seen | None = None
    for sight in sights:
        if not isinstance(sight, Seen):
            yield sight
            continue
        if here is not None:
            yield steady(here, [*beside, sight], evidence) if here.looked else here
            beside = [here]
        here = sight
    if here is not None:
        yield steady(here, beside, evidence) if here.looked else here
