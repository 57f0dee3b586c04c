# SPDX-License-Identifier: Apache-2.0
"""Paintings and annotations without a window: ``paintings.py -- ZIP PLATE FOLDER``."""

import faulthandler
import sys
import threading
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from inside import arguments, draw_mask, fails, install, nothing_is_left, open_plate, part

SIZE = (48, 80)


def painting():
    """A soft disc."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    away = np.hypot(x - 30, y - 20)
    return (np.clip((14 - away) / 5, 0, 1) * 65535).astype(np.uint16)


def annotation(clip, frame):
    """A closed stroke at a frame."""
    stroke = drawn_stroke(clip, frame) if bpy.app.version >= (4, 3) else made_stroke(clip, frame)
    turn = np.linspace(0, 2 * np.pi, len(stroke.points))
    places = np.zeros((len(turn), 3), np.float32)
    places[:, 0], places[:, 1] = 0.5 + 0.1 * np.cos(turn), 0.25 + 0.1 * np.sin(turn)
    stroke.points.foreach_set("co", places.ravel())


def made_stroke(clip, frame):
    clip.grease_pencil = made = bpy.data.grease_pencils.new("notes")
    layer = made.layers.new("outline", set_active=True)
    stroke = layer.frames.new(frame).strokes.new()
    stroke.points.add(40)
    return stroke


def drawn_stroke(clip, frame):
    """Since Blender 4.3 its own pencil alone makes strokes; where they lie is set afterwards."""
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda area: area.width * area.height)
    area.type = "CLIP_EDITOR"
    area.spaces.active.clip = clip
    region = next(one for one in area.regions if one.type == "WINDOW")
    bpy.context.scene.frame_set(frame)
    common = {"name": "", "location": (0, 0, 0), "pressure": 1.0, "size": 0.0, "time": 0.0}
    ends = {"x_tilt": 0.0, "y_tilt": 0.0}
    if "pen_flip" in bpy.types.OperatorStrokeElement.bl_rna.properties:
        ends["pen_flip"] = False
    points = [
        {**common, **ends, "mouse": (i, i * i), "mouse_event": (i, i * i), "is_start": i == 0}
        for i in range(40)
    ]
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.gpencil.annotate(mode="DRAW", stroke=points, wait_for_input=False)
    notes = clip.annotation if bpy.app.version >= (5, 0) else clip.grease_pencil
    layer = notes.layers[0]
    layer.info = "outline"
    assert [one.frame_number for one in layer.frames] == [frame]
    return layer.frames[0].strokes[0]


def told(package, host, frame):
    """What the commands would send of a frame, by object."""
    state = part(package, "bridge").current().shot(host.movie_clip()).state
    return {
        one.object: np.frombuffer(one.image.data, one.image.dtype).reshape(one.image.shape)
        for one in host.painted(frame, state.objects)
    }


def painted_and_saved(package, bridge, clip, blend):
    """A painting goes before the object's source, and is in the .blend."""
    host, matte = bridge.host(clip), painting()
    host.paintings.store(1, 1003, matte)
    assert host.paintings.saving
    bridge.wait(lambda: not host.paintings.saving, 10)
    entry = host.paintings.entry(1, 1003)
    assert entry.image.packed_file is not None
    assert tuple(entry.image.size) == (SIZE[1], SIZE[0])  # any Blender can look at it
    seen = np.array(entry.image.pixels[:]).reshape(*SIZE, -1)[::-1, :, 0]
    assert np.abs(seen - matte / 65535).max() < 0.005
    assert (told(package, host, 1003)[1] == matte).all()
    bpy.context.scene.frame_set(3)
    bpy.ops.xmempp.reference_add()
    bpy.ops.xmempp.wait(seconds=60)
    assert host.paintings.entry(1, 1003).given
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    bpy.ops.wm.open_mainfile(filepath=blend)
    clip = bpy.data.movieclips[0]
    bpy.ops.xmempp.wait(seconds=60)
    host = bridge.host(clip)
    assert host.paintings.matte(1, 1003) is None  # a thread reads it
    bridge.wait(lambda: host.paintings.matte(1, 1003) is not None, 10)
    assert (host.paintings.matte(1, 1003) == matte).all()


