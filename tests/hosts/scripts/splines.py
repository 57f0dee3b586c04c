# SPDX-License-Identifier: Apache-2.0
"""Mattes as splines, back to mattes: ``splines.py -- ZIP PLATE FOLDER``. No engine is needed."""

import sys
import time
import zlib
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from inside import arguments, draw_mask, fails, install, open_plate, part

SIZE = (48, 80)
TOLERANCE = 0.3
FRAMES = range(1001, 1007)


def ring(at):
    """A ring with an island that moves, and on some frames a disc beside it."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    away = np.hypot(columns - 24 - at, rows - 24)
    soft = np.clip(0.5 + (16 - away) / 3, 0, 1) - np.clip(0.5 + (10 - away) / 3, 0, 1)
    island = np.clip(0.5 + (4.5 - away) / 3, 0, 1)
    beside = np.clip(0.5 + (6 - np.hypot(columns - 66, rows - 12)) / 3, 0, 1) * (at in (1, 2, 4))
    return np.maximum(soft + island, beside).astype(np.float32)


def write_matte(path, matte):
    """A PNG of 16 bits."""
    height, width = matte.shape
    image = bpy.data.images.new("matte", width, height, float_buffer=True, is_data=True)
    pixels = np.repeat(matte[::-1, :, None], 4, axis=2)
    pixels[..., 3] = 1
    image.pixels.foreach_set(np.ascontiguousarray(pixels, np.float32).ravel())
    settings = bpy.data.scenes.new("settings").render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "PNG", "BW", "16"
    bpy.context.scene.view_settings.view_transform = "Raw"
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)
    bpy.data.scenes.remove(bpy.data.scenes["settings"])


def with_mattes(clip, folder):
    """An object whose mattes are files."""
    obj = clip.xmempp.objects.add()
    obj.object, obj.name = 1, "ring"
    fails(bpy.ops.xmempp.splines_add, "has no mattes yet", clip=clip.name)
    obj.files = f"{folder}/ring"
    for frame in FRAMES:
        write_matte(f"{folder}/ring.{frame}.png", ring(frame - 1001))
    return obj


def is_within(package, found, matte, tolerance):
    """Where they differ, the matte's contour is within the tolerance, or a pixel is cut by it."""
    trace = part(package, "trace")
    loops = trace.contours(matte)
    rows, columns = np.nonzero(abs(found - (matte > 0.5)) > 0.5)
    middles = np.stack([columns, rows], axis=1) + 0.5
    away = np.full(len(middles), np.inf)
    for loop in loops:
        for one, other in zip(loop, np.roll(loop, -1, axis=0)):  # noqa: B905 - as long as each other
            away = np.minimum(away, trace._distances(middles, one, other))
    assert away.max(initial=0) <= tolerance, away.max()
    assert abs(found - matte).mean() < 0.06


def boundary_is_within(package, mask, scene_frame, matte, tolerance):
    """The points of the splines, as Blender has them at a frame, are on the contour."""
    trace, host_mask = part(package, "trace"), part(package, "host_mask")
    loops = trace.contours(matte)
    with host_mask._evaluated(mask, scene_frame) as seen:
        splines = [one for layer in seen.layers for one in layer.splines]
        read = [host_mask._spline(one, SIZE, scene_frame) for one in splines]
    outlines = [host_mask._outline(one, SIZE) for one in read]
    on_picture = [points for points in outlines if points.max() > 0]
    assert len(on_picture) == len(loops)
    for points in on_picture:
        away = np.full(len(points), np.inf)
        for loop in loops:
            for one, other in zip(loop, np.roll(loop, -1, axis=0)):  # noqa: B905
                away = np.minimum(away, trace._distances(points, one, other))
        assert away.max() <= tolerance + 0.01, away.max()


def traced(package, clip, obj, mask_at):
    """Each frame comes back from the splines, wherever the scene is."""
    files, host_mask = part(package, "image_file"), part(package, "host_mask")
    for frame in FRAMES:
        matte = files.matte_of_file(Path(f"{obj.files}.{frame}.png"))
        assert abs(matte - ring(frame - 1001)).max() < 0.005
        found = host_mask.matte_of_mask(obj.splines, "", mask_at(frame), SIZE)
        is_within(package, found, matte, TOLERANCE)
        boundary_is_within(package, obj.splines, mask_at(frame), matte, TOLERANCE)


def screen():
    """What the artist looks at."""
    areas = bpy.context.window_manager.windows[0].screen.areas
    return [area.type for area in areas]


