# SPDX-License-Identifier: GPL-3.0-or-later
"""What is painted at a frame, made into mattes by a thread and then given to the engine."""

from __future__ import annotations

from collections.abc import Callable

from .host import BlenderHost
from .host_frame import mattes_of
from .shared.commands import Shot
from .shared.errors import NoReferences, UnknownFrame, UsageError, XmemppError
from .shared.messages import AddReference, PaintedMatte, SessionState, UpdateReference

__all__ = ["give"]

Painted = tuple[PaintedMatte, ...]


def give(
    shot: Shot, host: BlenderHost, request: type[AddReference] | type[UpdateReference]
) -> None:
    """Gathers what is painted at the current frame, and sends it when it is made.

    Where memory for images is lacking, since those before are not made yet, it is gathered
    a moment later.

    Args:
        shot, host: the clip.
        request: what is asked of the engine with it.

    Raises:
        NoReferences: nothing is painted there.
        UnknownFrame: the clip does not have the frame.
        BadMask: what is painted can't be used.
    """
    frame, room = host.current_frame(), host.room_work()
    if room is None:
        _gather(shot, host, request, frame)
        return
    _check(shot, frame)

    def then() -> None:
        try:
            _gather(shot, host, request, frame)
        except XmemppError as error:
            host.show_error(error)

    host.submit(room, then)


def _gather(
    shot: Shot, host: BlenderHost, request: type[AddReference] | type[UpdateReference], frame: int
) -> None:
    found = list[Painted | XmemppError]()
    readers = _readers(shot, host, frame)
    marks = [host.paintings.mark(number, frame) for number in readers]

    def make() -> None:
        try:
            found.append(mattes_of(readers))
        except XmemppError as error:
            found.append(error)

    def then() -> None:
        try:
            mattes = _found(frame, found[0])
            shot.edit(request(frame, mattes), lambda: [mark() for mark in marks])
        except XmemppError as error:
            host.show_error(error)

    host.submit(make, then)


def _check(shot: Shot, frame: int) -> SessionState:
    if shot.state is None:
        raise UsageError("The clip is not open.", hint="Open it in the engine first.")
    if not any(first <= frame <= last for first, last in shot.state.frames):
        raise UnknownFrame(f"{shot.state.name} has no frame {frame}.")
    return shot.state


def _readers(shot: Shot, host: BlenderHost, frame: int) -> dict[int, Callable[[], object]]:
    readers = host.readers(frame, _check(shot, frame).objects)
    if not readers:
        raise NoReferences(f"Nothing is painted at frame {frame}.")
    return readers


def _found(frame: int, mattes: Painted | XmemppError) -> Painted:
    if isinstance(mattes, XmemppError):
        raise mattes
    if not mattes:
        raise NoReferences(f"Nothing is painted at frame {frame}.")
    return mattes