def saved_at_once(package, bridge, folder):
    """What was painted a moment ago is in the file, though no thread had time to pack it."""
    host = bridge.host(bpy.data.movieclips[0])
    host.paintings.store(1, 1002, painting())
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/at_once.blend")
    host.paintings.store(1, 1001, painting())
    bpy.ops.wm.open_mainfile(filepath=f"{folder}/at_once.blend")
    bpy.ops.xmempp.wait(seconds=60)
    assert bridge.error is None  # nothing of the file that was left comes late
    host = bridge.host(bpy.data.movieclips[0])
    assert host.paintings.entry(1, 1002).image.packed_file is not None
    assert host.paintings.entry(1, 1001) is None
    host.paintings.clear(1, 1002)


def saved_in_a_pause(package, bridge, folder):
    """A script that has threads stand still can save; what was just painted is in the file."""
    quiet, host = part(package, "quiet"), bridge.host(bpy.data.movieclips[0])
    faulthandler.dump_traceback_later(60, exit=True)  # it waited for ever
    host.paintings.store(1, 1002, painting())
    with quiet.paused():
        host.paintings.store(1, 1001, painting())
        bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/in_a_pause.blend")
        assert quiet._state == {"running": 0, "paused": 1}
        for frame in (1001, 1002):
            assert host.paintings.entry(1, frame).image.packed_file is not None
            host.paintings.clear(1, frame)
        bpy.ops.xmempp.wait(seconds=60)
        host.paintings.store(1, 1001, painting())
        bpy.ops.wm.open_mainfile(filepath=f"{folder}/in_a_pause.blend")
    faulthandler.cancel_dump_traceback_later()
    bpy.ops.xmempp.wait(seconds=60)
    host = bridge.host(bpy.data.movieclips[0])
    for frame in (1001, 1002):
        assert host.paintings.entry(1, frame).image.packed_file is not None
        host.paintings.clear(1, frame)


def undone_while_painting(package, bridge, clip):
    """Blender's undo takes nothing from the brush that is in use."""
    brush, canvas = part(package, "brush"), part(package, "canvas")
    host = bridge.host(clip)
    bpy.ops.ed.undo_push(message="before")
    used = brush.take_up(bridge.shot(clip), host, lambda matte, rect: None)
    used.turn_to(1, 1005)
    bridge.wait(lambda: used.ready, 10)
    used.press(40, 24, canvas.Tip(5))
    used.release()
    bridge.wait(lambda: not used.saving, 10)
    bpy.context.scene.name = "changed"
    bpy.ops.ed.undo_push(message="after")
    painted = used.matte.copy()
    bpy.ops.ed.undo()
    assert bpy.context.scene.name != "changed"
    assert (used.matte == painted).all()
    bridge.wait(lambda: not used.saving, 10)
    assert (host.paintings.matte(1, 1005) == painted).all()
    assert host.paintings.entry(1, 1005).image.packed_file is not None
    brush.put_down()
    host.paintings.clear(1, 1005)


def while_memory_is_lacking(bridge, clip):
    """It is gathered once there is some, of the frame that was shown; what is wrong is told."""
    host, shot = bridge.host(clip), bridge.shot(clip)
    host.room_work = lambda: lambda: None
    host.paintings.store(1, 1006, painting())
    bpy.context.scene.frame_set(6)
    bpy.ops.xmempp.reference_add()
    bpy.context.scene.frame_set(7)
    bpy.ops.xmempp.wait(seconds=60)
    assert 1006 in shot.state.references
    assert host.paintings.entry(1, 1006).given
    bpy.ops.xmempp.reference_add()
    bpy.ops.xmempp.wait(seconds=60)
    assert "Nothing is painted at frame 1007" in str(host.error), host.error
    bpy.context.scene.frame_set(100)
    fails(bpy.ops.xmempp.reference_add, "no frame 1100")
    bpy.context.scene.frame_set(6)
    bpy.ops.xmempp.reference_remove()
    bpy.ops.xmempp.wait(seconds=60)
    del host.room_work
    host.error = None


