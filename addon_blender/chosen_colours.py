# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours that the artist chooses in the list of objects: an edit, once they stay."""

from __future__ import annotations

import time

import bpy

from . import bridge
from .host import BlenderHost, redraw
from .shared.errors import NotFound
from .shared.messages import ColourObject, SessionState
from .shared.steps import SteppedShot

__all__ = ["chosen", "send"]

_SETTLED = 0.5  # seconds after which a colour counts as chosen


def chosen(obj: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    """A colour was set; Blender makes a step of undo of it, which the edit belongs to."""
    redraw()
    shot, host = bridge.current().find(obj.id_data) or (None, None)
    if shot is None or shot.state is None or host.told:
        return
    waiting = host.sight.colours.pop(obj.object, None)
    step = waiting[0] if waiting is not None else None
    if step is not None and step.token != host.step:  # Blender is at another step by now
        shot.leave(step)
        step = None
    if step is not None or _told(shot.state, obj.object) not in (None, _bytes(obj)):
        due = time.monotonic() + _SETTLED
        host.sight.colours[obj.object] = step or shot.begin(), due


def send(shot: SteppedShot, state: SessionState, host: BlenderHost) -> None:
    """Asks for those that have stayed for a while."""
    due = [obj for obj, (_, since) in host.sight.colours.items() if time.monotonic() > since]
    for number in due:
        step, _ = host.sight.colours.pop(number)
        colour = _shown(host, number)
        if colour not in (None, _told(state, number)):
            shot.give(step, ColourObject(number, colour))
        else:
            shot.leave(step)


def _shown(host: BlenderHost, number: int) -> tuple[int, ...] | None:
    """An object's colour in the list; None where it is not there, or where undo took the clip."""
    try:
        objects = host.movie_clip().xmempp.objects
    except NotFound:
        return None
    return next((_bytes(one) for one in objects if one.object == number), None)


def _told(state: SessionState, number: int) -> tuple[int, ...] | None:
    return next((info.colour for info in state.objects if info.object == number), None)


def _bytes(obj: bpy.types.PropertyGroup) -> tuple[int, ...]:
    return tuple(round(part * 255) for part in obj.colour)
