# SPDX-License-Identifier: Apache-2.0
"""How long the add-on holds Blender up: ``timing.py -- ZIP PLATE MATTE FOLDER RESULT``.

MATTE is a PNG; a JPEG lies beside it. A plate is propagated and painted on while the artist goes
from frame to frame. Of every call from Blender into the add-on, by kind, the time by the clock is
taken and the time that the processor worked on it, which other programs don't change. RESULT is
JSON.
"""

import json
import math
import sys
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from hands import at, drag, in_editor, key, open_tab, play, window
from inside import arguments, draw_mask, install, open_plate, part

seconds: dict[str, list[tuple[float, float]]] = {}


def timed(name, function):
    """The same, with a note of how long it took."""

    def wrapper(*arguments, **more):
        began, worked = time.perf_counter(), time.thread_time()
        try:
            return function(*arguments, **more)
        finally:
            told = time.perf_counter() - began, time.thread_time() - worked
            seconds.setdefault(name, []).append(told)

    return wrapper


def watch(package, bridge):
    """Every way from Blender into the add-on: timer, drawing, handlers, operators."""
    bridge.pump = timed("timer", bridge.pump)
    overlay = part(package, "overlay")
    overlay.unregister()
    overlay._draw = timed("drawing over the plate", overlay._draw)
    overlay.register()
    operators = ("brush", "references", "work", "view", "candidates")
    for cls in [c for name in operators for c in part(package, f"operators_{name}").CLASSES]:
        cls.run = timed(cls.__name__, cls.run)
    brush = part(package, "operators_brush").XMEMPP_OT_brush
    modal = timed("brush", brush.modal)
    brush.modal = lambda self, context, event: modal(self, context, event)
    panels = (*part(package, "panels").CLASSES, *part(package, "panels_view").CLASSES)
    for cls in panels:
        if issubclass(cls, bpy.types.Panel):
            cls.draw = timed_panel(timed("panels", cls.draw))


def timed_panel(draw):
    """Blender counts the arguments."""
    return lambda self, context: draw(self, context)


def wander(frames, long):
    """Frame after frame, for a while."""
    end = time.monotonic() + long
    while time.monotonic() < end:
        for frame in frames:
            bpy.context.scene.frame_current = frame
            yield 0.15


def feathered(name, size):
    """A mask of many points, each with feather."""
    height, width = size
    angles = [math.tau * index / 60 for index in range(60)]
    wide = [0.3 * height + 0.1 * height * (index % 2) for index in range(60)]
    pairs = zip(wide, angles)  # noqa: B905 - Blender has its own zip
    outline = [(width / 2 + r * math.cos(a), height / 2 + r * math.sin(a)) for r, a in pairs]
    mask = draw_mask(name, outline, size)
    for point in mask.layers["disc"].splines[0].points:
        point.weight = 0.04
    return mask


def follow(mask, clip):
    """Ties the points of a mask to a track."""
    track = clip.tracking.tracks.new(name="track", frame=1001)
    for frame in range(1, clip.frame_duration + 1):
        track.markers.insert_frame(frame, co=(0.4 + 0.01 * frame, 0.5))
    for point in mask.layers["disc"].splines[0].points:
        point.parent.id, point.parent.type = clip, "POINT_TRACK"
        point.parent.parent, point.parent.sub_parent = clip.tracking.objects[0].name, "track"


def story(package, plate, matte, folder, result):
    bridge = part(package, "bridge").current()
    chosen = bpy.context.preferences.addons[package].preferences
    chosen.workspace, chosen.device = f"{folder}/workspace", "cpu"
    clip, pictures = open_plate(plate), part(package, "pictures")
    clip.frame_start, clip.xmempp.model, clip.xmempp.size = 1001, "lite", 480
    bpy.context.scene.frame_current = 1001
    area = max(window().screen.areas, key=lambda area: area.width * area.height)
    area.type = "CLIP_EDITOR"
    area.spaces.active.clip, area.spaces.active.show_region_ui = clip, True
    yield 0.5
    with in_editor():
        bpy.ops.clip.view_all(fit_view=True)
    yield from open_tab("engine", bpy.types.XMEMPP_PT_engine)
    bpy.ops.xmempp.engine_start()
    bpy.ops.xmempp.clip_open(clip=clip.name)
    yield lambda: bridge.idle
    width, height = clip.size
    outline = [(width * x, height * y) for x, y in ((0.2, 0.2), (0.6, 0.25), (0.5, 0.8))]
    draw_mask("roto", outline, (height, width))
    follow(feathered("soft", (height, width)), clip)
    sources = {"masked": "roto", "painted": "", "file": "", "jpeg": "", "soft": "soft"}
    for name, mask in sources.items():
        bpy.ops.xmempp.object_add(object_name=name, mask=mask, clip=clip.name)
        yield lambda: bridge.idle
    painted = clip.xmempp.objects[1]
    painted.source, painted.image = "IMAGE", bpy.data.images.load(matte)
    painted.image.pixels[3] = 1.0  # painted on: else Blender may load it again at any time
    filed = clip.xmempp.objects[2]
    filed.source, filed.image = "IMAGE", bpy.data.images.load(matte)  # which loads no pixels yet
    jpeg = clip.xmempp.objects[3]
    jpeg.source = "IMAGE"
    jpeg.image = bpy.data.images.load(str(Path(matte).with_suffix(".jpg")))
    watch(package, bridge)
    last = clip.frame_duration + 1000
    yield from wander(range(1001, last + 1), 2)
    bpy.ops.xmempp.reference_add(clip=clip.name)
    yield lambda: bridge.idle
    bpy.ops.xmempp.propagate(clip=clip.name)
    yield lambda: bridge.host(clip).job is not None
    yield from wander(range(1001, last + 1), 12)
    bpy.context.scene.frame_current = 1002
    yield 0.5
    with in_editor():
        bpy.ops.xmempp.brush("INVOKE_DEFAULT")
    brush = part(package, "brush")
    yield lambda: brush.current().ready
    clip.xmempp.brush.radius = 60
    for y in (0.3, 0.5, 0.7):
        places = [(width * x / 20, height * y) for x in range(2, 18)]
        yield from drag([at(pictures, *place) for place in places])
    key("RET", at(pictures, width / 2, height / 2))
    yield lambda: brush.current() is None
    for _ in range(4):
        bpy.ops.xmempp.reference_add(clip=clip.name)
        yield 0.5
    yield lambda: bridge.host(clip).job is None
    yield lambda: bridge.idle
    assert bridge.host(clip).error is None, bridge.host(clip).error
    Path(result).write_text(json.dumps(seconds))


def main():
    archive, plate, matte, folder, result = arguments()
    bpy.context.preferences.view.show_splash = False
    package = install(archive)
    play(story(package, plate, matte, folder, result))


main()
