# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours that the artist chooses in the list of objects: an edit, once they stay."""

from __future__ import annotations

import math
import time

import bpy

from . import bridge
from .host import BlenderHost, redraw
from .shared.messages import ColourObject, SessionState
from .shared.steps import SteppedShot
from .sight import Chosen

__all__ = ["chosen", "send", "send_at_once"]

_SETTLED = 0.5  # seconds after which a colour counts as chosen


def chosen(obj: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    """A colour was set; Blender makes a step of undo of it, which the edit belongs to."""
    redraw()
    shot, host = bridge.current().find(obj.id_data) or (None, None)
    if shot is None or shot.state is None or host.told:
        return
    number, colour, before = obj.object, _bytes(obj), _told(shot.state, obj.object)
    waiting = host.sight.colours.pop(number, None)
    if waiting is not None and waiting.step.token != host.step:  # Blender is at another step by now
        shot.give(waiting.step, ColourObject(number, waiting.colour))
        before, waiting = waiting.colour, None
    if waiting is not None or before not in (None, colour):
        step = waiting.step if waiting is not None else shot.begin()
        host.sight.colours[number] = Chosen(step, colour, time.monotonic() + _SETTLED)


def send_at_once(shot: SteppedShot, host: BlenderHost) -> None:
    """Does not wait whether they stay: the file is saved, or the clip is left."""
    if shot.state is not None:
        send(shot, shot.state, host, now=math.inf)


def send(
    shot: SteppedShot, state: SessionState, host: BlenderHost, *, now: float | None = None
) -> None:
    """Asks for those that have stayed for a while; also for undone ones, which may come again."""
    now = time.monotonic() if now is None else now
    for number, one in [*host.sight.colours.items()]:
        if now > one.due:
            del host.sight.colours[number]
            if _told(state, number) in (None, one.colour):
                shot.leave(one.step)
            else:
                shot.give(one.step, ColourObject(number, one.colour))


def _told(state: SessionState, number: int) -> tuple[int, ...] | None:
    return next((info.colour for info in state.objects if info.object == number), None)


def _bytes(obj: bpy.types.PropertyGroup) -> tuple[int, ...]:
    return tuple(round(part * 255) for part in obj.colour)
