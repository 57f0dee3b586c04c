# SPDX-License-Identifier: GPL-3.0-or-later
"""The mattes over the plate in the clip editor, the strip below it, the brush's circle.

It draws what is at hand; `following` gets what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import bpy
import gpu
import numpy as np
from numpy.typing import NDArray

from . import bridge, brush, shaders, strip_drawing
from .canvas import Rect
from .following import shown_frame
from .host import BlenderHost
from .pictures import Picture, place_of
from .shared.errors import XmemppError

__all__ = ["Layer", "hidden_by", "layers_at", "register", "touched", "unregister"]

Matte = NDArray[np.unsignedinteger]

_MOST = 12  # pictures that are kept on the graphics card

_handle: list[object] = []
_pictures: dict[tuple[object, ...], Picture] = {}


class Layer(NamedTuple):
    """A matte to be drawn."""

    object: int
    matte: Matte
    colour: tuple[float, float, float]


def register() -> None:
    """Draws from now on, where there is a window."""
    if not bpy.app.background:
        editor = bpy.types.SpaceClipEditor
        _handle.append(editor.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL"))


def unregister() -> None:
    """Draws no more."""
    for handle in _handle:
        bpy.types.SpaceClipEditor.draw_handler_remove(handle, "WINDOW")
    _handle.clear()
    _pictures.clear()
    strip_drawing.forget()
    shaders.forget()


def touched(matte: Matte, rect: Rect) -> None:
    """Pixels of a matte changed in place."""
    for picture in _pictures.values():
        if any(one is matte for one in picture.mattes):
            picture.touch(rect)


def hidden_by(space: bpy.types.SpaceClipEditor) -> str:
    """Why mattes can't be laid over what is shown; nothing where they can."""
    stable = space.clip.tracking.stabilization.use_2d_stabilization and space.show_stable
    if stable or space.clip_user.use_render_undistorted:
        return "Hidden: the plate is shown " + ("stabilised" if stable else "undistorted")
    return ""


def layers_at(host: BlenderHost, frame: int) -> list[Layer]:
    """Mattes of the visible objects at a frame: as they are painted now, or as the engine told."""
    told = host.sight.mattes.at(frame)
    found = []
    for obj in host.movie_clip().xmempp.objects:
        matte = _painted(host, obj.object, frame) if obj.visible else None
        matte = told.get(obj.object) if matte is None else matte
        if obj.visible and matte is not None:
            found.append(Layer(obj.object, matte, tuple(obj.colour)))
    return found


def _painted(host: BlenderHost, obj: int, frame: int) -> Matte | None:
    """What the brush paints, or painted and the engine does not have yet."""
    live = brush.current()
    if live is not None and live.paints(host, obj, frame):
        return live.matte
    try:
        return host.paintings.matte(obj, frame) if host.waits(obj, frame) else None
    except XmemppError:  # told when it is used
        return None


def _draw() -> None:
    context = bpy.context
    space, region = context.space_data, context.region
    found = bridge.current().find(space.clip) if space.clip is not None else None
    if found is None or found[0].state is None or space.view != "CLIP":
        return
    shot, host = found
    view = space.clip.xmempp.view
    gpu.state.blend_set("ALPHA")
    try:
        if view.show and not hidden_by(space):
            _draw_mattes(region, host, layers_at(host, shown_frame(host, space)), view)
        if view.strip:
            strip_drawing.draw(context, shot, host)
        if brush.current() is not None:
            brush.current().draw(context)
    finally:
        gpu.state.blend_set("NONE")


def _draw_mattes(
    region: bpy.types.Region,
    host: BlenderHost,
    layers: Sequence[Layer],
    view: bpy.types.PropertyGroup,
) -> None:
    place = place_of(region)
    if view.mode in ("TINT", "OUTLINE"):
        for layer in layers:
            opacity = view.opacity if view.mode == "TINT" else 1.0
            picture = _picture((host.token, layer.object), [layer.matte])
            picture.draw(region, place, view.mode, (*layer.colour, opacity))
    elif layers:
        picture = _picture((host.token, "all"), [layer.matte for layer in layers])
        picture.draw(region, place, view.mode, (1, 1, 1, 1))


def _picture(key: tuple[object, ...], mattes: Sequence[Matte]) -> Picture:
    found = _pictures.pop(key, None)
    if found is None or not found.shows(mattes):
        found = Picture(mattes)
    _pictures[key] = found
    while len(_pictures) > _MOST:
        del _pictures[next(iter(_pictures))]
    return found
