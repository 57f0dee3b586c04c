# SPDX-License-Identifier: Apache-2.0
"""Carrying the mattes through the frames, one frame at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial, reduce
from itertools import zip_longest

import numpy as np
import torch
from numpy.typing import NDArray

from engine_server.media import Plate
from shared.errors import FrameUnreadable

from .between import Seen, View
from .closeup import CloseUp
from .confidence import confidence
from .evidence import FlowEvidence
from .flow import fuse, hints
from .keys import FrameKeys
from .lanes import LANES, Lanes, Plan, lanes
from .preparation import Preparation
from .references import Matte
from .scaling import Scaling
from .sparse import Look, Sight, sparsely, steadied
from .tracker import Found, Tracker, as_mattes, as_picture

__all__ = ["FrameResult", "PropagationReport", "Step", "prefetched", "run_sweep"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FrameResult:
    """One finished frame.

    Attributes:
        frame: its number.
        mattes: by object id, H x W float32 in 0..1 at the plate's size; what was painted
            comes back exactly as it was given.
        confidence: by object id, the expected intersection over union with the truth, 0..1; 1
            where the matte was painted.
        painted: ids of the objects painted at this frame.
        view: H x W x 3 uint8, the model view of the plate (read-only).
        keys: what the frame looks like to the network; ``None`` where it did not have to look.
    """

    frame: int
    mattes: dict[int, Matte]
    confidence: dict[int, float]
    painted: frozenset[int]
    view: View
    keys: FrameKeys | None = None

    def labels(self) -> NDArray[np.uint8]:
        """H x W object ids: the most probable object of each pixel, 0 where it is none."""
        best = np.clip(1 - reduce(np.add, self.mattes.values()), 0, 1)
        labels = np.zeros(best.shape, np.uint8)
        for obj, matte in self.mattes.items():
            labels[matte > best] = obj
            np.maximum(best, matte, out=best)
        return labels


Step = FrameResult | FrameUnreadable | Preparation
"""What a propagation comes along with: a result, why there is none, or work before results."""


@dataclass
class PropagationReport:
    """What a propagation did.

    Attributes:
        done: finished frames, in the order of their finishing.
        skipped: frame number -> why it could not be done.
        cancelled: whether it was stopped before the end.
    """

    done: list[int] = field(default_factory=list)
    skipped: dict[int, str] = field(default_factory=dict)
    cancelled: bool = False


def prefetched(plate: Plate, frames: Sequence[int]) -> Iterator[tuple[int, View | FrameUnreadable]]:
    """Model views in order, the next one read while the present one is worked on."""
    with ThreadPoolExecutor(1, "plate-reader") as reader:
        waiting: Future[View] | None = None
        for frame, following in zip_longest(frames, frames[1:]):
            present = waiting or reader.submit(plate.view, frame)
            waiting = None if following is None else reader.submit(plate.view, following)
            try:
                yield frame, present.result()
            except FrameUnreadable as error:
                yield frame, error


def run_sweep(
    tracker: Tracker | CloseUp,
    plate: Plate,
    frames: Sequence[int],
    references: Mapping[int, Mapping[int, Matte]],
    scaling: Scaling,
    evidence: FlowEvidence | None,
) -> Iterator[Step]:
    """Visits frames in order with a fresh working memory.

    Args:
        tracker: holds all references in permanent memory already.
        plate: where the pictures come from.
        frames: the order of visiting.
        references: painted mattes by frame and object, at plate size.
        scaling: between plate and network.
        evidence: carried by optical flow, or ``None`` for the network alone.

    Yields:
        a result per frame, or the error of a frame that can't be read; before the first
        result in a gap each step of the flow into it.
    """
    tracker.restart()
    recurrent = tracker.network.config.recurrent
    see = partial(_see, tracker, references, scaling, evidence)
    plan = partial(_plan, tracker, references, frames[-1])
    most = 1 if recurrent else LANES
    with lanes(tracker.device, most) as pool:
        look = Lanes(plan, see, tracker.take, evidence, pool, most)
        views = prefetched(plate, frames)
        if evidence is None or recurrent:  # the latter live from frame to frame
            sights = _all_of(views, look)
        else:
            sights = steadied(sparsely(views, look, evidence), evidence)
        for sight in sights:
            if isinstance(sight, Seen):
                yield _result(sight, tracker.objects, references.get(sight.frame, {}), scaling)
                continue
            if isinstance(sight, FrameUnreadable):
                log.warning("frame %d skipped: %s", sight.frame, sight)
            yield sight


def _all_of(views: Iterator[tuple[int, View | FrameUnreadable]], look: Look) -> Iterator[Sight]:
    """Looks at every frame, and ahead at the next one."""
    waiting: list[tuple[int, View]] = []
    for frame, view in views:
        if isinstance(view, FrameUnreadable):
            yield view
            continue
        waiting.append((frame, view))
        if len(waiting) > LANES - 1:
            look.ahead(*waiting[0])
            look.ahead(frame, view)
            yield (yield from look(*waiting.pop(0)))
    for one in waiting:
        yield (yield from look(*one))


def _plan(
    tracker: Tracker | CloseUp, references: Mapping[int, Mapping[int, Matte]], last: int, frame: int
) -> Plan:
    """What the look at a frame goes by."""
    return tracker.plan(references.get(frame, ()), last=frame == last)


def _see(
    tracker: Tracker | CloseUp,
    references: Mapping[int, Mapping[int, Matte]],
    scaling: Scaling,
    evidence: FlowEvidence | None,
    frame: int,
    view: View,
    plan: Plan,
) -> tuple[Seen, Found]:
    """What the network says of a frame whose gap is filled."""
    painted = references.get(frame, {})
    small = as_mattes({i: scaling.matte_in(matte) for i, matte in painted.items()})
    carried = evidence.at(frame) if evidence is not None and not painted else []
    takes = bool(carried) and tracker.network.config.hints > 0
    shown = torch.from_numpy(hints(tracker.objects, carried)) if takes else None
    found = tracker.see(as_picture(scaling.view(view)), small, shown, plan)
    planes = found.planes.cpu().numpy()
    fused = fuse(planes, tracker.objects, carried) if carried and not takes else planes[1:]
    glances = found.glance[1:] if found.glance is not None else [None] * len(fused)
    sure = tuple(1.0 if i in painted else confidence(p, glance)
                 for i, p, glance in zip(tracker.objects, fused, glances, strict=True))  # fmt: skip
    looked = any(obj not in painted for obj in tracker.objects)
    return Seen(frame, view, fused, sure, looked, found.keys), found


def _result(
    seen: Seen, objects: Sequence[int], painted: Mapping[int, Matte], scaling: Scaling
) -> FrameResult:
    """Mattes at the plate's size, painted ones as they were given."""
    mattes = dict(zip(objects, scaling.mattes_out(seen.planes), strict=True))
    sure = dict(zip(objects, seen.confidence, strict=True))
    finished = {**mattes, **painted}
    return FrameResult(seen.frame, finished, sure, frozenset(painted), seen.view, seen.keys)
