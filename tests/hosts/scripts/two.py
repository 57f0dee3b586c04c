# SPDX-License-Identifier: Apache-2.0
"""One of two Blenders with one engine: ``two.py -- ZIP PLATE FOLDER first|second``.

They tell each other how far they are by files in FOLDER.
"""

import sys
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from inside import arguments, draw_mask, install, nothing_is_left, open_plate, part


class Talk:
    """Says and hears words, and turns while it waits."""

    def __init__(self, folder, bridge):
        self._folder, self._bridge = Path(folder), bridge

    def say(self, word, text=""):
        beside = self._folder / f".{word}"
        beside.write_text(text)
        beside.rename(self._folder / word)

    def hear(self, word):
        path = self._folder / word
        self._bridge.wait(path.exists, 120)
        return path.read_text()


def first(bridge, package, talk, clip):
    """Starts the engine and paints; sees what the other does, and goes on when it has left."""
    bpy.ops.xmempp.engine_start()
    bpy.ops.xmempp.clip_open()
    bpy.ops.xmempp.wait(seconds=120)
    draw_mask("roto", [(10, 10), (30, 10), (30, 30), (10, 30)], (48, 80))
    bpy.ops.xmempp.object_add(object_name="disc", mask="roto", layer="disc")
    bpy.ops.xmempp.wait(seconds=60)
    bpy.ops.xmempp.reference_add()
    bpy.ops.xmempp.wait(seconds=60)
    engine = part(package, "shared.engine_place").data_folder() / "engine"
    talk.say("painted", str(next(engine.glob("*.json"))))
    state = bridge.shot(clip).state
    talk.hear("propagated")
    bridge.wait(lambda: len(clip.xmempp.objects) == 2, 60)
    bridge.wait(lambda: bridge.shot(clip).state.done == state.frames, 60)
    bridge.wait(lambda: bridge.host(clip).confidence.get((1010, 1)) is not None, 60)
    talk.say("seen")
    talk.hear("left")
    bpy.ops.xmempp.lock()
    bpy.ops.xmempp.wait(seconds=60)
    assert bridge.shot(clip).state.locked == ((1001, 1001),)


def second(bridge, package, talk, clip):
    """Takes the same shot up, adds to it, propagates, and leaves."""
    connection = talk.hear("painted")
    bpy.ops.xmempp.engine_connect(filepath=connection)
    bpy.ops.xmempp.clip_open()
    bpy.ops.xmempp.wait(seconds=120)
    assert [obj.name for obj in clip.xmempp.objects] == ["disc"]
    assert [one.frame for one in clip.xmempp.references] == [1001]
    bpy.ops.xmempp.object_add(object_name="other")
    bpy.ops.xmempp.propagate()
    bpy.ops.xmempp.wait(seconds=300)
    assert len(clip.xmempp.objects) == 2
    talk.say("propagated")
    talk.hear("seen")
    bpy.ops.xmempp.engine_stop()


def main():
    archive, plate, folder, which = arguments()
    package = install(archive)
    bridge = part(package, "bridge").current()
    chosen = bpy.context.preferences.addons[package].preferences
    chosen.workspace, chosen.device = f"{folder}/workspace", "cpu"
    clip = open_plate(plate)
    clip.xmempp.model, clip.xmempp.size = "lite", 32
    bpy.context.scene.frame_set(1)  # the clip's 1001
    talk = Talk(folder, bridge)
    (first if which == "first" else second)(bridge, package, talk, clip)
    assert bridge.error is None, bridge.error
    nothing_is_left(package)
    if which == "second":
        talk.say("left")
    time.sleep(0.1)


main()
