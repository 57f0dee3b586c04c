# SPDX-License-Identifier: Apache-2.0
"""Operators, keys and strokes in any order: ``random_window.py -- ZIP PLATE FOLDER SEED SECONDS``.

The window's part of ``random_calls.py``. An error in drawing, in a timer or in the brush ends up
on Blender's console, where the test looks for it. At the end the add-on is disabled, whatever is
going on, and nothing may be left of it.
"""

import faulthandler
import random
import sys
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from hands import click, drag, editor, event, in_editor, key, play, window
from inside import arguments, draw_mask, install, nothing_is_left, open_plate, part
from random_calls import call, operators

MODES = ("TINT", "OUTLINE", "CHECKER", "BLACK", "MATTE")


class Chance:
    """An artist without a plan."""

    def __init__(self, package, plate, seed):
        self.plate = plate
        self.package, self.chance = package, random.Random(int(seed))
        left_out = {"brush", "layer_clip"}  # one needs a place, one shows another clip
        self.names = [name for name in operators() if name not in left_out]
        self.did = set()

    @property
    def clip(self):
        """Undo may lead to before it was loaded."""
        clip = bpy.data.movieclips[0] if bpy.data.movieclips else open_plate(self.plate)
        editor()[0].spaces.active.clip = clip
        return clip

    def place(self):
        """Somewhere over the plate or beside it, and not where other editors would hear of it."""
        _, region = editor()
        x, y = (
            self.chance.randint(10, region.width - 10),
            self.chance.randint(10, region.height - 10),
        )
        return region.x + x, region.y + y

    def turn(self):
        """One thing of many."""
        chosen = self.chance.choice(
            [self.operator] * 4 + [self.brush, self.stroke, self.stroke, self.keys, self.view]
        )
        yield from chosen()

    def operator(self):
        name = self.chance.choice(self.names)
        with in_editor():
            if call(name, self.chance):
                self.did.add(name)
        yield self.chance.uniform(0, 0.2)

    def brush(self):
        with in_editor():
            if bpy.ops.xmempp.brush.poll():
                self.did.add("brush")
                call_brush()
        yield 0.1

    def stroke(self):
        self.clip.xmempp.brush.radius = self.chance.uniform(0.5, 80)
        places = [self.place() for _ in range(self.chance.randint(1, 5))]
        yield from drag(places, ctrl=self.chance.random() < 0.3)

    def keys(self):
        kind, keys = self.chance.choice(
            [
                ("Z", {"ctrl": True}),
                ("Z", {"ctrl": True, "shift": True}),
                ("F", {}),
                ("F", {"shift": True}),
                ("RET", {}),
                ("ESC", {}),
                ("LEFT_BRACKET", {}),
                ("LEFT_ARROW", {}),
                ("RIGHT_ARROW", {}),
            ]
        )
        place = self.place()
        key(kind, place, **keys)
        yield 0.05
        if kind == "F":
            click(self.place(), self.chance.choice(["LEFTMOUSE", "RIGHTMOUSE"]))
            yield 0.05

    def view(self):
        seen, (_, region) = self.clip.xmempp.view, editor()
        seen.mode, seen.show = self.chance.choice(MODES), self.chance.random() < 0.9
        for obj in self.clip.xmempp.objects:
            obj.visible = self.chance.random() < 0.8
        bpy.context.scene.frame_current = self.chance.randint(0, 12)
        middle = region.x + region.width // 2, region.y + region.height // 2
        event(self.chance.choice(["WHEELUPMOUSE", "WHEELDOWNMOUSE"]), "PRESS", middle)
        yield 0.1


def call_brush():
    """A mistake is a sentence."""
    sentence = ""
    try:
        bpy.ops.xmempp.brush("INVOKE_DEFAULT")
    except RuntimeError as error:
        sentence = str(error)
    assert "Traceback" not in sentence, sentence


def story(package, plate, folder, seed, seconds):
    chosen = bpy.context.preferences.addons[package].preferences
    chosen.workspace, chosen.device = f"{folder}/workspace", "cpu"
    clip, bridge = open_plate(plate), part(package, "bridge").current()
    clip.xmempp.model, clip.xmempp.size = "lite", 32
    area = max(window().screen.areas, key=lambda area: area.width * area.height)
    area.type = "CLIP_EDITOR"
    area.spaces.active.clip, area.spaces.active.show_region_ui = clip, True
    draw_mask("roto", [(10, 10), (30, 10), (30, 30), (10, 30)], (48, 80))
    yield 0.5
    with in_editor():
        bpy.ops.clip.view_all(fit_view=True)
    bpy.ops.xmempp.engine_start()
    bpy.ops.xmempp.clip_open(clip=clip.name)
    yield lambda: bridge.idle
    bpy.ops.xmempp.object_add(object_name="disc", mask="roto", clip=clip.name)
    yield lambda: bridge.idle
    bpy.ops.ed.undo_push(message="begin")
    artist, end = Chance(package, plate, seed), time.monotonic() + float(seconds)
    while time.monotonic() < end:
        yield from artist.turn()
    assert len(artist.did) >= 3, artist.did  # most come at a wrong time
    print(f"did {len(artist.did)} kinds of things", flush=True)  # noqa: T201
    nothing_is_left(package)


def main():
    archive, plate, folder, seed, seconds = arguments()
    faulthandler.enable()  # where Blender was when it crashed
    bpy.context.preferences.view.show_splash = False
    play(story(install(archive), plate, folder, seed, seconds))


main()
