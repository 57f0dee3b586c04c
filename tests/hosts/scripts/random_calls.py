# SPDX-License-Identifier: Apache-2.0
"""Operators in any order: ``random_calls.py -- ZIP PLATE FOLDER SEED SECONDS``.

An operator may end with a sentence; nothing else may come of it, and nothing may be left behind.
"""

import random
import sys
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from inside import arguments, draw_mask, install, nothing_is_left, open_plate, part

LEFT_OUT = {"wait", "engine_connect", "clip_forget", "engine_install"}  # or it would install
UNDO = ["ed.undo"] * 60 + ["ed.redo"] * 40
RARE = {"engine_stop", "clip_close", "object_remove"}


def operators():
    """Names of the add-on's operators; those that end much come less often."""
    names = [name for name in dir(bpy.ops.xmempp) if name not in LEFT_OUT]
    return [*UNDO, *(name for name in names for _ in range(1 if name in RARE else 20))]


def properties(name, chance):
    """Some properties for an operator."""
    ends = {"first": chance.randint(995, 1012), "last": chance.randint(995, 1012)}
    objects = chance.choice(["disc", "other", "gone", ""])
    return {
        "object_add": {"object_name": chance.choice(["disc", "other"]), "mask": "roto"},
        "object_remove": {"object_name": objects},
        "object_rename": {"object_name": objects, "to": chance.choice(["disc", "other", ""])},
        "not_visible": {"object_name": objects},
        "reference_jump": {"frame": chance.randint(1000, 1011)},
        "candidate_jump": {"to": chance.choice(["NEXT", "PREVIOUS"])},
        "worst_jump": {"to": chance.choice(["NEXT", "PREVIOUS"])},
        "frame_jump": {"frame": chance.randint(995, 1012)},
        "painting_clear": {"object_name": objects},
        "propagate": {**ends, "use_range": chance.random() < 0.7},
        "lock": {**ends, "use_range": True},
        "unlock": {**ends, "use_range": True},
    }.get(name, {})


def call(name, chance):
    """Calls an operator; whether it did not end with a sentence. A stack trace is none.

    Most make a step of Blender's undo, as buttons do; ``ed.undo`` and ``ed.redo`` go through them.
    """
    sentence, own = "", "." not in name
    step = ("EXEC_DEFAULT", chance.random() < 0.8) if own else ()
    operator = getattr(bpy.ops.xmempp, name) if own else getattr(bpy.ops.ed, name[3:])
    try:
        operator(*step, **properties(name, chance))
    except RuntimeError as error:
        sentence = str(error)
    assert "Traceback" not in sentence, f"{name}: {sentence}"
    return not sentence


def each_is_of_one_object():
    """Traced masks and clips of mattes; their names tell what an object was called then."""
    plate, *mattes = sorted(bpy.data.movieclips, key=lambda clip: "xmempp_mattes" in clip)
    objects = [*plate.xmempp.objects, *plate.xmempp.removed]
    traced = [one.splines.name for one in objects if one.splines is not None]
    found = [mask.name for mask in bpy.data.masks if mask.name != "roto"]
    assert sorted(found) == sorted(traced), (found, traced)
    files = [one.files for one in objects if one.files]
    assert len({*files}) == len(files), files
    shown = [clip.filepath.rsplit(".", 2)[0] for clip in mattes]
    assert {*shown} <= {*files}, (shown, files)
    assert len({*shown}) == len(shown), shown


def main():
    archive, plate, folder, seed, seconds = arguments()
    package = install(archive)
    chance = random.Random(int(seed))
    chosen = bpy.context.preferences.addons[package].preferences
    chosen.workspace, chosen.device = f"{folder}/workspace", "cpu"
    clip = open_plate(plate)
    clip.xmempp.model, clip.xmempp.size = "lite", 32
    draw_mask("roto", [(10, 10), (30, 10), (30, 30), (10, 30)], (48, 80))
    bridge, names = part(package, "bridge").current(), operators()
    bpy.ops.xmempp.engine_start()
    bpy.ops.xmempp.clip_open()
    bpy.ops.xmempp.wait(seconds=120)
    bpy.ops.xmempp.object_add(object_name="disc", mask="roto")
    bpy.ops.xmempp.wait(seconds=60)
    bpy.ops.xmempp.reference_add()
    bpy.ops.xmempp.wait(seconds=60)
    bpy.ops.ed.undo_push(message="begin")
    did: set[str] = set()
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        bpy.context.scene.frame_set(chance.randint(0, 12))
        name = chance.choice(names)
        if call(name, chance):
            did.add(name)
        for _ in range(chance.randint(0, 60)):
            bridge.pump()
            time.sleep(0.002)
    assert len(did) >= 6, did  # most calls come at a wrong time
    each_is_of_one_object()
    nothing_is_left(package)


if __name__ == "__main__":
    main()
