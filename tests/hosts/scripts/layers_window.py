# SPDX-License-Identifier: Apache-2.0
"""Layers and Install in a window: ``layers_window.py -- ZIP PLATE FOLDER PICTURE``. No engine.

Its panels are drawn, splines are traced while Blender goes on, Esc ends that, and an installation
that fails is told.
"""

import sys
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from hands import fail, play, quiet
from inside import arguments, install, open_plate, part
from screen import shoot

FRAMES = range(1001, 1031)
TAB = "Footage"  # the one that is open at first; no script can open another in Blender 3.4
drawn: dict[str, int] = {}


def watch(panels):
    """Counts how often each panel is drawn, opened, and ends Blender where one fails."""
    for cls in panels.CLASSES:
        bpy.utils.unregister_class(cls)
        cls.draw, cls.bl_category = watched(cls.__name__, cls.draw), TAB
        cls.bl_options = set()
        if hasattr(cls, "bl_parent_id"):
            del cls.bl_parent_id  # that one stands in another tab
        bpy.utils.register_class(cls)


def watched(name, draw):
    def wrapper(self, context):
        try:
            draw(self, context)
        except Exception:
            fail()
        drawn[name] = drawn.get(name, 0) + 1

    return wrapper


def write_mattes(clip, folder):
    """A disc that moves, as the engine's mattes."""
    width, height = clip.size
    rows, columns = np.mgrid[:height, :width] + 0.5
    image = bpy.data.images.new("m", width, height)
    image.file_format = "PNG"
    for frame in FRAMES:
        matte = np.clip(0.5 + (12 - np.hypot(columns - 20 - (frame - 1001), rows - 24)) / 2, 0, 1)
        image.pixels.foreach_set(np.dstack([*[matte] * 3, matte * 0 + 1]).astype("f4").ravel())
        image.filepath_raw = f"{folder}/disc.{frame}.png"
        image.save()
    obj = clip.xmempp.objects.add()
    obj.object, obj.name, obj.files = 1, "disc", f"{folder}/disc"
    obj.result = bpy.data.images.load(f"{folder}/disc.1001.png")
    obj.result.source = "SEQUENCE"
    bpy.data.images.remove(image)
    return obj


def clip_editor(clip):
    """The clip in the largest area, with the sidebar; what operators need of it."""
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda area: area.width * area.height)
    area.type = "CLIP_EDITOR"
    space = area.spaces.active
    space.clip, space.mode, space.show_region_ui = clip, "MASK", True
    region = next(one for one in area.regions if one.type == "WINDOW")
    return {"window": window, "area": area, "region": region}


def story(package, clip, obj, picture):
    """Steps; each tells what it waits for."""
    place, space = clip_editor(clip), bpy.context.window_manager.windows[0]
    yield lambda: set(drawn) == {"XMEMPP_PT_layers", "XMEMPP_PT_install"}
    with quiet(), bpy.context.temp_override(**place):
        assert bpy.ops.xmempp.splines_add("INVOKE_DEFAULT") == {"RUNNING_MODAL"}
    assert obj.splines is None, "Blender goes on at once"
    space.event_simulate(type="ESC", value="PRESS", x=300, y=300)
    yield 1.0
    assert obj.splines is None, "Esc ended it"
    with quiet(), bpy.context.temp_override(**place):
        bpy.ops.xmempp.splines_add("INVOKE_DEFAULT")
    yield lambda: obj.splines is not None
    yield 2.0  # the mask is there before its keys are
    shown = place["area"].spaces.active
    assert (shown.mode, shown.clip, bpy.context.window.scene.name) == ("MASK", clip, "Scene")
    shown.mask = obj.splines
    bpy.context.scene.frame_set(15)
    middle = np.mean([point.co.x for point in obj.splines.layers[0].splines[0].points])
    assert abs(middle - (20 + 14) / clip.size[0]) < 0.01, middle

    chosen = bpy.context.preferences.addons[package].preferences
    chosen.python, bridge = "/nowhere/python3", part(package, "bridge").current()
    bpy.ops.xmempp.engine_install()
    yield lambda: bridge.error is not None
    assert "/nowhere/python3 can't make an environment" in str(bridge.error), bridge.error
    yield 1.0
    shoot(picture)


def main():
    archive, plate, folder, picture = arguments()
    bpy.context.preferences.view.show_splash = False
    package = install(archive)
    clip = open_plate(plate)
    obj = write_mattes(clip, folder)
    clip.use_fake_user = True
    watch(part(package, "panels_layers"))
    play(story(package, clip, obj, picture))


main()
