# SPDX-License-Identifier: Apache-2.0
"""The artist's story with a real engine: ``story.py -- ZIP PLATE OUTLINES FOLDER``.

OUTLINES is JSON: for each frame the disc as a polygon, in pixels from the top left.
"""

import json
import sys
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from inside import arguments, draw_mask, fails, install, open_plate, part

SIZE = (48, 80)


def painted_at(clip, frame, outline) -> None:
    """Draws the disc's outline of a frame, as the artist does, and gives it to the engine."""
    bpy.context.scene.frame_set(frame)
    for mask in bpy.data.masks:
        bpy.data.masks.remove(mask)
    obj = clip.xmempp.objects[0]
    obj.source, obj.mask, obj.layer = "MASK", draw_mask("roto", outline, SIZE), "disc"
    bpy.ops.xmempp.reference_add()
    bpy.ops.xmempp.wait(seconds=60)


def marked() -> list[tuple[str, int]]:
    """Names and frames of the timeline's markers."""
    return sorted(
        ((marker.name, marker.frame) for marker in bpy.context.scene.timeline_markers),
        key=lambda pair: (pair[0] != "mine", pair),
    )


def all_is_searchable(package) -> None:
    """Blender's search finds what stands in a menu; left out is what needs to be told a frame."""
    listed = {entry[0] for entry in part(package, "keys")._ENTRIES if entry is not None}
    there = {f"xmempp.{name}" for name in dir(bpy.ops.xmempp)}
    assert listed <= there
    others = {name.removeprefix("xmempp.") for name in there - listed}
    assert others == {"frame_jump", "reference_jump", "error_clear", "escape", "wait"}, others
    for name in there:
        described = getattr(bpy.ops.xmempp, name.removeprefix("xmempp.")).get_rna_type()
        assert len(described.description) > 15, name
        shown = [one for one in described.properties if one.identifier != "rna_type"]
        silent = [one.identifier for one in shown if not (one.is_hidden or one.description)]
        assert not silent, (name, silent)


def what_is_done_can_be_undone() -> None:
    """Edits in the engine too, and adjusted; the brush is not done again."""
    options = {
        name.removeprefix("XMEMPP_OT_"): getattr(getattr(bpy.types, name), "bl_options", ())
        for name in dir(bpy.types)
        if name.startswith("XMEMPP_OT_")
    }
    undone = {name for name, found in options.items() if "UNDO" in found}
    again = {name for name, found in options.items() if "REGISTER" in found}
    edits = {"object_add", "object_remove", "object_rename", "not_visible", "lock", "unlock"}
    edits |= {"reference_add", "reference_update", "reference_remove", "propagate", "suggest"}
    layers = {"compositor_add", "compositor_remove", "layer_clip", "splines_add"}
    assert again == edits | layers | {"object_source", "painting_clear"}, again
    assert undone == again | {"brush", "clip_forget"}, undone
    for name in edits:  # or the next button would mean what was adjusted
        found = getattr(bpy.ops.xmempp, name).get_rna_type().properties
        kept = [one.identifier for one in found if not (one.is_skip_save or one.is_hidden)]
        assert kept in ([], ["rna_type"]), (name, kept)


