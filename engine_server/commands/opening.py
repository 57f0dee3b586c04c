# SPDX-License-Identifier: Apache-2.0
"""How a session is opened from a command's options."""

from __future__ import annotations

import argparse
import logging
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from engine_server.media import ImageSequence, MaskSet, Plate, ViewTransform, open_plate, read_masks
from engine_server.session.begun import BegunFlow
from engine_server.session.gaps import Gap
from engine_server.session.scaling import Scaling
from engine_server.session.sweeps import frames_in, plan_sweeps

from .loading import load

if TYPE_CHECKING:
    from engine_server.session import Session

__all__ = ["begun_flow", "open_session", "read_shot"]

NETWORK = "engine_server.session.session"  # what needs torch

log = logging.getLogger(__name__)


@contextmanager
def read_shot(options: argparse.Namespace) -> Iterator[tuple[Plate, MaskSet]]:
    """The plate and the painted masks that the options name; the plate is closed at the end."""
    view = ViewTransform(options.input_space, exposure=options.exposure)
    with closing(open_plate(options.video, view=view)) as plate:
        yield plate, read_masks(options.masks, plate)


@contextmanager
def begun_flow(
    plate: Plate, masks: MaskSet, options: argparse.Namespace
) -> Iterator[BegunFlow | None]:
    """The flow that a propagation needs first, begun while torch is loaded.

    ``None`` where it needs none, and for movies: of those only one frame after the other is read
    quickly, and painted frames are to be read too.
    """
    rows = _rows(plate, masks, options)
    if not rows:
        yield None
        return
    scaling = Scaling.to_short_side(plate.size, options.size)
    with closing(BegunFlow(plate, scaling, rows)) as begun:
        yield begun


def _rows(plate: Plate, masks: MaskSet, options: argparse.Namespace) -> list[tuple[int, ...]]:
    """Frames that flow will be followed through, in the order of the propagation."""
    if not options.flow or options.adapt is not None or not isinstance(plate, ImageSequence):
        return []
    painted, gaps = sorted(masks.frames), dict[int, Gap]()
    for sweep in plan_sweeps(frames_in(plate, options.range), painted, options.direction):
        for frame in sweep:
            at = bisect_left(painted, frame)
            if frame not in masks.frames and at not in gaps:
                gaps[at] = Gap.around(frame, painted, plate.frames)
    return [piece for gap in gaps.values() for piece in gap.pieces]


def open_session(
    plate: Plate, masks: MaskSet, options: argparse.Namespace, begun: BegunFlow | None = None
) -> Session:
    """A session on a plate, with every mask set as a reference."""
    load(NETWORK)
    from engine_server.network.inference import use_threads
    from engine_server.session import Session

    use_threads(options.threads)
    session = Session(
        plate,
        model=options.model,
        device=options.device,
        size=options.size,
        precision=options.precision,
        begun=begun,
    )
    for label, name in masks.names.items():
        session.add_object(name, obj=label)
    for frame in sorted(masks.frames):
        session.set_reference(frame, masks.frames[frame])
    log.info(_summary(session))
    return session


def _summary(session: Session) -> str:
    from engine_server.network.inference import precision_of

    plate, count, network = session.plate, len(session.objects), session.tracker.network
    painted = ", ".join(map(str, sorted(session.references)))
    return (
        f"{plate.name}: {len(plate.frames)} frames {plate.frames[0]} to {plate.frames[-1]}, "
        f"{plate.size[1]} x {plate.size[0]}; {count} object{'s' * (count > 1)} painted on "
        f"{painted}; {network.config.name} on {session.runtime.device} in "
        f"{precision_of(network, session.runtime)}"
    )