def main():
    archive, plate, folder = arguments()
    package = install(archive)
    clip = open_plate(plate)
    clip.frame_start = 1  # file 1001 at the scene's frame 1
    obj = with_mattes(clip, folder)
    scene = bpy.context.scene
    scene.frame_set(3)
    looked_at, images = screen(), len(bpy.data.images)
    bpy.ops.xmempp.splines_add(clip=clip.name, tolerance=TOLERANCE)
    assert (screen(), scene.frame_current) == (looked_at, 3)
    assert [one.name for one in bpy.data.scenes] == ["Scene"]
    assert len(bpy.data.images) == images
    mask = obj.splines
    layers = [(layer.name, layer.blend, len(layer.splines)) for layer in mask.layers]
    assert layers == [("ring", "ADD", 2), ("ring 2", "SUBTRACT", 1), ("ring 3", "ADD", 1)], layers
    traced(package, clip, obj, lambda frame: frame - 1000)

    draw_mask(mask.name, [(1, 1), (2, 1), (2, 2)], SIZE, "artist's")
    corners = [len(spline.points) for layer in mask.layers for spline in layer.splines]
    clip.frame_start = 1001
    bpy.ops.xmempp.splines_add(clip=clip.name, tolerance=3.0, object_name="ring")
    assert obj.splines == mask
    assert [layer.name for layer in mask.layers] == ["artist's", "ring", "ring 2", "ring 3"]
    assert not mask.layers["artist's"].hide_select
    assert sum(len(s.points) for layer in mask.layers for s in layer.splines) < sum(corners)
    bpy.ops.xmempp.splines_add(clip=clip.name, tolerance=TOLERANCE)
    mask.layers.remove(mask.layers["artist's"])
    mask.update_tag()  # Blender crashes where a script does not tell it
    traced(package, clip, obj, lambda frame: frame)
    fails(bpy.ops.xmempp.splines_add, "no object", clip=clip.name, object_name="none")
    Path(f"{obj.files}.1003.png").write_bytes(b"damaged")
    fails(bpy.ops.xmempp.splines_add, "1003.png' can't be read", clip=clip.name)
    named_anew(package, clip, folder)
    how_long(package, folder)
    in_steps(package, clip, mask)
    beside_threads(package, clip, mask)
    bpy.ops.preferences.addon_disable(module=package)


def named_anew(package, clip, folder):
    """An object with another name, one that was removed, and a new one with the name they had."""
    layers, clip.xmempp.mattes = part(package, "host_layer"), folder
    clip.xmempp.objects.clear()
    obj = clip.xmempp.objects.add()
    obj.object, obj.name = 1, "ring"
    paths, clips = [], []
    for number, name in ((2, "hand"), (3, "foot")):
        paths.append(written(package, clip, clip.xmempp.objects[-1]))
        bpy.ops.xmempp.splines_add(clip=clip.name)
        clip.xmempp.objects[-1].name = name
        bpy.ops.xmempp.splines_add(clip=clip.name)
        obj = clip.xmempp.objects[-1]
        assert {layer.name.split()[0] for layer in obj.splines.layers} == {name}
        clips.append(layers.matte_clip(clip, obj))
        assert Path(bpy.path.abspath(clips[-1].filepath)) == paths[-1]
        if number == 3:
            part(package, "set_aside").put_aside(clip.xmempp, 1)
        obj = clip.xmempp.objects.add()
        obj.object, obj.name = number, "ring"
        clip.xmempp.active_object = len(clip.xmempp.objects) - 1
    paths.append(written(package, clip, obj))
    assert len({path.parent for path in paths}) == 3, paths
    assert layers.matte_clip(clip, clip.xmempp.objects[0]) == clips[0] != clips[1]
    for made in clips:
        bpy.data.movieclips.remove(made)


def written(package, clip, obj):
    """Two mattes of an object; the first one's file."""
    files = [part(package, "host_layer").matte_file(clip, obj, frame) for frame in (1001, 1002)]
    files[0].parent.mkdir(parents=True, exist_ok=True)
    for path in files:
        write_matte(path, ring(1))
    return files[0]


def beside_threads(package, clip, mask):
    """Keys are set while threads are at work: Blender crashed where these held Python's lock."""
    strands, write = part(package, "strands"), part(package, "host_spline").write_strands
    made = part(package, "background").Background()
    shapes = {f: np.array([(10.0, 10), (40, 10), (40, 40 + f)]) for f in range(300)}
    frames = [(f, f) for f in shapes]
    for _ in write(mask, "busy", clip, [strands.Strand(0, shapes)], frames):
        made.submit(at_work, lambda: None)
    assert len(mask.layers["busy"].splines[0].points) == 3
    made.close()


def at_work():
    """Takes Python's lock and lets it go, again and again."""
    end = time.monotonic() + 0.1
    while time.monotonic() < end:
        zlib.crc32(bytes(sum(range(200))))


def in_steps(package, clip, mask):
    """No step is long; what the artist changes between two is told, or does not matter."""
    strands, write = part(package, "strands"), part(package, "host_spline").write_strands
    shapes = {f: np.array([(10.0, 10), (40, 10), (40, 40 + f)]) for f in range(300)}
    steps = write(mask, "steps", clip, [strands.Strand(0, shapes)], [(f, f) for f in shapes])
    longest = 0.0
    for _ in range(3):
        began = time.thread_time()
        next(steps)
        longest = max(longest, time.thread_time() - began)
        mask.layers["steps"].splines[0].points.foreach_set("select", [False] * 3)
    assert longest < 0.1, longest  # 0.03 where nothing else runs
    mask.layers.remove(mask.layers["steps"])
    sentence = "it went on"
    try:
        next(steps)
    except part(package, "shared.errors").UsageError as error:
        sentence = str(error)
    assert "changed while it was written" in sentence, sentence


def how_long(package, folder):
    """To load a frame of 1080p is what keeps Blender longest; it is traced in a thread."""
    rows, columns = np.mgrid[:1080, :1920]
    big = np.clip(0.5 + (400 - np.hypot(columns - 900, rows - 500)) / 3, 0, 1)
    write_matte(f"{folder}/big.png", big.astype(np.float32))
    files, times = part(package, "image_file"), []
    for _ in range(3):
        began = time.perf_counter()
        with files.matte_in(Path(f"{folder}/big.png")) as read:
            times.append(time.perf_counter() - began)
            began = time.perf_counter()
            read()
            times.append(time.perf_counter() - began)
    assert min(times[::2]) < 0.2, times  # seconds; about 0.03 where nothing else runs
    assert min(times[1::2]) < 0.1, times  # about 0.015


main()