def main() -> None:
    archive, plate, outlines, folder = arguments()
    outline = {
        int(frame): points for frame, points in json.loads(Path(outlines).read_text()).items()
    }
    package = install(archive)
    all_is_searchable(package)
    what_is_done_can_be_undone()
    chosen = bpy.context.preferences.addons[package].preferences
    chosen.workspace, chosen.device = f"{folder}/workspace", "cpu"
    clip = open_plate(plate)
    scene = bpy.context.scene
    clip.frame_start, clip.xmempp.model = 1001, "lite"
    scene.timeline_markers.new("mine", frame=1003)
    blend = f"{folder}/shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=blend)

    fails(bpy.ops.xmempp.clip_open, "There is no engine yet")
    fails(bpy.ops.xmempp.propagate, "not open")
    bpy.ops.xmempp.engine_start()
    bpy.ops.xmempp.clip_open()
    bpy.ops.xmempp.wait(seconds=120)
    bridge = part(package, "bridge").current()
    assert bridge.state == "connected"
    state = bridge.shot(clip).state
    assert state.frames == ((1001, 1006),), state
    assert (state.height, state.width) == SIZE
    assert clip.xmempp.session == state.session

    bpy.ops.xmempp.object_add(object_name="disc")
    bpy.ops.xmempp.wait(seconds=60)
    assert [(obj.object, obj.name) for obj in clip.xmempp.objects] == [(1, "disc")]
    scene.frame_set(1001)
    fails(bpy.ops.xmempp.reference_add, "Nothing is painted at frame 1001")
    painted_at(clip, 1001, outline[1001])
    assert [one.frame for one in clip.xmempp.references] == [1001]

    bpy.ops.xmempp.propagate(direction="both")
    fails(bpy.ops.xmempp.suggest, "running already")
    bpy.ops.xmempp.wait(seconds=300)
    assert bridge.shot(clip).state.done == ((1001, 1006),)
    host = bridge.host(clip)
    assert host.error is None, host.error
    assert {frame for frame, _ in host.confidence} >= {1002, 1006}
    result = clip.xmempp.objects[0].result
    assert result.source == "SEQUENCE"
    assert result.colorspace_settings.name == "Non-Color"
    assert Path(bpy.path.abspath(result.filepath)).name.startswith("plate.1001_disc.")
    files = sorted(Path(bpy.path.abspath("//mattes")).rglob("*.png"))
    assert [path.name.split(".")[-2] for path in files] == [str(f) for f in range(1001, 1007)]

    clip.xmempp.count = 3
    bpy.ops.xmempp.suggest()
    bpy.ops.xmempp.wait(seconds=120)
    candidates = bridge.shot(clip).candidates
    assert candidates
    assert 1001 not in candidates
    assert marked() == [
        ("mine", 1003),
        *((f"XM++ {n} plate.1001.png", f) for n, f in enumerate(candidates, 1)),
    ]
    bpy.ops.xmempp.candidate_jump(to="NEXT")
    assert scene.frame_current == candidates[0]
    painted_at(clip, candidates[0], outline[candidates[0]])
    left = bridge.shot(clip).candidates
    assert left == candidates[1:]
    assert marked() == [
        ("mine", 1003),
        *((f"XM++ {n} plate.1001.png", f) for n, f in enumerate(left, 1)),
    ]

    bpy.ops.xmempp.lock(use_range=True, first=1002, last=1003)
    bpy.ops.xmempp.wait(seconds=60)
    assert bridge.shot(clip).state.locked == ((1002, 1003),)
    bpy.ops.xmempp.undo()
    bpy.ops.xmempp.wait(seconds=60)
    assert bridge.shot(clip).state.locked == ()
    scene.frame_set(1006)
    bpy.ops.xmempp.not_visible()
    bpy.ops.xmempp.wait(seconds=60)
    assert 1006 in bridge.shot(clip).state.references
    bpy.ops.xmempp.reference_jump(frame=1001)
    assert scene.frame_current == 1001

    session, left = clip.xmempp.session, bridge.shot(clip).candidates
    clip.name = "renamed"
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=blend)
    bpy.ops.xmempp.wait(seconds=120)
    clip = bpy.data.movieclips[0]
    assert clip.xmempp.session == session
    assert bridge.shot(clip).state.references == tuple(sorted({1001, 1006, candidates[0]}))
    assert clip.xmempp.objects[0].mask is not None
    assert bridge.shot(clip).candidates == left
    assert marked() == [("mine", 1003), *((f"XM++ {n} renamed", f) for n, f in enumerate(left, 1))]

    began = time.monotonic()
    bpy.ops.xmempp.engine_stop()
    assert time.monotonic() - began < 0.05
    assert bridge.state == "stopped"
    bpy.ops.xmempp.engine_start()
    bpy.ops.xmempp.wait(seconds=120)
    assert bridge.shot(clip).state.session == session
    bpy.ops.preferences.addon_disable(module=package)
    assert not hasattr(bpy.types.MovieClip, "xmempp")


main()
