# SPDX-License-Identifier: Apache-2.0
"""How a session is opened from a command's options."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager

from engine_server.media import MaskSet, Plate, ViewTransform, open_plate, read_masks
from engine_server.network.inference import one_heap, precision_of, use_threads
from engine_server.session import Session

__all__ = ["open_session", "read_shot"]

log = logging.getLogger(__name__)


@contextmanager
def read_shot(options: argparse.Namespace) -> Iterator[tuple[Plate, MaskSet]]:
    """The plate and the painted masks that the options name; the plate is closed at the end."""
    view = ViewTransform(options.input_space, exposure=options.exposure)
    with closing(open_plate(options.video, view=view)) as plate:
        yield plate, read_masks(options.masks, plate)


def open_session(plate: Plate, masks: MaskSet, options: argparse.Namespace) -> Session:
    """A session on a plate, with every mask set as a reference."""
    one_heap()
    use_threads(options.threads)
    session = Session(
        plate,
        model=options.model,
        device=options.device,
        size=options.size,
        precision=options.precision,
    )
    for label, name in masks.names.items():
        session.add_object(name, obj=label)
    for frame in sorted(masks.frames):
        session.set_reference(frame, masks.frames[frame])
    log.info(_summary(session))
    return session


def _summary(session: Session) -> str:
    plate, count, network = session.plate, len(session.objects), session.tracker.network
    painted = ", ".join(map(str, sorted(session.references)))
    return (
        f"{plate.name}: {len(plate.frames)} frames {plate.frames[0]} to {plate.frames[-1]}, "
        f"{plate.size[1]} x {plate.size[0]}; {count} object{'s' * (count > 1)} painted on "
        f"{painted}; {network.config.name} on {session.runtime.device} in "
        f"{precision_of(network, session.runtime)}"
    )
