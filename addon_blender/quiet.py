# SPDX-License-Identifier: GPL-3.0-or-later
"""Threads stand still while Blender runs an operator in an overridden context.

Blender (3.4 to 5.0) looks such a context up without Python's lock if another thread happens to hold
it, and crashes when that thread lets it go.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .shared.errors import Busy

__all__ = ["going_on", "later", "paused", "rest", "running", "wake"]

_TAIL = 0.001  # seconds in which a thread goes from its last line to sleep
_PATIENCE = 1.0  # seconds

_turn = threading.Condition()
_later: list[Callable[[], object]] = []
_state = {"running": 0, "paused": 0}


@contextmanager
def running() -> Iterator[None]:
    """What a thread does; waits for the end of a pause first."""
    with _turn:
        _go_on()
    try:
        yield
    finally:
        with _turn:
            _stand_still()


def rest(seconds: float, ended: Callable[[], bool]) -> None:
    """A thread that is `running` sleeps, and stands still in a pause.

    Args:
        seconds: at most.
        ended: tells, after `wake`, that it need not sleep any more.
    """
    end = time.monotonic() + seconds
    with _turn:
        while (left := end - time.monotonic()) > 0 and not ended():
            if _state["paused"]:
                _stand_still()
                _go_on()
            else:
                _turn.wait(left)


def wake() -> None:
    """Threads at rest look whether they are to end."""
    with _turn:
        _turn.notify_all()


@contextmanager
def paused() -> Iterator[None]:
    """No thread of the add-on runs; for the main thread, and short.

    Raises:
        Busy: what runs does not end within a second.
    """
    with _turn:
        _state["paused"] += 1
        _turn.notify_all()
        still = _turn.wait_for(lambda: not _state["running"], _PATIENCE)
    try:
        if not still:
            raise Busy("XMem++ is at work beside Blender.", hint="Wait a moment, and try again.")
        time.sleep(_TAIL)
        yield
    finally:
        with _turn:
            _state["paused"] -= 1
            _turn.notify_all()
        _call_later()


@contextmanager
def going_on() -> Iterator[None]:
    """Threads run for a while within a pause; for the main thread, which only waits for them.

    They stand still again at the end, and what they are at by then is waited for.
    """
    with _turn:
        depth, _state["paused"] = _state["paused"], 0
        _turn.notify_all()
    _call_later()
    try:
        yield
    finally:
        if depth:
            _pause_again(depth)


def later(function: Callable[[], object]) -> None:
    """Calls a function that wakes a thread: now, or when the pause has ended."""
    if _state["paused"]:
        _later.append(function)
    else:
        function()


def _call_later() -> None:
    while _later and not _state["paused"]:
        _later.pop(0)()


def _pause_again(depth: int) -> None:
    with _turn:
        _state["paused"] = depth
        _turn.notify_all()
        _turn.wait_for(lambda: not _state["running"])
    time.sleep(_TAIL)


def _go_on() -> None:
    _turn.wait_for(lambda: not _state["paused"])
    _state["running"] += 1


def _stand_still() -> None:
    _state["running"] -= 1
    _turn.notify_all()