def saved_while_one_is_made(package, bridge, clip):
    """To save does not wait for a reference that takes long to make; to leave the file does."""
    host, shot, gathering = bridge.host(clip), bridge.shot(clip), part(package, "gathering")
    inner, ended, made = gathering.mattes_of, threading.Event(), []

    def slowly(readers):
        ended.wait(10)
        made.append(inner(readers))
        return made[0]

    gathering.mattes_of = slowly
    host.paintings.store(1, 1006, painting())
    bpy.context.scene.frame_set(6)
    bpy.ops.xmempp.reference_add()
    host.paintings.store(1, 1002, painting())
    bpy.ops.wm.save_mainfile()
    assert not made
    assert not bridge.idle
    assert host.paintings.entry(1, 1002).image.packed_file
    ended.set()
    bridge.settle(leaves=True)
    gathering.mattes_of = inner
    assert made
    bpy.ops.xmempp.wait(seconds=60)
    assert 1006 in shot.state.references
    host.paintings.clear(1, 1002)


def left_while_one_is_made(package, bridge, clip):
    """The clip can be closed at once; that the reference is not given is told."""
    gathering = part(package, "gathering")
    inner, ended = gathering.mattes_of, threading.Event()
    gathering.mattes_of = lambda readers: ended.wait(10) and inner(readers)
    bpy.context.scene.frame_set(6)
    bpy.ops.xmempp.reference_add()
    bpy.ops.xmempp.clip_close()
    assert "A reference was still being made" in str(bridge.error), bridge.error
    ended.set()
    bpy.ops.xmempp.wait(seconds=60)
    gathering.mattes_of, bridge.error = inner, None
    bpy.ops.xmempp.clip_open()
    bpy.ops.xmempp.wait(seconds=60)
    bpy.ops.xmempp.clip_close()
    assert bridge.error is None
    bpy.ops.xmempp.clip_open()
    bpy.ops.xmempp.wait(seconds=60)


