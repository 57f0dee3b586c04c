# SPDX-License-Identifier: Apache-2.0
"""The artist's story by mouse and keys: ``window_story.py -- ZIP PLATE STROKES FOLDER``.

STROKES is JSON: for each frame of the plate (its own number) radius, points and whether it
erases. A picture of the window is written after each step.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from hands import (
    after,
    at,
    click,
    drag,
    editor,
    event,
    in_editor,
    key,
    move,
    open_tab,
    play,
    press_first,
    search,
    window,
)
from inside import arguments, install, part
from screen import shoot


class Story:
    """An artist with a shot."""

    def __init__(self, package, plate, strokes, folder):
        self.package, self.plate, self.folder = package, plate, Path(folder)
        self.strokes = {int(frame): found for frame, found in json.loads(strokes).items()}
        self.bridge = part(package, "bridge").current()
        self.brush = part(package, "brush")
        self.pictures = part(package, "pictures")
        self.icons = part(package, "thumbnails")._previews

    # What there is

    @property
    def clip(self):
        return bpy.data.movieclips[0]

    @property
    def shot(self):
        return self.bridge.shot(self.clip)

    @property
    def host(self):
        return self.bridge.host(self.clip)

    @property
    def middle(self):
        width, height = self.clip.size
        return at(self.pictures, width / 2, height / 2)

    def idle(self):
        return self.bridge.idle

    def finished(self):
        """How many frames of the shot have mattes, as far as Blender has been told."""
        if self.shot.job is not None:
            return self.shot.job.done
        return sum(last - first + 1 for first, last in self.shot.state.done)

    def shown(self):
        """Whether the editor is at the scene's frame, with the mattes that there are."""
        frame = bpy.context.scene.frame_current
        at_it = editor()[0].spaces.active.clip_user.frame_current == frame
        return at_it and not self.host.sight.mattes.wants(frame)

    def photo(self, name):
        yield 0.4
        shoot(self.folder / f"{name}.png")

    # Steps

    def tell(self):
        for step in (
            self.load,
            self.paint,
            self.undo_a_stroke,
            self.give,
            self.propagate,
            self.suggest,
            self.correct,
            self.propagate_again,
            self.freeze,
            self.undo_the_freeze,
            self.undo_in_engine,
            self.undo_in_blender,
            self.look,
        ):
            began = time.monotonic()
            yield from step()
            assert self.bridge.error is None, self.bridge.error
            assert self.host.error is None, self.host.error
            print(f"{step.__name__}: {time.monotonic() - began:.1f} s", flush=True)  # noqa: T201
        print("the story is told")  # noqa: T201

    def load(self):
        """A plate from 1001 in a scene from 1001; the tab; engine, clip and object."""
        area = max(window().screen.areas, key=lambda area: area.width * area.height)
        area.type = "CLIP_EDITOR"
        with in_editor():
            first = sorted(Path(self.plate).iterdir())
            files = [{"name": path.name} for path in first]
            bpy.ops.clip.open(directory=f"{self.plate}/", files=files)
            bpy.ops.clip.set_scene_frames()
        scene, space = bpy.context.scene, area.spaces.active
        self.clip.frame_start = scene.frame_start = 1001
        scene.frame_end = 1000 + len(first)
        scene.frame_set(1001)
        scene.view_settings.view_transform = "Standard"
        space.show_region_ui, self.clip.xmempp.model = True, "lite"
        yield 0.5
        for other in (a for a in window().screen.areas if a.type == "DOPESHEET_EDITOR"):
            region = next(one for one in other.regions if one.type == "WINDOW")
            with bpy.context.temp_override(window=window(), area=other, region=region):
                bpy.ops.action.view_all()
        yield from open_tab("engine", bpy.types.XMEMPP_PT_engine)
        with in_editor():
            bpy.ops.clip.view_all(fit_view=True)
        yield from search("start engine", self.middle)
        yield lambda: self.bridge.state == "connected"
        yield from search("open clip", self.middle)
        yield self.idle
        yield from search("add object", self.middle)
        key("RET", self.middle)
        yield lambda: self.idle() and len(self.clip.xmempp.objects) == 1
        assert self.shot.state.frames == ((1001, scene.frame_end),)
        yield from self.photo("1_loaded")

    def paint(self):
        """By the brush, from nothing."""
        yield from search("matte brush", self.middle)
        yield lambda: self.brush.current() is not None and self.brush.current().ready
        told = self.strokes[1001]
        yield from self.strokes_by_hand(told[: len(told) // 2])
        yield from self.photo("2_painting")
        yield from self.strokes_by_hand(told[len(told) // 2 :])
        assert self.brush.current().matte.max() == 65535

    def strokes_by_hand(self, strokes):
        settings = self.clip.xmempp.brush
        settings.hardness = 0.8
        for radius, points, erase in strokes:
            settings.radius = radius
            yield from drag([at(self.pictures, *point) for point in points], ctrl=erase)

    def undo_a_stroke(self):
        """Ctrl Z and Ctrl Shift Z within the brush; F changes the radius."""
        painted = self.brush.current().matte.copy()
        self.clip.xmempp.brush.radius = 60
        width, _ = self.clip.size
        place = at(self.pictures, width - 80, 80)
        yield from drag([place, place])
        assert (self.brush.current().matte != painted).any()
        key("Z", place, ctrl=True)
        yield 0.1
        assert (self.brush.current().matte == painted).all()
        key("Z", place, ctrl=True, shift=True)
        yield 0.1
        assert (self.brush.current().matte != painted).any()
        key("Z", (300, 20), ctrl=True)  # over the timeline it is the brush's as well
        yield 0.1
        assert (self.brush.current().matte == painted).all()
        key("F", place)
        yield 0.1
        move((place[0] + 30, place[1]))
        yield 0.1
        click((place[0] + 30, place[1]))
        yield 0.1
        assert self.clip.xmempp.brush.radius > 61
        assert (self.brush.current().matte == painted).all()  # the click ended the setting alone

    def give(self):
        """Enter puts the brush down; what it painted is the reference."""
        painted = self.brush.current().matte.copy()
        key("RET", self.middle)
        yield lambda: self.brush.current() is None
        assert not self.clip.xmempp.objects[0].painted[0].given
        yield from search("add reference", self.middle)
        yield lambda: self.idle() and 1001 in self.host.sight.thumbnails
        assert self.clip.xmempp.objects[0].painted[0].given
        image = self.clip.xmempp.objects[0].painted[0].image
        assert image.packed_file is not None
        yield lambda: not self.host.sight.mattes.wants(1001)
        told = self.host.sight.mattes.at(1001)[self.clip.xmempp.objects[0].object]
        assert np.abs(told / 255 - painted / 65535).max() < 1 / 255  # as it was painted
        yield from self.photo("3_reference")

    def propagate(self):
        """Cancelled by Esc at first; what is finished stays. Then to the end."""
        yield from search("propagate", self.middle, settled=0)
        yield lambda: self.shot.job is not None and self.shot.job.done >= 1
        yield from self.escape()
        yield lambda: self.shot.job is None and self.idle()
        done = self.shot.state.done
        assert done
        assert done != self.shot.state.frames, "it was not cancelled"
        yield from search("propagate", self.middle)
        half = (bpy.context.scene.frame_end - 1000) // 2
        yield lambda: self.finished() >= half
        bpy.context.scene.frame_current = 1001 + half // 2
        yield self.shown
        yield from self.photo("4_propagating")
        yield lambda: self.shot.job is None and self.idle()
        assert self.shot.state.done == self.shot.state.frames

    def escape(self):
        """Esc over the clip; the engine stands still until Blender has heard it, however quick."""
        heard, cancel, engine = [], self.shot.cancel, self.bridge._client.welcome.pid
        self.shot.cancel = lambda: heard.append(cancel())
        os.kill(engine, signal.SIGSTOP)
        move(self.middle)
        key("ESC", self.middle)
        late = after(20.0)
        yield lambda: heard or late()
        os.kill(engine, signal.SIGCONT)
        del self.shot.cancel
        assert len(heard) == 1, "Esc was not heard"

    def suggest(self):
        """Candidates are marked; the search goes to the best."""
        self.clip.xmempp.count = 3
        yield from search("suggest frames", self.middle)
        yield lambda: bool(self.shot.candidates) and self.idle()
        yield from search("go to candidate", self.middle)
        assert bpy.context.scene.frame_current == self.shot.candidates[0]
        marks = {mark.frame for mark in bpy.context.scene.timeline_markers}
        assert marks == set(self.shot.candidates)
        yield self.shown
        yield from self.photo("5_candidate")

    def correct(self):
        """The brush begins with what was propagated."""
        frame = bpy.context.scene.frame_current
        yield from search("matte brush", self.middle)
        yield lambda: self.brush.current() is not None and self.brush.current().ready
        told = self.host.sight.mattes.at(frame)[self.clip.xmempp.objects[0].object]
        assert np.abs(told / 255 - self.brush.current().matte / 65535).max() < 1 / 255
        yield from self.strokes_by_hand(self.strokes[frame])
        yield from self.photo("6_corrected")
        key("ESC", self.middle)
        yield lambda: self.brush.current() is None
        yield from search("add reference", self.middle)
        yield lambda: self.idle() and self.shot.state.references == (1001, frame)

    def propagate_again(self):
        """The candidate is none any more."""
        corrected = bpy.context.scene.frame_current
        assert corrected not in self.shot.candidates
        assert len(self.icons[-1]) == 2  # a picture for each reference, none of those before
        yield from search("propagate", self.middle)
        yield lambda: self.shot.job is not None
        yield lambda: self.shot.job is None and self.idle()
        yield from search("go to worst frame", self.middle)
        assert bpy.context.scene.frame_current not in (1001, corrected)
        yield self.shown
        yield from self.photo("7_propagated")

    def freeze(self):
        """A range, by the button of the panel."""
        state = self.clip.xmempp
        state.use_range, state.first, state.last = True, 1003, 1006
        yield from press_first(bpy.types.XMEMPP_PT_locks)
        state.use_range = False
        yield lambda: self.idle() and self.shot.state.locked == ((1003, 1006),)
        self.clip.xmempp.view.mode = "OUTLINE"
        yield from self.photo("8_frozen")
        self.strip_is_seen()

    def strip_is_seen(self):
        """Blender's panel of the last operation does not hide it."""
        area, region = editor()
        (panel,) = (one for one in area.regions if one.type == "HUD" and one.height > 1)
        ((_, place), _) = part(self.package, "strip_drawing")._kept[self.host.token]
        assert place.low >= panel.y + panel.height - region.y

    def undo_the_freeze(self):
        """Ctrl Z and Ctrl Shift Z reach the engine; the propagation before it goes the same way."""
        locked, done = self.shot.state.locked, self.shot.state.done
        for keys, wanted in (({}, ()), ({"shift": True}, locked)):
            key("Z", self.middle, ctrl=True, **keys)
            yield lambda wanted=wanted: self.idle() and self.shot.state.locked == wanted
        frame = bpy.context.scene.frame_current
        revision, references = self.shot.state.revision, self.shot.state.references
        for _ in range(3):  # the freeze, the propagation, the corrected reference
            key("Z", self.middle, ctrl=True)
            yield 0.1
        yield lambda: self.idle() and self.shot.state.references == references[:1]
        assert self.host.waits(self.clip.xmempp.objects[0].object, references[1])
        for _ in range(3):
            key("Z", self.middle, ctrl=True, shift=True)
            yield 0.1
        yield lambda: self.idle() and self.shot.state.locked == locked
        assert (self.shot.state.done, self.shot.state.references) == (done, references)
        assert not self.host.waits(self.clip.xmempp.objects[0].object, references[1])
        assert self.shot.state.revision == revision + 6
        bpy.context.scene.frame_current = frame
        yield self.shown

    def undo_in_engine(self):
        """The lock is taken back, and done again."""
        yield from search("undo in engine", self.middle)
        yield lambda: self.idle() and not self.shot.state.locked
        yield from search("redo in engine", self.middle)
        yield lambda: self.idle() and self.shot.state.locked == ((1003, 1006),)

    def undo_in_blender(self):
        """It takes back what the brush painted, and brings it again; nothing of the engine's."""
        frame = 1002
        bpy.context.scene.frame_current = frame
        yield 0.2
        yield from search("matte brush", self.middle)
        yield lambda: self.brush.current() is not None and self.brush.current().ready
        yield from drag([self.middle, (self.middle[0] + 40, self.middle[1] + 10)])
        event("ESC", "PRESS", self.middle)
        yield lambda: self.brush.current() is None
        yield 0.2
        painted = self.host.paintings.matte(1, frame).copy()
        for keys, there in (({}, False), ({"shift": True}, True)):
            key("Z", self.middle, ctrl=True, **keys)
            yield 0.5
            assert (self.host.paintings.entry(1, frame) is not None) == there
        yield lambda: self.host.paintings.matte(1, frame) is not None
        assert (self.host.paintings.matte(1, frame) == painted).all()
        assert self.shot.state.locked == ((1003, 1006),)
        name = self.clip.xmempp.objects[0].name
        bpy.ops.xmempp.painting_clear(object_name=name, clip=self.clip.name)

    def look(self):
        """Saved and opened again, all is there; before a checkerboard."""
        self.clip.xmempp.view.mode = "CHECKER"
        yield self.shown
        yield from self.photo("9_checker")
        blend = str(self.folder / "shot.blend")
        yield lambda: self.host.paintings.matte(1, 1001) is not None
        painted = self.host.paintings.matte(1, 1001).copy()
        bpy.ops.wm.save_as_mainfile(filepath=blend)
        bpy.ops.wm.open_mainfile(filepath=blend)
        yield lambda: self.bridge.find(self.clip) and self.shot.state is not None and self.idle()
        yield lambda: self.host.paintings.matte(1, 1001) is not None
        assert (self.host.paintings.matte(1, 1001) == painted).all()
        yield self.shown
        assert editor()[0].spaces.active.clip == self.clip


def main():
    archive, plate, strokes, folder = arguments()
    bpy.context.preferences.view.show_splash = False
    package = install(archive)
    chosen = bpy.context.preferences.addons[package].preferences
    chosen.workspace, chosen.device = f"{folder}/workspace", "cpu"
    play(Story(package, plate, Path(strokes).read_text(), folder).tell())


main()
