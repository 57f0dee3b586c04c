# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks as the compositor renders them: where it can't be told where points on tracks are.

A copy of the mask is rendered in a scene that nobody sees; it takes about half a second at 1080p,
and outlines come out half a pixel larger, as in the compositor.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import bpy
import numpy as np

from .compositor_tree import made_tree, output_socket
from .image_file import matte_of_file
from .raster import Matte
from .tracked import is_known

__all__ = ["needs_rendering", "rendered"]

_PRIVATE = ".XMem++ render"


def needs_rendering(layer: bpy.types.MaskLayer) -> bool:
    """Whether a layer has what only Blender can make pixels of."""
    return not all(is_known(spline) for spline in layer.splines)


def rendered(mask: bpy.types.Mask, layer: str, scene_frame: int, size: tuple[int, int]) -> Matte:
    """What the compositor's Mask node makes of a mask at a frame.

    Args:
        mask: the mask; it is not touched.
        layer: one of its layers, by itself; empty for all.
        scene_frame: the scene's frame.
        size: height and width in pixels.

    Returns:
        H x W, 0..1, rows from the top.
    """
    with _kept(), _copy(mask, layer) as one, _scene(size) as scene, TemporaryDirectory() as folder:
        tree, _ = made_tree(scene)
        end = output_socket(tree)
        for node in [node for node in tree.nodes if node != end.node]:
            tree.nodes.remove(node)
        node = tree.nodes.new("CompositorNodeMask")
        node.mask = one
        tree.links.new(node.outputs[0], end)
        scene.frame_start = scene.frame_end = scene_frame
        scene.render.filepath = f"{folder}/matte_####"
        bpy.ops.render.render(animation=True, scene=scene.name)
        return matte_of_file(next(Path(folder).iterdir())).clip(0, 1)


@contextmanager
def _kept() -> Iterator[None]:
    """A render puts all masks back to their keys: what the artist has not keyed is kept."""
    names = ("handle_left", "co", "handle_right")
    before = []
    for mask in bpy.data.masks:
        for points in [spline.points for layer in mask.layers for spline in layer.splines]:
            for name in names:
                values = np.empty(2 * len(points), np.float32)
                points.foreach_get(name, values)
                before.append((mask, points, name, values))
    try:
        yield
    finally:
        for mask, points, name, values in before:
            points.foreach_set(name, values)
            mask.update_tag()


@contextmanager
def _copy(mask: bpy.types.Mask, layer: str) -> Iterator[bpy.types.Mask]:
    """The mask, or a layer of it as if it was alone."""
    copy = mask.copy()
    try:
        for other in [one for one in copy.layers if layer not in ("", one.name)]:
            copy.layers.remove(other)
        for only in copy.layers if layer else ():
            only.blend = "ADD"
        yield copy
    finally:
        bpy.data.masks.remove(copy)


@contextmanager
def _scene(size: tuple[int, int]) -> Iterator[bpy.types.Scene]:
    """A scene that writes floating point files of that size."""
    scene, groups = bpy.data.scenes.new(_PRIVATE), {*bpy.data.node_groups}
    render = scene.render
    render.resolution_y, render.resolution_x = size
    render.resolution_percentage = 100
    render.image_settings.file_format = "OPEN_EXR"
    render.image_settings.color_depth = "32"
    try:
        yield scene
    finally:
        bpy.data.scenes.remove(scene)
        for group in {*bpy.data.node_groups} - groups:
            bpy.data.node_groups.remove(group)
