# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done when a file is loaded, and after undo."""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from . import bridge, brush
from .shared.errors import XmemppError

__all__ = ["register", "unregister"]


@persistent
def before_load(*_: object) -> None:
    """The clips of the file that is left are closed in the engine."""
    brush.put_down()
    bridge.current().settle(leaves=True)
    bridge.current().leave_clips()


@persistent
def before_save(*_: object) -> None:
    """What the brush painted a moment ago is saved as well, and colours chosen then."""
    bridge.current().settle()
    bridge.current().settle_edits()


@persistent
def after_load(*_: object) -> None:
    """The clips of the new file take their sessions up, if an engine is there."""
    try:
        bridge.current().take_up()
    except XmemppError as error:
        bridge.current().show_error(error)


@persistent
def after_undo(*_: object) -> None:
    """Undo is Blender's own; what the engine told, and what the brush in use paints, comes back."""
    used = brush.current()
    painted = used.painted() if used is not None else {}
    bridge.current().restore()
    if used is not None:
        used.paint_again(painted)


def _handlers() -> tuple[tuple[list[object], object], ...]:
    lists = bpy.app.handlers
    return (
        (lists.load_pre, before_load),
        (lists.load_post, after_load),
        (lists.save_pre, before_save),
        (lists.undo_post, after_undo),
        (lists.redo_post, after_undo),
    )


def register() -> None:
    """Adds the handlers."""
    for functions, function in _handlers():
        functions.append(function)


def unregister() -> None:
    """Takes them away."""
    for functions, function in _handlers():
        functions.remove(function)
