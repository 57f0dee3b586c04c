# SPDX-License-Identifier: Apache-2.0
"""Masks as mattes, against Blender's own compositor: ``masks.py -- ZIP PLATE FOLDER``.

The compositor grows every outline by half a pixel, so that values may come from the next one.
Those with feather are in ``feather.py``.
"""

import sys
import time
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from by_compositor import by_compositor, circle
from inside import arguments, draw_mask, in_mask, install, open_plate, part, refused

SIZE = (90, 160)


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
    opened = draw_mask("open", [(30, 20), (120, 33), (70, 80)], SIZE)
    opened.layers[0].splines[0].use_cyclic = False  # it is filled all the same
    for name, turn in (("holed", 1), ("holed other way", -1)):
        holed = draw_mask(name, circle(80, 45, 35), SIZE)
        hole = holed.layers[0].splines.new()
        hole.use_cyclic = holed.layers[0].use_fill_holes = True
        hole.points.add(23)
        for point, (x, y) in zip(hole.points, circle(80, 45, 15)[::turn]):  # noqa: B905
            point.handle_left = point.co = point.handle_right = in_mask(x, y, SIZE)
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


def middle(matte):
    """Where a matte is, in pixels."""
    rows, columns = np.nonzero(matte > 0.5)
    return columns.mean(), rows.mean()


def with_shape_keys(part, package, errors, clip):
    """At any frame; at the one that is shown, what the artist has not keyed is what counts."""
    host_mask, strands = part(package, "host_mask"), part(package, "strands")
    mask = bpy.data.masks.new("keyed")
    shapes = {frame: np.array(circle(20 + frame, 30, 12)) for frame in (1, 21)}
    size = tuple(map(int, clip.size))
    write, frames = part(package, "host_spline").write_strands, [(1, 1), (21, 21)]
    for _ in write(mask, "disc", clip, [strands.Strand(0, shapes)], frames):
        pass
    at = {f: middle(host_mask.matte_of_mask(mask, "disc", f, size[::-1]))[0] for f in (1, 7, 11)}
    assert abs(at[7] - at[1] - 6) < 0.5, at
    assert abs(at[11] - at[1] - 10) < 0.5, at
    bpy.context.scene.frame_set(11)
    assert abs(middle(host_mask.matte_of_mask(mask, "disc", 11, size[::-1]))[0] - at[11]) < 0.1
    points = mask.layers["disc"].splines[0].points
    for point in points:
        point.co.y += 0.1
        point.handle_left.y += 0.1
        point.handle_right.y += 0.1
    lifted = middle(host_mask.matte_of_mask(mask, "disc", 11, size[::-1]))[1]
    height = points[0].co.y
    assert lifted < 30 - 0.09 * max(size)
    points[0].weight = 0.05
    softened = middle(host_mask.matte_of_mask(mask, "", 11, size[::-1]))[1]
    assert abs(softened - lifted) < 0.05 * max(size)
    points[1].handle_left_type, points[1].handle_right_type = "ALIGNED", "FREE"
    points[1].parent.id = clip  # this has to be rendered
    refused(lambda: host_mask.matte_of_mask(mask, "", 11, size[::-1]), errors, "not keyed")
    host_mask.matte_of_mask(mask, "", 15, size[::-1])
    assert points[0].co.y == height, "a render must not take back what was not keyed"
    bpy.context.scene.frame_set(7)


def main():
    archive, plate, folder = arguments()
    package = install(archive)
    host_mask, errors = part(package, "host_mask"), part(package, "shared.errors")
    bpy.context.scene.frame_set(7)
    for mask in drawn() + with_modes():
        mine = host_mask.matte_of_mask(mask, "", 7, SIZE)
        theirs = by_compositor(mask, folder, SIZE)
        near = np.stack([np.roll(mine, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)])
        off = np.maximum(near.min(axis=0) - theirs, theirs - near.max(axis=0))
        assert off.max() < 0.15, mask.name
        assert abs(mine - theirs).mean() < 0.02
    assert host_mask.matte_of_mask(bpy.data.masks["holed other way"], "", 7, SIZE)[45, 80] == 0
    assert [scene.name for scene in bpy.data.scenes] == ["Scene"]
    assert bpy.context.scene.frame_current == 7

    mask = bpy.data.masks["polygon"]
    layer = mask.layers[0]
    for frame, alpha in ((1001, 1.0), (1011, 0.0)):
        layer.alpha = alpha
        layer.keyframe_insert("alpha", frame=frame)
    peaks = [host_mask.matte_of_mask(mask, "disc", f, SIZE).max() for f in (1001, 1006, 1011)]
    assert np.allclose(peaks, [1, 0.5, 0], atol=0.01), peaks
    curved = bpy.data.masks["curved"]
    refused(lambda: host_mask.matte_of_mask(curved, "gone", 1, SIZE), errors, "no layer 'gone'")
    with_shape_keys(part, package, errors, open_plate(plate))
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
