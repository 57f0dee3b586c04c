# SPDX-License-Identifier: Apache-2.0
"""Several objects, scenes and clips: ``several.py -- ZIP PLATE FOLDER``."""

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from inside import arguments, draw_mask, fails, install, open_plate, part

SIZE = (48, 80)
OUTLINE = [(10, 10), (30, 10), (30, 30), (10, 30)]


def done(operator, **properties):
    """Calls an operator, and waits for what comes of it."""
    operator(**properties)
    bpy.ops.xmempp.wait(seconds=120)


def chosen(clip):
    """Name of the object that the panel is about."""
    state = clip.xmempp
    return state.objects[state.active_object].name if state.objects else ""


def the_chosen_object(clip):
    """What was just added is chosen; it stays so while others go; else one that is there."""
    for name in ("one", "two", "three"):
        done(bpy.ops.xmempp.object_add, object_name=name)
        assert chosen(clip) == name
    done(bpy.ops.xmempp.object_remove, object_name="one")
    assert chosen(clip) == "three"
    done(bpy.ops.xmempp.object_remove)
    assert chosen(clip) == "two"
    done(bpy.ops.xmempp.undo)
    assert chosen(clip) == "two"
    done(bpy.ops.xmempp.object_remove)
    assert chosen(clip) == "three"
    done(bpy.ops.xmempp.object_remove)
    assert (chosen(clip), clip.xmempp.active_object) == ("", 0)


def candidates_in_copied_scenes(package, clip):
    """Stale markers go, also from a scene that was copied with them; the artist's stay."""
    scene = bpy.context.scene
    done(bpy.ops.xmempp.object_add, object_name="disc", mask="roto", layer="disc")
    scene.frame_set(1)
    done(bpy.ops.xmempp.reference_add)
    done(bpy.ops.xmempp.propagate)
    done(bpy.ops.xmempp.suggest, count=2)
    mine = ["mine", *(f"XM++ {word} {clip.name}" for word in ("note", "0", "01", "²"))]
    for name in mine:
        scene.timeline_markers.new(name, frame=3)
    assert len(scene.timeline_markers) == len(mine) + 2
    copy = scene.copy()
    candidates_go_along(package, clip, mine)
    part(package, "bridge").current().host(clip).show_candidates(())
    assert [mark.name for one in (scene, copy) for mark in one.timeline_markers] == mine * 2
    bpy.data.scenes.remove(copy)


def candidates_go_along(package, clip, mine):
    """Where the clip starts elsewhere, their markers are at their frames, in every scene."""
    host = part(package, "bridge").current().host(clip)
    wanted = part(package, "bridge").current().shot(clip).candidates
    for name, value in (("frame_start", 6), ("frame_offset", 2), ("frame_offset", 0)):
        setattr(clip, name, value)
        bpy.ops.xmempp.wait(seconds=60)
        for scene in bpy.data.scenes:
            frames = {mark.name: mark.frame for mark in scene.timeline_markers}
            assert [frames.pop(one) for one in mine] == [3] * len(mine)
            assert [host.frames().to_clip(frames[one]) for one in sorted(frames)] == [*wanted]
    moved = bpy.data.scenes[0].timeline_markers
    moved.remove(next(mark for mark in moved if mark.name.startswith("XM++ 1 ")))
    clip.frame_start, count = 1, len(moved)
    bpy.ops.xmempp.wait(seconds=60)
    assert len(moved) == count, "one that the artist removed does not come again"


