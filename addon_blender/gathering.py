# SPDX-License-Identifier: GPL-3.0-or-later
"""What is painted at a frame, made into mattes by a thread and then given to the engine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from .host import BlenderHost
from .host_frame import Reader, mattes_of
from .shared.errors import NoReferences, UnknownFrame, UsageError, XmemppError
from .shared.messages import (
    AddReference,
    PaintedMatte,
    ReferenceReply,
    Request,
    SessionState,
    UpdateReference,
)
from .shared.steps import Step, SteppedShot

__all__ = ["give"]

Painted = tuple[PaintedMatte, ...]
Readers = dict[int, Reader]
Made = Callable[[Painted], Request[ReferenceReply]]


def give(
    shot: SteppedShot,
    host: BlenderHost,
    frame: int,
    request: type[AddReference] | type[UpdateReference],
) -> None:
    """Gathers what is painted at a frame, and sends it when it is made.

    Where memory for images is lacking, since those before are not made yet, it is gathered
    a moment later.

    Args:
        shot, host: the clip.
        frame: its own number.
        request: what is asked of the engine with it.

    Raises:
        NoReferences: nothing is painted there.
        UnknownFrame: the clip does not have the frame.
        BadMask: what is painted can't be used.
    """
    state, room = _checked(shot, frame), host.room_work()

    def made(mattes: Painted) -> Request[ReferenceReply]:
        return request(frame, mattes)

    if room is None:
        readers = _readers(host, state, frame)
        _make(shot, host, _step(shot, host, frame, [*readers]), readers, made)
    else:
        step = _step(shot, host, frame, [info.object for info in state.objects])
        _make_later(shot, host, step, room, lambda: _readers(host, state, frame), made)


def _make_later(
    shot: SteppedShot,
    host: BlenderHost,
    step: Step,
    room: Callable[[], None],
    gather: Callable[[], Readers],
    made: Made,
) -> None:
    """Gathers once there is memory; where Blender has undone the step by then, once it is redone.

    What is painted is another thing there.
    """

    def then() -> None:
        if not shot.is_there(step):
            shot.put_off(step, later)
            return
        try:
            readers = gather()
        except Exception as error:
            _leave(shot, host, step, error)
        else:
            _make(shot, host, step, readers, made)

    def work() -> None:
        with suppress(Exception):  # gathering tells what is lacking, and nothing waits for ever
            room()

    def later() -> None:
        host.submit(work, then)

    later()


def _make(
    shot: SteppedShot,
    host: BlenderHost,
    step: Step,
    readers: Readers,
    request: Made,
) -> None:
    """Makes the mattes in a thread; then the step has its request."""
    found = list[Painted | Exception]()

    def make() -> None:
        try:
            found.append(mattes_of(readers))
        except Exception as error:  # told by `then`, so that nothing waits for it for ever
            found.append(error)

    def then() -> None:
        try:
            wanted = request(_found(found[0]))
        except Exception as error:
            _leave(shot, host, step, error)
        else:
            shot.give(step, wanted)

    host.make(make, then)


def _leave(shot: SteppedShot, host: BlenderHost, step: Step, error: Exception) -> None:
    shot.leave(step)
    if not isinstance(error, XmemppError):
        raise error
    host.show_error(error)


def _step(shot: SteppedShot, host: BlenderHost, frame: int, objects: list[int]) -> Step:
    """Paintings count as given once the engine has them; an undo takes that back, too."""
    stamps = list[str]()

    def prepare() -> Callable[[], object]:
        marks = [host.paintings.mark(number, frame) for number in objects]
        return lambda: stamps.extend(mark() for mark in marks)

    return shot.begin(prepare, lambda: host.paintings.take_back(stamps), paints=True)


def _checked(shot: SteppedShot, frame: int) -> SessionState:
    if shot.state is None:
        raise UsageError("The clip is not open.", hint="Open it in the engine first.")
    if not any(first <= frame <= last for first, last in shot.state.frames):
        raise UnknownFrame(f"{shot.state.name} has no frame {frame}.")
    return shot.state


def _readers(host: BlenderHost, state: SessionState, frame: int) -> Readers:
    readers = host.readers(frame, state.objects)
    if not readers:
        raise NoReferences(f"Nothing is painted at frame {frame}.")
    return readers


def _found(mattes: Painted | Exception) -> Painted:
    if isinstance(mattes, Exception):
        raise mattes
    if not mattes:
        raise NoReferences("Nothing is painted at this frame.")
    return mattes
