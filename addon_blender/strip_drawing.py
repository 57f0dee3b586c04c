# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the strip along the lower edge of the clip editor."""

from __future__ import annotations

from typing import NamedTuple

import blf
import bpy
from gpu.types import GPUBatch

from .host import BlenderHost
from .shaders import batch, flat_shader, projection
from .shared.commands import Shot
from .strip import EMPTY, LOCK, Colour, Strip, colour_of, lowest, quads, span

__all__ = ["draw", "forget", "strip_of"]

CACHE = 8  # pixels of Blender's own line below
HEIGHT = 16
HEADER = 40  # of the panel of the last operation, folded, at most
_BACK: Colour = (0.05, 0.05, 0.05, 0.75)
_REFERENCE: Colour = (1.0, 0.85, 0.2, 1.0)
_CANDIDATE: Colour = (1.0, 1.0, 1.0, 1.0)
_NOW: Colour = (0.35, 0.6, 0.95, 1.0)
_NOW_BACK: Colour = (0.2, 0.38, 0.68, 1.0)

Box = tuple[float, float, float, float, Colour]


class Place(NamedTuple):
    """Where the strip is: frames at its ends, its width, its lower edge, and pixels by point."""

    ends: tuple[int, int]
    width: float
    low: float
    scale: float

    @property
    def high(self) -> float:
        """Where it ends but for what stands out."""
        return self.low + HEIGHT * self.scale

    def span(self, frame: float) -> float:
        """Where a frame begins."""
        return span(frame, *self.ends, self.width)


_kept: dict[str, tuple[object, GPUBatch]] = {}


def forget() -> None:
    """Lets go of what was drawn."""
    _kept.clear()


def strip_of(shot: Shot, host: BlenderHost) -> Strip:
    """What there is to show of a clip; objects that are not visible don't count."""
    visible = [obj.object for obj in host.movie_clip().xmempp.objects if obj.visible]
    state = shot.state
    return Strip(
        lowest(host.confidence, visible),
        state.done if state else (),
        state.locked if state else (),
        state.references if state else (),
        shot.candidates,
    )


def draw(context: bpy.types.Context, shot: Shot, host: BlenderHost) -> None:
    """Draws all of it; it is built anew only where something changed."""
    strip, scene = strip_of(shot, host), context.scene
    shift = host.frames().shift
    ends = scene.frame_start + shift, scene.frame_end + shift
    scale = context.preferences.system.ui_scale
    low = CACHE * scale + _folded(context.area, context.region, scale)
    place = Place(ends, context.region.width, low, scale)
    kept = _kept.get(host.token)
    if kept is None or kept[0] != (strip, place):
        places, colours = quads(_boxes(strip, place))
        kept = (strip, place), batch("TRIS", pos=places, paint=colours)
        _kept[host.token] = kept
    flat_shader().bind()
    flat_shader().uniform_float("projection", projection())
    kept[1].draw(flat_shader())
    _draw_ranks(strip, place)
    _draw_now(context.space_data.clip_user.frame_current + shift, place)


def _folded(area: bpy.types.Area, region: bpy.types.Region, scale: float) -> float:
    """How far Blender's panel of the last operation reaches up, folded; 0 if it is not there.

    It would hide the beginning of the shot. Unfolded it is as it is everywhere in Blender.
    """
    tops = [
        hud.y + hud.height - region.y
        for hud in area.regions
        if hud.type == "HUD" and 1 < hud.height <= HEADER * scale
    ]
    return max(tops, default=0)


def _boxes(strip: Strip, place: Place) -> list[Box]:
    low, high, scale = place.low, place.high, place.scale
    boxes: list[Box] = [(0, low, place.width, high + 5 * scale, _BACK)]

    def box(first: int, last: int, bottom: float, top: float, colour: Colour) -> None:
        left, right = place.span(first), place.span(last + 1)
        boxes.append((left, bottom, max(right, left + 1), top, colour))

    for first, last in strip.done:
        box(first, last, low, high, EMPTY)
    for frame, sure in sorted(strip.sure.items()):
        box(frame, frame, low, low + (high - low) * max(sure, 0.15), colour_of(sure))
    for first, last in strip.locked:
        box(first, last, high, high + 3 * scale, LOCK)
    for frame in strip.references:
        boxes += _tick(frame, place, (low, high + 5 * scale), 1.5 * scale, _REFERENCE)
    for frame in strip.candidates:
        boxes += _tick(frame, place, (high, high + 5 * scale), 2.5 * scale, _CANDIDATE)
    return boxes


def _tick(
    frame: int, place: Place, heights: tuple[float, float], half: float, colour: Colour
) -> list[Box]:
    middle = place.span(frame + 0.5)
    return [(middle - half, heights[0], middle + half, heights[1], colour)]


def _draw_now(frame: int, place: Place) -> None:
    """Blender's own line and number of the current frame, above the strip instead of below."""
    scale, top, text = place.scale, place.high + 5 * place.scale, str(frame)
    blf.size(0, 11 * scale)
    wide = blf.dimensions(0, text)[0] + 8 * scale
    left = min(max(place.span(frame + 0.5) - wide / 2, 0), place.width - wide)
    boxes = [
        *_tick(frame, place, (0, top), scale, _NOW),
        (left, top, left + wide, top + 15 * scale, _NOW_BACK),
    ]
    places, colours = quads(boxes)
    flat_shader().bind()
    batch("TRIS", pos=places, paint=colours).draw(flat_shader())
    _write(text, left + 4 * scale, top + 4 * scale)


def _draw_ranks(strip: Strip, place: Place) -> None:
    """The best candidate is number 1."""
    blf.size(0, 11 * place.scale)
    for rank, frame in enumerate(strip.candidates, 1):
        text = str(rank)
        middle = place.span(frame + 0.5) - blf.dimensions(0, text)[0] / 2
        _write(text, middle, place.high + 9 * place.scale)


def _write(text: str, x: float, y: float) -> None:
    blf.color(0, *_CANDIDATE)
    blf.position(0, x, y, 0)
    blf.draw(0, text)
