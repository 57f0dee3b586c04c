# SPDX-License-Identifier: GPL-3.0-or-later
"""Plates that the engine can't read by their paths: their files are sent, one after the other.

It runs with the bridge's timer. Files are read by a thread.
"""

from __future__ import annotations

from collections.abc import Callable

from . import bridge
from .host import BlenderHost, redraw
from .host_frame import plate_file
from .shared.commands import Shot
from .shared.errors import FrameUnreadable, NotFound, PathRefused, UsageError
from .shared.messages import PutFrames

__all__ = ["frames_left", "send_on"]


def send_on() -> None:
    """A turn, for all clips."""
    for shot, host in bridge.current().shots():
        if not host.is_there:  # Blender's undo took the clip away, for now
            continue
        if shot.state is None:
            _open_otherwise(shot, host)
        elif not host.sent.busy and (left := frames_left(shot, host)):
            _send(shot, host, left[0])


def frames_left(shot: Shot, host: BlenderHost) -> list[int]:
    """Frames of a clip that the engine lacks, and that were not tried."""
    missing = shot.state.missing if shot.state is not None else ()
    each = (frame for first, last in missing for frame in range(first, last + 1))
    return [frame for frame in each if frame not in host.sent.tried]


def _open_otherwise(shot: Shot, host: BlenderHost) -> None:
    """Where the engine found no plate, the clip is opened as one that is sent."""
    no_plate = isinstance(host.error, (NotFound, PathRefused)) and host.remembered() is None
    if no_plate and not host.sent.chosen:
        host.sent.chosen, host.error = True, None
        try:
            shot.open()
        except UsageError as error:
            host.show_error(error)


def _send(shot: Shot, host: BlenderHost, frame: int) -> None:
    sent, plate = host.sent, plate_file(host.movie_clip())
    sent.tried.add(frame)
    sent.busy = True
    read = list[PutFrames | FrameUnreadable]()

    def work() -> None:
        try:
            read.append(sent.read(plate, frame))
        except FrameUnreadable as error:
            read.append(error)

    def ends() -> None:
        sent.busy = False

    host.submit(work, lambda: _put(shot, host, read[0], ends))


def _put(
    shot: Shot, host: BlenderHost, read: PutFrames | FrameUnreadable, ends: Callable[[], None]
) -> None:
    redraw()
    if isinstance(read, PutFrames) and shot.state is not None:
        shot.ask(read, lambda _: None, ends)
        return
    ends()
    if isinstance(read, FrameUnreadable):
        host.show_error(read)
