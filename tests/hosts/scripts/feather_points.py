# SPDX-License-Identifier: Apache-2.0
"""Points of a spline's feather that are none of the spline; only an operator makes them."""

from __future__ import annotations

import ctypes
from typing import Any

import bpy

_CUR, _MASK = 16, 64  # bytes into Blender's View2D: what is seen of it, and in which pixels

Places = list[tuple[float, float]]


def add_feather_points(mask: Any, clip: Any, own: dict[int, Places]) -> None:
    """Gives segments of a mask's first spline feather points.

    Args:
        mask: with straight segments, on which no feather point is yet.
        clip: is shown meanwhile.
        own: place along the segment (rising) and weight, by the segment's first point.
    """
    spline = mask.layers[0].splines[0]
    points, widths = [*spline.points], [point.weight for point in spline.points]
    for point in points:  # the operator looks for the feather near a place: now at the outline
        point.weight = 0.0
    bpy.context.view_layer.update()
    with _mask_editor(mask, clip):
        for index, places in own.items():
            start, end = points[index].co, points[(index + 1) % len(points)].co
            for number in range(len(places)):
                at = start + (end - start) * ((number + 1) / (len(places) + 1))
                assert bpy.ops.mask.add_feather_vertex(location=at) == {"FINISHED"}
    for point, width in zip(points, widths, strict=True):
        point.weight = width
    for index, places in own.items():
        there = points[index].feather_points
        assert len(there) == len(places)
        for feather, place in zip(there, places, strict=True):
            feather.u, feather.weight = place


def _mask_editor(mask: Any, clip: Any) -> Any:
    """A clip editor that shows a mask. Without a window Blender gives its view no size."""
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda area: area.width * area.height)
    area.type = "CLIP_EDITOR"
    space = area.spaces.active
    space.clip, space.mode, space.mask = clip, "MASK", mask
    region = next(one for one in area.regions if one.type == "WINDOW")
    view = region.view2d.as_pointer()
    (ctypes.c_float * 4).from_address(view + _CUR)[:] = [0, 1, 0, 1]
    (ctypes.c_int * 4).from_address(view + _MASK)[:] = [0, 1000, 0, 1000]
    assert region.view2d.region_to_view(500, 500) == (0.5, 0.5)
    return bpy.context.temp_override(window=window, area=area, region=region)
