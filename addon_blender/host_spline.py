# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving outlines as a mask: a layer for each depth, its splines keyed at every frame.

Blender lets Python set no shape keys but by an operator. It wants a clip editor that shows the
mask, and takes the frame of the window's scene: both are borrowed, and given back as they were.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import bpy
import numpy as np

from . import quiet
from .plate import plate_size
from .raster import Points
from .shared.errors import UsageError
from .strands import Strand

__all__ = ["remove_layers", "write_strands"]

_PRIVATE = ".XMem++ splines"
_SLICE = 0.02  # seconds

Place = tuple[str, int]  # of a spline: its layer's name, its number there


def write_strands(
    mask: bpy.types.Mask,
    name: str,
    clip: bpy.types.MovieClip,
    strands: Sequence[Strand],
    frames: Sequence[tuple[int, int]],
) -> Iterator[None]:
    """Puts outlines into a mask, in place of those written before under that name.

    Goes on with each step of the iterator, for about `_SLICE` seconds.

    Args:
        mask: other layers of it stay as they are.
        name: of the layers; those of holes and islands get a number.
        clip: whose pixels the outlines count.
        strands: of outlines.
        frames: those to key: by the clip's own number, and by the scene's.

    Raises:
        UsageError: the mask was changed between two steps.
    """
    remove_layers(mask, name)
    places = [_new_spline(mask, name, one) for one in strands]
    shapes = [one.shapes(frame for frame, _ in frames) for one in strands]
    names, size, left = (mask.name, clip.name), plate_size(clip), deque(at for _, at in frames)
    while left:
        yield
        mask, clip = bpy.data.masks.get(names[0]), bpy.data.movieclips.get(names[1])
        splines = _splines_at(mask if clip is not None else None, places, strands)
        with _others_at_rest(mask, name), _mask_editor(mask, clip) as override:
            end = time.perf_counter() + _SLICE
            while left and time.perf_counter() < end:
                points = [next(one) for one in shapes]
                _key(override, left.popleft(), [*zip(splines, points, strict=True)], size)
        mask.update_tag()


def layer_name(name: str, depth: int) -> str:
    """The layer of a depth: the object's own name, then with a number."""
    return f"{name} {depth + 1}" if depth else name


def remove_layers(mask: bpy.types.Mask, name: str) -> None:
    """Takes away what was written under a name."""
    for layer in [one for one in mask.layers if _is_ours(one, name)]:
        mask.layers.remove(layer)


def _is_ours(layer: bpy.types.MaskLayer, name: str) -> bool:
    number = layer.name[len(name) + 1 :]
    return layer.name == name or (layer.name == f"{name} {number}" and number.isdigit())


def _new_spline(mask: bpy.types.Mask, name: str, strand: Strand) -> Place:
    """A spline in the layer of its depth; that of the next depth is taken away from it."""
    for depth in range(strand.depth + 1):
        wanted = layer_name(name, depth)
        layer = mask.layers.get(wanted) or mask.layers.new(name=wanted)
        layer.blend = "SUBTRACT" if depth % 2 else "ADD"
    spline = layer.splines.new()
    spline.use_cyclic = True
    spline.points.add(strand.corners - len(spline.points))
    for point in spline.points:
        point.handle_left_type = point.handle_right_type = "FREE"
    return layer.name, len(layer.splines) - 1


def _splines_at(
    mask: bpy.types.Mask | None, places: Sequence[Place], strands: Sequence[Strand]
) -> list[bpy.types.MaskSpline]:
    """The splines anew, since undo replaces them; selected, since only such points are keyed."""
    found = []
    for (name, index), strand in zip(places, strands, strict=True):
        layer = mask.layers.get(name) if mask is not None else None
        spline = layer.splines[index] if layer is not None and index < len(layer.splines) else None
        if spline is None or len(spline.points) != strand.corners:
            raise UsageError("The mask was changed while it was written.", hint="Trace it again.")
        spline.points.foreach_set("select", [True] * strand.corners)
        found.append(spline)
    return found


def _key(
    override: dict[str, object],
    frame: int,
    shapes: Sequence[tuple[bpy.types.MaskSpline, Points]],
    size: tuple[int, int],
) -> None:
    override["window"].scene.frame_current = frame
    _insert_keys(override)  # or else Blender puts the points back before it keys them
    for spline, points in shapes:
        _set_points(spline, points, size)
    _insert_keys(override)


def _set_points(spline: bpy.types.MaskSpline, points: Points, size: tuple[int, int]) -> None:
    """Pixels from the top left to the mask's own places: 0..1 along the longer side, y up."""
    width, height = size
    places = (points - (width / 2, height / 2)) * (1, -1) / max(size) + 0.5
    flat = places.astype(np.float32).ravel()
    for name in ("co", "handle_left", "handle_right"):
        spline.points.foreach_set(name, flat)


def _insert_keys(override: dict[str, object]) -> None:
    with bpy.context.temp_override(**override):  # within `quiet.paused`
        if bpy.ops.mask.shape_key_insert() != {"FINISHED"}:
            raise UsageError("Blender can't key the splines.", hint="Please report this.")


@contextmanager
def _others_at_rest(mask: bpy.types.Mask, name: str) -> Iterator[None]:
    """Layers of the artist are not keyed meanwhile."""
    others = [one for one in mask.layers if not _is_ours(one, name) and not one.hide_select]
    for layer in others:
        layer.hide_select = True
    try:
        yield
    finally:
        for layer in others:
            layer.hide_select = False


@contextmanager
def _mask_editor(mask: bpy.types.Mask, clip: bpy.types.MovieClip) -> Iterator[dict[str, object]]:
    """A clip editor that shows the mask, in a scene that nobody sees; given back as it was."""
    window = bpy.context.window or bpy.context.window_manager.windows[0]
    areas = window.screen.areas
    area = next((one for one in areas if one.type == "CLIP_EDITOR"), areas[0])
    kind, area.type = area.type, "CLIP_EDITOR"
    space = area.spaces.active
    before = window.scene, space.clip, space.mode, space.mask
    scene = bpy.data.scenes.new(_PRIVATE)
    window.scene, space.clip, space.mode, space.mask = scene, clip, "MASK", mask
    region = next(one for one in area.regions if one.type == "WINDOW")
    try:
        with quiet.paused():
            yield {"window": window, "area": area, "region": region}
    finally:
        window.scene, space.clip, space.mode, space.mask = before
        area.type = kind
        bpy.data.scenes.remove(scene)
