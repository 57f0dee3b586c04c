# SPDX-License-Identifier: Apache-2.0
"""Pictures of a plate and of its overlay: ``pixels.py -- ZIP PLATE MATTE FOLDER``.

For each view of the plate: ``NAME.plate.png`` without overlay, and one picture for each kind of
overlay. ``region.json`` tells which part of the window shows the plate.
"""

import json
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from hands import editor, in_editor, play, window
from inside import arguments, draw_mask, install, open_plate, part
from screen import shoot


def show_editor(clip):
    """Nothing but the plate."""
    area = max(window().screen.areas, key=lambda area: area.width * area.height)
    area.type = "CLIP_EDITOR"
    space = area.spaces.active
    space.clip, space.show_region_ui, space.show_region_toolbar = clip, False, False
    space.show_metadata = False
    bpy.context.preferences.view.show_navigate_ui = False
    bpy.context.scene.view_settings.view_transform = "Standard"


def give_matte(bridge, clip, matte):
    """One object, painted at the first frame."""
    bpy.ops.xmempp.engine_start()
    bpy.ops.xmempp.clip_open(clip=clip.name)
    yield lambda: bridge.idle
    bpy.ops.xmempp.object_add(object_name="disc", clip=clip.name)
    yield lambda: bridge.idle
    disc = clip.xmempp.objects[0]
    disc.source, disc.image = "IMAGE", bpy.data.images.load(matte)
    bpy.ops.xmempp.reference_add(clip=clip.name)
    yield lambda: bridge.idle and not bridge.host(clip).sight.mattes.wants(1001)


def pictures(clip, name, folder):
    """Of one view: the plate, and all kinds of overlay."""
    view = clip.xmempp.view
    view.show = False
    yield 0.3
    shoot(f"{folder}/{name}.plate.png")
    view.show = True
    for view.mode in ("MATTE", "TINT", "OUTLINE", "CHECKER", "BLACK"):
        yield 0.3
        shoot(f"{folder}/{name}.{view.mode.lower()}.png")


def by_proxy(package, bridge, clip):
    """While a proxy is shown, masks and the brush still have the plate's own pixels."""
    width, height = clip.size
    clip.use_proxy, clip.proxy.build_25, clip.display_aspect = True, True, (1, 1)
    with in_editor():
        bpy.ops.clip.rebuild_proxy("INVOKE_DEFAULT")
    editor()[0].spaces.active.clip_user.proxy_render_size = "PROXY_25"
    yield 3
    with in_editor():
        bpy.ops.clip.reload()
    yield lambda: tuple(clip.size) == (width, height - 2)  # what Blender says: no multiple of 4
    host, disc = bridge.host(clip), clip.xmempp.objects[0]
    disc.source = "MASK"
    disc.mask = draw_mask("roto", [(10, 10), (60, 10), (60, 50)], (height, width))
    bpy.context.scene.frame_set(2)
    bpy.ops.xmempp.reference_add(clip=clip.name)
    yield lambda: bridge.idle
    assert 1002 in bridge.shot(clip).state.references, host.error
    brush = part(package, "brush").take_up(bridge.shot(clip), host, lambda matte, rect: None)
    brush.turn_to(disc.object, 1003)
    yield lambda: brush.ready
    assert brush.matte.shape == (height, width)
    part(package, "brush").put_down()


def story(package, plate, matte, folder):
    bridge = part(package, "bridge").current()
    chosen = bpy.context.preferences.addons[package].preferences
    chosen.workspace, chosen.device = f"{folder}/workspace", "cpu"
    clip = open_plate(plate)
    clip.xmempp.model, clip.xmempp.view.strip = "lite", False
    show_editor(clip)
    yield 0.5
    yield from give_matte(bridge, clip, matte)
    clip.xmempp.objects[0].colour = (1, 0, 0)
    clip.xmempp.view.opacity = 1
    yield 1.5  # the colour is on its way to the engine
    assert bridge.shot(clip).state.objects[0].colour == (255, 0, 0)
    for name, zoom, pan, aspect in (
        ("whole", 0.7, (0, 0), (1, 1)),
        ("same", 1, (0, 0), (1, 1)),
        ("near", 4, (-37, 21), (1, 1)),
        ("wide", 2, (5, 3), (1.5, 1)),
    ):
        clip.display_aspect = aspect
        with in_editor():
            bpy.ops.clip.view_zoom_ratio(ratio=zoom)
            bpy.ops.clip.view_pan(offset=pan)
        yield from pictures(clip, name, folder)
    _, region = editor()
    box = [region.x, region.y, region.width, region.height]
    Path(folder, "region.json").write_text(json.dumps(box))
    yield from by_proxy(package, bridge, clip)
    assert bridge.host(clip).error is None


def main():
    archive, plate, matte, folder = arguments()
    bpy.context.preferences.view.show_splash = False
    play(story(install(archive), plate, matte, folder))


main()