def a_copied_clip(package, clip):
    """It is opened for itself, as a plate that is loaded twice; files and paintings are its own."""
    bridge, disc = part(package, "bridge").current(), clip.xmempp.objects["disc"]
    entry = disc.painted.add()
    entry.frame, entry.image = 1003, bpy.data.images.new("disc 1003", 80, 48)
    token, files = clip.xmempp.token, disc.files
    copy = clip.copy()
    copy.name = "a copy"  # before the other in Blender's order
    assert bridge.find(copy) is None
    fails(bpy.ops.xmempp.object_add, "not open", clip=copy.name, object_name="other")
    bpy.ops.xmempp.clip_close(clip=copy.name)
    assert bridge.shot(clip).state is not None
    done(bpy.ops.xmempp.clip_open, clip=copy.name)
    done(bpy.ops.xmempp.object_add, clip=copy.name, object_name="other")
    assert [obj.name for obj in copy.xmempp.objects] == ["disc", "other"]
    assert (clip.xmempp.token, clip.xmempp.objects["disc"].files) == (token, files)
    assert copy.xmempp.token != token
    theirs = copy.xmempp.objects["disc"]
    assert theirs.files != files
    assert theirs.result not in (None, clip.xmempp.objects["disc"].result)
    assert theirs.painted[0].image not in (None, clip.xmempp.objects["disc"].painted[0].image)


def two_copies_in_a_file(package, clip, folder):
    """Of a file with a copy that was never opened, the clip alone is taken up."""
    bpy.data.movieclips.remove(bpy.data.movieclips["a copy"])
    name, session, copy = clip.name, clip.xmempp.session, clip.copy()
    copy.use_fake_user = True
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/several.blend")
    done(bpy.ops.wm.open_mainfile, filepath=f"{folder}/several.blend")
    bridge = part(package, "bridge").current()
    assert len(bridge.shots()) == 1
    assert bridge.shot(bpy.data.movieclips[name]).state.session == session


def a_session_that_is_forgotten(package, clip):
    """The same plate is opened as new: with its objects and paintings; the old one stays whole."""
    bridge, kept = part(package, "bridge").current(), clip.xmempp
    before, workspace = kept.session, Path(kept.workspace)
    files = {path: path.read_bytes() for path in workspace.rglob("*") if path.is_file()}
    assert bridge.shot(clip).state.references
    assert bridge.shot(clip).state.done
    assert "three" in [one.name for one in kept.removed], "which nobody painted"
    frames = [one.frame for one in kept.objects["disc"].painted]
    names = [one.name for one in kept.objects]
    found = {before}
    for times in (2, 3):
        bpy.ops.xmempp.clip_forget(clip=clip.name)
        done(bpy.ops.xmempp.clip_open, clip=clip.name)
        found.add(kept.session)
        assert len(found) == times
        state = bridge.shot(clip).state
        assert (state.references, state.done) == ((), ())
        assert [one.name for one in state.objects] == names == [one.name for one in kept.objects]
        assert kept.objects["disc"].mask == bpy.data.masks["roto"]
        assert [one.frame for one in kept.objects["disc"].painted] == frames != []
    changed = [path.name for path in files if not same(path, files[path])]
    assert changed == ["lock"], changed
    session = kept.session
    bpy.ops.xmempp.clip_close(clip=clip.name)
    done(bpy.ops.xmempp.clip_open, clip=clip.name)
    assert kept.session == session
    bpy.ops.xmempp.clip_close(clip=clip.name)
    kept.session, kept.workspace = before, str(workspace)  # as Blender's undo has them
    done(bpy.ops.xmempp.clip_open, clip=clip.name)
    assert bridge.shot(clip).state.references


def same(path, data):
    return path.exists() and path.read_bytes() == data


def main():
    archive, plate, folder = arguments()
    package = install(archive)
    settings = bpy.context.preferences.addons[package].preferences
    settings.workspace, settings.device = f"{folder}/workspace", "cpu"
    clip = open_plate(plate)
    name = clip.name
    clip.xmempp.model, clip.xmempp.mattes = "lite", f"{folder}/mattes"
    draw_mask("roto", OUTLINE, SIZE)
    bpy.ops.xmempp.engine_start()
    done(bpy.ops.xmempp.clip_open)
    the_chosen_object(clip)
    candidates_in_copied_scenes(package, clip)
    a_copied_clip(package, clip)
    two_copies_in_a_file(package, clip, folder)
    a_session_that_is_forgotten(package, bpy.data.movieclips[name])
    bpy.ops.preferences.addon_disable(module=package)


main()
