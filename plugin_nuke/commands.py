# SPDX-License-Identifier: Apache-2.0
"""What the buttons do: each gathers from the knobs, calls one command, and reports."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any

import nuke

from . import commands_shot, commands_work
from .bridge import current
from .shared.errors import FrameUnreadable, UsageError, XmemppError

__all__ = ["COMMANDS", "press", "run", "wait"]

log = logging.getLogger(__name__)

_pressed: list[str] = []

COMMANDS: dict[str, Callable[..., None]] = {**commands_shot.COMMANDS, **commands_work.COMMANDS}
"""By the name of the button."""


def press(command: str) -> None:
    """Does what a button of the present node says; what goes wrong is shown to the artist."""
    if _pressed:  # while frames are rendered Nuke still takes clicks
        _report(f"Wait until '{_pressed[0]}' is done.")
        return
    _pressed.append(command)
    try:
        _call(nuke.thisNode(), command)
        if not current().turns_by_itself:
            current().wait()
    except XmemppError as error:
        _report(str(error))
    except Exception as error:
        log.exception("%s failed", command)
        _report(f"XMem++ failed: {error}. Please report this, with what Nuke's terminal shows.")
    finally:
        _pressed.clear()


def run(node: nuke.Node, command: str, **options: Any) -> None:
    """Does it and waits until it is done.

    Raises:
        XmemppError: what went wrong; frames that can't be read only warn, as the rest is done.
    """
    _call(node, command, **options)
    wait()
    error = _left_over(node)
    if error is not None and not isinstance(error, FrameUnreadable):
        raise error


def wait(seconds: float = 600.0) -> None:
    """Waits until nothing is left to do; ``DeadlineExceeded`` if nothing goes on for so long."""
    current().wait(seconds=seconds)


def _call(node: nuke.Node, command: str, **options: Any) -> None:
    if not isinstance(node, nuke.Group) or command not in COMMANDS:
        raise UsageError(f"There is no command '{command}' here.")
    bridge = current()
    bridge.error = None
    with contextlib.suppress(UsageError):  # not open: the command says so where that matters
        bridge.host(node).forget_error()
    COMMANDS[command](node, **options)


def _left_over(node: nuke.Node) -> XmemppError | None:
    """What failed after a command had returned."""
    if current().error is not None:
        return current().error
    try:
        return current().host(node).error if isinstance(node, nuke.Group) else None
    except UsageError:
        return None


def _report(sentence: str) -> None:
    log.error("%s", sentence)
    if nuke.GUI:
        nuke.message(sentence)
    else:
        nuke.tprint(sentence)
