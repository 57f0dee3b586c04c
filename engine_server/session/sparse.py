# SPDX-License-Identifier: Apache-2.0
"""Looking only where something changes.

In calm stretches of a shot the mattes of two frames that the network has looked at, carried by flow
to the frames in between, agree to a fraction of a pixel; a look of their own would add nothing.
Where they don't agree, the frame in the middle is looked at, and what is left on both sides of it
is tried again. Stretches grow while all is calm, and shrink to a single frame while it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TypeAlias

from shared.errors import FrameUnreadable

from .between import Seen, View, calm, steady, told
from .evidence import FlowEvidence
from .preparation import Preparation

__all__ = ["AHEAD", "Look", "Sight", "sparsely", "steadied"]

STRETCH = 4  # frames from one look to the next, where all is calm
AHEAD = 2 * STRETCH  # frames after it that one may depend on: its stretch's and the next one's

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
    known: list[Seen] = []  # at the ends of the last stretches, two of them
    waiting: list[tuple[int, View]] = []
    length = 2
    for frame, view in views:
        painted = frame in evidence.references
        if isinstance(view, FrameUnreadable):
            yield view
        else:
            waiting.append((frame, view))
        if waiting and (not known or len(waiting) >= length or painted):
            end, quiet = yield from _stretch(known, waiting, look, evidence)
            if known:
                length = min(STRETCH, 2 * length) if quiet else max(1, length // 2)
            known, waiting = [*known[-1:], end], []
    if waiting:
        yield from _stretch(known, waiting, look, evidence)


def _stretch(
    known: Sequence[Seen], views: Sequence[tuple[int, View]], look: Look, evidence: FlowEvidence
) -> Generator[Sight, None, tuple[Seen, bool]]:
    """Looks at the last of some frames, then at what can't be told of the others.

    Returns:
        the last one, and whether nothing else had to be looked at; of a single frame, whether the
        one before it need not have been.
    """
    end = yield from look(*views[-1])
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
