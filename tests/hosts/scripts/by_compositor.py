# SPDX-License-Identifier: Apache-2.0
"""What Blender's own compositor makes of a mask."""

from __future__ import annotations

import math
from typing import Any

import bpy
import numpy as np

Point = tuple[float, float]


def circle(x: float, y: float, radius: float, corners: int = 24) -> list[Point]:
    """A polygon that is nearly a circle."""
    angles = [2 * math.pi * i / corners for i in range(corners)]
    return [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles]


def new_tree(scene: Any) -> tuple[Any, Any]:
    """An empty compositor of a scene, and the node at its end."""
    if bpy.app.version < (5, 0):
        scene.use_nodes = True
        scene.node_tree.nodes.clear()
        return scene.node_tree, scene.node_tree.nodes.new("CompositorNodeComposite")
    tree = scene.compositing_node_group = bpy.data.node_groups.new("m", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    return tree, tree.nodes.new("NodeGroupOutput")


def by_compositor(mask: Any, folder: str, size: tuple[int, int]) -> Any:
    """What it makes of a mask at the frame that is shown: H x W, 0..1, rows from the top."""
    scene = bpy.data.scenes.new("compositor")
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    render = scene.render
    render.resolution_y, render.resolution_x, render.resolution_percentage = *size, 100
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "BW"
    render.image_settings.color_depth = "16"
    render.filepath = f"{folder}/{mask.name}.png"
    scene.view_settings.view_transform = "Raw"
    tree, end = new_tree(scene)
    node = tree.nodes.new("CompositorNodeMask")
    node.mask = mask
    tree.links.new(node.outputs[0], end.inputs[0])
    bpy.ops.render.render(write_still=True, scene=scene.name)
    bpy.data.scenes.remove(scene)
    picture = bpy.data.images.load(render.filepath)
    picture.colorspace_settings.name = "Non-Color"
    width, height = picture.size
    pixels = np.array(picture.pixels[:]).reshape(height, width, picture.channels)
    return pixels[::-1, :, 0]
