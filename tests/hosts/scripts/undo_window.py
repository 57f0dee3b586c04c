# SPDX-License-Identifier: Apache-2.0
"""*Adjust Last Operation* does it again in the engine: ``undo_window.py -- ZIP PLATE FOLDER``."""

import faulthandler
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from hands import editor, in_editor, key, move, play, window
from inside import arguments, install
from undo_desk import ALL, Desk, begin


def again(**properties):
    """What F9 does; without ``True`` a script's would make no step of undo."""
    for name, value in properties.items():
        setattr(bpy.context.window_manager.operators[-1].properties, name, value)
    with in_editor():
        bpy.ops.ed.undo_redo("EXEC_DEFAULT", True)


def locks(desk):
    bpy.context.scene.frame_set(1)
    desk.do("lock", use_range=True, first=1002, last=1003)
    again(last=1005)
    again(last=1006)
    desk.wait()
    assert desk.state.locked == ((1002, 1006),)
    again(use_range=False)
    desk.wait()
    assert desk.state.locked == ((1001, 1001),), desk.state.locked
    desk.undo()
    assert desk.state.locked == ()


def objects_and_references(desk):
    """Blender has gone back to another frame when it does it again."""
    bpy.context.scene.frame_set(8)
    desk.do("not_visible", object_name="disc")
    again(object_name="disc")
    desk.wait()
    assert desk.state.references == (1008,), desk.state.references
    desk.undo()
    desk.do("object_add", object_name="one")
    again(object_name="two")
    desk.wait()
    assert [one.name for one in desk.state.objects] == ["disc", "two"]
    desk.undo()


def jobs(desk):
    """While they run; settings of the panel are what they begin with."""
    desk.do("reference_add", frame=1001)
    before = desk.state.done
    desk.ask("propagate", direction="forward", flow=False)
    desk.bridge.wait(lambda: desk.shot.job is not None and desk.shot.job.done >= 1, 100)
    desk.listen()
    again(direction="backward")
    desk.wait()
    asked = [one for one in desk.asked if one.type == "propagate"]
    assert [one.direction for one in asked] == ["backward"]
    assert desk.state.done == ALL
    desk.undo()
    assert desk.state.done == before, "both went"
    desk.redo()
    desk.clip.xmempp.count = 2
    desk.ask("suggest")
    assert bpy.context.window_manager.operators[-1].properties.count == 2
    again(count=4)
    desk.wait()
    assert len(desk.shot.candidates) == 4


def a_key(desk):
    """What was adjusted is not what the next key, button or menu means; Ctrl Z is the artist's."""
    keymap = bpy.context.window_manager.keyconfigs.addon.keymaps["Clip Editor"]
    item = keymap.keymap_items.new("xmempp.lock", "K", "PRESS")
    _, region = editor()
    middle = region.x + region.width // 2, region.y + region.height // 2
    desk.do("lock", use_range=True, first=1002, last=1003)
    bpy.context.scene.frame_set(8)
    move(middle)
    yield 0.1
    for frame in (1008, 1009):
        bpy.context.scene.frame_current = frame - 1000
        key("K", middle)
        yield lambda frame=frame: desk.bridge.idle and desk.state.locked[-1][-1] == frame
    assert desk.state.locked == ((1002, 1003), (1008, 1009)), desk.state.locked
    key("Z", middle, ctrl=True)
    yield lambda: desk.bridge.idle and desk.state.locked == ((1002, 1003), (1008, 1008))
    for _ in range(2):
        key("Z", middle, ctrl=True)
    yield lambda: desk.bridge.idle and desk.state.locked == ()
    for _ in range(3):
        key("Z", middle, ctrl=True, shift=True)
    yield lambda: desk.bridge.idle and desk.state.locked == ((1002, 1003), (1008, 1009))
    keymap.keymap_items.remove(item)


def a_mistake(desk):
    """What was before stays. Last, since Blender 5.2 shows the sentence where keys would go."""
    desk.do("unlock", use_range=True, first=1001, last=1010)
    desk.do("lock", use_range=True, first=1002, last=1006)
    again(first=1009)
    desk.wait()
    assert desk.state.locked == ((1002, 1006),)


def story(package, plate, folder):
    area = max(window().screen.areas, key=lambda area: area.width * area.height)
    area.type = "CLIP_EDITOR"
    desk = Desk(package, plate)
    area.spaces.active.clip = desk.clip
    yield 0.3
    begin(desk, folder)
    for step in (locks, objects_and_references, jobs):
        step(desk)
        yield 0.1
    yield from a_key(desk)
    a_mistake(desk)
    assert desk.told() == ""
    print("all is adjusted")  # noqa: T201


def main():
    archive, plate, folder = arguments()
    faulthandler.enable()
    bpy.context.preferences.view.show_splash = False
    play(story(install(archive), plate, folder))


main()