def refused(package, bridge, clip):
    """A painting counts as given when the engine has it, and as it was given."""
    host, shot = bridge.host(clip), bridge.shot(clip)
    host.paintings.store(1, 1006, painting())
    bpy.context.scene.frame_set(6)
    bpy.ops.xmempp.reference_add()
    host.paintings.store(1, 1006, painting() // 2)  # on the way
    bpy.ops.xmempp.wait(seconds=60)
    assert 1006 in shot.state.references
    assert not host.paintings.entry(1, 1006).given
    bpy.ops.xmempp.reference_add()
    bpy.ops.xmempp.wait(seconds=60)
    assert host.paintings.entry(1, 1006).given
    assert not host.waits(1, 1006)
    assert 1006 not in host.waiting()
    bpy.ops.xmempp.reference_remove()
    bpy.ops.xmempp.wait(seconds=60)
    assert host.waits(1, 1006)  # the engine has it no more
    assert host.waiting()[1006] == ["disc"]
    host.paintings.store(1, 1006, painting()[:-1])  # of another size
    bpy.ops.xmempp.reference_add()
    bpy.ops.xmempp.wait(seconds=60)
    assert not host.paintings.entry(1, 1006).given
    assert "x" in str(host.error), host.error
    host.error = None
    bpy.ops.xmempp.painting_clear(object_name="disc")


def removed_and_back(package, bridge, clip, folder):
    """What the brush painted comes back with its object: by undo, and in a new session."""
    host = bridge.host(clip)
    disc = clip.xmempp.objects[0]
    host.paintings.store(1, 1002, painting())
    bridge.wait(lambda: not host.paintings.saving, 10)
    host.paintings.mark(1, 1002)()
    draw_mask("roto", [(10, 10), (30, 10), (30, 30)], SIZE)
    bpy.ops.xmempp.object_add(object_name="disc", mask="roto")  # refused, and forgotten
    bpy.ops.xmempp.wait(seconds=60)
    assert "taken" in str(host.error)
    bpy.ops.xmempp.error_clear()
    bpy.ops.xmempp.object_remove(object_name="disc")
    bpy.ops.xmempp.wait(seconds=60)
    assert not clip.xmempp.objects
    bpy.ops.xmempp.undo()
    bpy.ops.xmempp.wait(seconds=60)
    disc = clip.xmempp.objects[0]
    assert (disc.name, disc.source, disc.strokes) == ("disc", "STROKES", "")
    assert disc.painted[0].frame == 1002
    assert disc.painted[0].given
    assert not clip.xmempp.removed
    before = clip.xmempp.session
    bpy.ops.xmempp.clip_forget()
    plate = Path(bpy.path.abspath(clip.filepath)).parent
    moved = Path(folder, "moved").resolve()
    plate.rename(moved)
    clip.filepath = str(moved / Path(clip.filepath).name)
    bpy.ops.xmempp.clip_open()
    bpy.ops.xmempp.wait(seconds=60)
    assert clip.xmempp.session != before
    (disc,) = clip.xmempp.objects
    assert disc.name == "disc"
    assert not disc.painted[0].given
    host = bridge.host(clip)
    bridge.wait(lambda: host.paintings.matte(disc.object, 1002) is not None, 10)
    assert (host.paintings.matte(disc.object, 1002) == painting()).all()


def cleared(bridge, clip):
    """Nothing of it stays, not even what was on its way."""
    host, before = bridge.host(clip), len(bpy.data.images)
    host.paintings.store(1, 1004, painting())
    host.paintings.clear(1, 1004)
    bpy.ops.xmempp.wait(seconds=10)
    assert host.paintings.entry(1, 1004) is None
    assert len(bpy.data.images) == before
    bpy.context.scene.frame_set(3)
    bpy.ops.xmempp.painting_clear(object_name="disc")
    assert len(bpy.data.images) == before - 1
    fails(bpy.ops.xmempp.painting_clear, "painted nothing at frame 1003", object_name="disc")


def strokes(package, bridge, clip):
    """A closed stroke is filled, at its own frame alone."""
    host, disc = bridge.host(clip), clip.xmempp.objects[0]
    annotation(clip, 5)
    disc.source, disc.strokes = "STROKES", "outline"
    assert told(package, host, 1006) == {}
    matte = told(package, host, 1005)[1] / 65535
    assert matte[36, 40] == 1  # 0.25 from below
    assert matte[12, 40] == 0
    assert abs(matte.sum() / (np.pi * 8 * 4.8) - 1) < 0.05
    bpy.context.scene.frame_set(5)
    disc.strokes = "gone"
    fails(bpy.ops.xmempp.reference_add, "no layer 'gone'")
    disc.strokes = ""
    bpy.ops.xmempp.reference_add()
    bpy.ops.xmempp.wait(seconds=60)
    assert 1005 in [one.frame for one in clip.xmempp.references]


def main():
    archive, plate, folder = arguments()
    package = install(archive)
    bridge = part(package, "bridge").current()
    chosen = bpy.context.preferences.addons[package].preferences
    chosen.workspace, chosen.device = f"{folder}/workspace", "cpu"
    clip = open_plate(plate)
    clip.xmempp.model = "lite"
    bpy.ops.xmempp.engine_start()
    bpy.ops.xmempp.clip_open()
    bpy.ops.xmempp.wait(seconds=120)
    bpy.ops.xmempp.object_add(object_name="disc")
    bpy.ops.xmempp.wait(seconds=60)
    fails(bpy.ops.xmempp.worst_jump, "No frame has a confidence yet")
    painted_and_saved(package, bridge, clip, f"{folder}/shot.blend")
    saved_at_once(package, bridge, folder)
    saved_in_a_pause(package, bridge, folder)
    clip = bpy.data.movieclips[0]
    cleared(bridge, clip)
    strokes(package, bridge, clip)
    undone_while_painting(package, bridge, clip)
    clip = bpy.data.movieclips[0]
    while_memory_is_lacking(bridge, clip)
    saved_while_one_is_made(package, bridge, clip)
    left_while_one_is_made(package, bridge, clip)
    refused(package, bridge, clip)
    removed_and_back(package, bridge, clip, folder)
    assert bridge.host(clip).error is None
    disabled_at_once(package, bridge, bpy.data.movieclips[0])


def disabled_at_once(package, bridge, clip):
    """What was painted a moment ago stays in the file; what comes late finds the add-on whole."""
    host, seen = bridge.host(clip), []
    parts, icons = part(package, "bridge"), part(package, "thumbnails")
    host.submit(lambda: None, lambda: seen.append((parts.current(), icons._previews[-1])))
    host.paintings.store(clip.xmempp.objects[0].object, 1001, painting())
    nothing_is_left(package)
    assert seen
    assert any(one.name.endswith(" 1001") and one.packed_file for one in bpy.data.images)


main()
