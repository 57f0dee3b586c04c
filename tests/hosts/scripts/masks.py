# SPDX-License-Identifier: Apache-2.0
"""Masks as mattes, against Blender's own compositor: ``masks.py -- ZIP PLATE FOLDER``.

The compositor grows every outline by half a pixel, so that values may come from the next one.
"""

import math
import sys
import time
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from inside import arguments, draw_mask, install, open_plate, part

SIZE = (90, 160)


def circle(x, y, radius, corners=24):
    """A polygon that is nearly a circle."""
    angles = [2 * math.pi * i / corners for i in range(corners)]
    return [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles]


def by_compositor(mask, folder):
    """What the compositor makes of a mask: H x W, rows from the top."""
    scene = bpy.data.scenes.new("compositor")
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    scene.camera, scene.use_nodes = camera, True
    render = scene.render
    render.resolution_y, render.resolution_x, render.resolution_percentage = *SIZE, 100
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "BW"
    render.filepath = f"{folder}/{mask.name}.png"
    scene.view_settings.view_transform = "Raw"
    nodes, links = scene.node_tree.nodes, scene.node_tree.links
    nodes.clear()
    node, end = nodes.new("CompositorNodeMask"), nodes.new("CompositorNodeComposite")
    node.mask = mask
    links.new(node.outputs[0], end.inputs[0])
    bpy.ops.render.render(write_still=True, scene=scene.name)
    bpy.data.scenes.remove(scene)
    picture = bpy.data.images.load(render.filepath)
    picture.colorspace_settings.name = "Non-Color"
    width, height = picture.size
    pixels = np.array(picture.pixels[:]).reshape(height, width, picture.channels)
    return pixels[::-1, :, 0]


def drawn():
    """Masks of every kind, by name."""
    draw_mask("polygon", [(30.5, 20), (120, 33.3), (70, 80)], SIZE)
    draw_mask("two circles", circle(60, 40, 25), SIZE)
    draw_mask("two circles", circle(95, 45, 22), SIZE, "other")
    draw_mask("outside", circle(5, 88, 30), SIZE)
    draw_mask("nested", circle(80, 45, 35), SIZE)
    curved = draw_mask("curved", [(40, 45), (80, 20), (120, 45), (80, 75)], SIZE)
    points = list(curved.layers[0].splines[0].points)
    for before, point, after in zip(points[-1:] + points[:-1], points, points[1:] + points[:1]):  # noqa: B905 - as long as each other
        along = (after.co - before.co) / 6
        point.handle_left, point.handle_right = point.co - along, point.co + along
    inverted = draw_mask("inverted", circle(80, 45, 30), SIZE)
    inverted.layers[0].invert, inverted.layers[0].alpha = True, 0.75
    return list(bpy.data.masks)


def with_modes():
    """Two circles in every mode of blending."""
    modes = bpy.types.MaskLayer.bl_rna.properties["blend"].enum_items.keys()
    for mode in modes:
        draw_mask(f"mode {mode}", circle(60, 40, 25), SIZE)
        mask = draw_mask(f"mode {mode}", circle(95, 45, 22), SIZE, "other")
        for layer, alpha in zip(mask.layers, (0.8, 0.6)):  # noqa: B905 - Blender has its own zip
            layer.alpha = alpha
            layer.blend = mode if layer.name == "other" else "MERGE_ADD"
    return [bpy.data.masks[f"mode {mode}"] for mode in modes]


def refused(host_mask, errors, mask, words):
    """Asserts that a mask can't be read, and that it is told why."""
    try:
        host_mask.matte_of_mask(mask, "disc", 1001, SIZE)
    except errors.BadMask as error:
        sentence = str(error)
    assert words in sentence, sentence


def main():
    archive, plate, folder = arguments()
    package = install(archive)
    host_mask, errors = part(package, "host_mask"), part(package, "shared.errors")
    bpy.context.scene.frame_set(7)
    for mask in drawn() + with_modes():
        mine = host_mask.matte_of_mask(mask, "", 7, SIZE)
        theirs = by_compositor(mask, folder)
        near = np.stack([np.roll(mine, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)])
        off = np.maximum(near.min(axis=0) - theirs, theirs - near.max(axis=0))
        assert off.max() < 0.15, mask.name
        assert abs(mine - theirs).mean() < 0.02
    assert [scene.name for scene in bpy.data.scenes] == ["Scene"]
    assert bpy.context.scene.frame_current == 7

    mask = bpy.data.masks["polygon"]
    layer = mask.layers[0]
    for frame, alpha in ((1001, 1.0), (1011, 0.0)):
        layer.alpha = alpha
        layer.keyframe_insert("alpha", frame=frame)
    peaks = [host_mask.matte_of_mask(mask, "disc", f, SIZE).max() for f in (1001, 1006, 1011)]
    assert np.allclose(peaks, [1, 0.5, 0], atol=0.01), peaks
    point = bpy.data.masks["curved"].layers[0].splines[0].points[0]
    point.weight = 0.1
    refused(host_mask, errors, bpy.data.masks["curved"], "feather")
    point.weight = 0
    point.parent.id = open_plate(plate)
    refused(host_mask, errors, bpy.data.masks["curved"], "follow a track")
    layer.hide_render = True
    assert host_mask.matte_of_mask(mask, "disc", 1001, SIZE) is None

    big = draw_mask("big", circle(960, 540, 500, 200), (1080, 1920))
    times = []
    for _ in range(5):
        began = time.perf_counter()
        host_mask.matte_of_mask(big, "disc", 1001, (1080, 1920))
        times.append(1e3 * (time.perf_counter() - began))
    assert min(times) < 150  # milliseconds; about 30 where nothing else runs


main()
