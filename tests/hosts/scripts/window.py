# SPDX-License-Identifier: Apache-2.0
"""All panels drawn in a window, and the status bar: ``window.py -- ZIP PLATE FOLDER PICTURE``.

Blender keeps errors of drawing to itself, so that each panel is watched while it draws.
"""

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from hands import editor, fail, in_editor, key, move, play, window
from inside import arguments, draw_mask, install, open_plate, part
from screen import shoot

TAB = "Footage"  # the one that is open at first; no script can open another in Blender 3.4
drawn: set[str] = set()


def watch(panels):
    """Notes which panels and lists are drawn, and ends the script where one fails."""
    for cls in panels.CLASSES:
        bpy.utils.unregister_class(cls)
        if issubclass(cls, bpy.types.UIList):
            cls.draw_item = watched_list(cls.draw_item)
        else:
            cls.draw, cls.bl_category = watched_panel(cls.draw), TAB
        bpy.utils.register_class(cls)


def watched_panel(draw):
    def wrapper(self, context):
        note(type(self).__name__, draw, self, context)

    return wrapper


def watched_list(draw):
    def wrapper(self, context, layout, data, item, icon, active_data, active_property):
        note(type(self).__name__, draw, self, context, layout, data, item, icon, active_data, "")

    return wrapper


def note(name, draw, *arguments):
    try:
        draw(*arguments)
    except Exception:
        fail()
    drawn.add(name)


def show_editor(clip):
    """The clip and its mask in the largest area, with the sidebar."""
    area = max(bpy.context.screen.areas, key=lambda area: area.width * area.height)
    area.type = "CLIP_EDITOR"
    space = area.spaces.active
    space.clip, space.mode, space.show_region_ui = clip, "MASK", True
    space.mask = draw_mask("roto", [(10, 10), (40, 10), (40, 40)], (48, 80))


def story(package, plate, folder, picture):
    """Steps; each tells how long to wait, or what for."""
    bridge = part(package, "bridge").current()
    chosen = bpy.context.preferences.addons[package].preferences
    chosen.workspace, chosen.device = f"{folder}/workspace", "cpu"
    clip = open_plate(plate)
    clip.xmempp.model, named = "lite", {"clip": clip.name}
    show_editor(clip)
    yield lambda: drawn == {"XMEMPP_PT_engine"}
    bpy.ops.xmempp.engine_start()
    bpy.ops.xmempp.clip_open(**named)
    yield lambda: bridge.idle
    bpy.ops.xmempp.object_add(object_name="disc", mask="roto", layer="disc", **named)
    yield lambda: bridge.idle
    bpy.ops.xmempp.reference_add(**named)
    yield lambda: bridge.idle
    wanted = {cls.__name__ for cls in part(package, "panels").CLASSES}
    yield lambda: drawn == wanted
    bpy.ops.xmempp.propagate(**named)
    drawn.clear()
    yield lambda: "XMEMPP_PT_propagate" in drawn
    yield lambda: bridge.idle
    bpy.ops.xmempp.suggest(**named)
    yield lambda: bridge.idle
    bpy.ops.xmempp.lock(**named)
    error = part(package, "shared.errors").OutOfMemory("4K does not fit.", hint="Choose less.")
    bridge.host(clip).show_error(error)
    bridge.show_error(error)
    clip.xmempp.objects[0].source = "IMAGE"
    drawn.clear()
    yield lambda: drawn == wanted and bridge.idle
    shoot(picture)
    bridge.host(clip).error = bridge.error = None
    yield from in_another_workspace(package, clip)
    yield from names_that_are_free(package, clip)
    yield from forgetting_is_asked(package, clip)


def in_another_workspace(package, clip):
    """What the status bar tells is taken back where it was told; a brush without object ends."""
    told, host = watch_status(), part(package, "bridge").current().host(clip)
    brush, job = part(package, "brush"), part(package, "shared.hosts").JobShown
    first = window().workspace
    other = next(one for one in bpy.data.workspaces if one != first)
    host.show_job(job("", "propagate", 1, 10))
    yield lambda: "1 of 10" in (told.get(first.name) or "")
    window().workspace = other
    host.show_job(job("", "propagate", 2, 10))
    yield lambda: "2 of 10" in (told.get(other.name) or "")
    assert told[first.name] is None
    window().workspace = first
    host.show_job(None)
    yield lambda: not any(told.values())
    with in_editor():
        bpy.ops.xmempp.brush("INVOKE_DEFAULT")
    assert "Matte brush" in told[first.name]
    window().workspace = other
    yield lambda: brush.current() is None
    assert not any(told.values()), told
    window().workspace = first
    bpy.ops.xmempp.unlock(clip=clip.name)  # a locked frame keeps its objects
    yield 0.5
    with in_editor():
        bpy.ops.xmempp.brush("INVOKE_DEFAULT")
    bpy.ops.xmempp.object_remove(clip=clip.name)
    yield lambda: brush.current() is None
    assert not any(told.values()), told


def names_that_are_free(package, clip):
    """The dialog of *Add Object* proposes a name that no object has."""
    bridge = part(package, "bridge").current()
    area, middle = editor()[0], at_middle()
    for mask, names in (("roto", ("disc", "disc 2")), ("", ("Object", "Object 2", "Object 3"))):
        area.spaces.active.mask = bpy.data.masks.get(mask)
        for name in names:
            before = [*clip.xmempp.objects.keys()]
            move(middle)
            yield 0.1
            with in_editor():
                bpy.ops.xmempp.object_add("INVOKE_DEFAULT")
            yield 0.3
            key("RET", middle)
            yield lambda before=before: bridge.idle and len(clip.xmempp.objects) > len(before)
            assert clip.xmempp.objects.keys() == [*before, name], clip.xmempp.objects.keys()
    assert bridge.host(clip).error is None


def forgetting_is_asked(package, clip):
    """*Forget Session* does nothing before it is confirmed."""
    session, middle = clip.xmempp.session, at_middle()
    assert session
    for answer, kept in (("ESC", session), ("RET", "")):
        move(middle)
        yield 0.1
        with in_editor():
            bpy.ops.xmempp.clip_forget("INVOKE_DEFAULT")
        yield 0.3
        assert clip.xmempp.session == session
        key(answer, middle)
        yield lambda kept=kept: clip.xmempp.session == kept


def at_middle():
    """The middle of the clip editor."""
    region = editor()[1]
    return region.x + region.width // 2, region.y + region.height // 2


def watch_status():
    """What each workspace's status bar tells from now on, by name."""
    told, inner = {}, bpy.types.WorkSpace.status_text_set

    def noted(self, text):
        told[self.name] = text
        inner(self, text)

    bpy.types.WorkSpace.status_text_set = noted
    return told


def main():
    archive, plate, folder, picture = arguments()
    bpy.context.preferences.view.show_splash = False
    package = install(archive)
    watch(part(package, "panels"))
    play(story(package, plate, folder, picture))


main()
