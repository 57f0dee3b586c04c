# SPDX-License-Identifier: Apache-2.0
"""What goes wrong is told, and nothing is lost: ``faults.py -- ZIP PLATE FOLDER``."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from inside import arguments, draw_mask, fails, install, open_plate, part

OUTLINE = [(10, 10), (30, 10), (30, 30), (10, 30)]


def begin(package, plate, folder):
    """A clip in an unsaved file, one object, one reference."""
    chosen = bpy.context.preferences.addons[package].preferences
    chosen.workspace, chosen.device = f"{folder}/workspace", "cpu"
    clip = open_plate(plate)
    clip.xmempp.model = "lite"
    bpy.ops.xmempp.engine_start()
    bpy.ops.xmempp.clip_open()
    bpy.ops.xmempp.wait(seconds=120)
    draw_mask("roto", OUTLINE, (48, 80))
    bpy.ops.xmempp.object_add(object_name="disc", mask="roto", layer="disc")
    bpy.ops.xmempp.wait(seconds=60)
    assert clip.xmempp.objects[0].mask == bpy.data.masks["roto"]
    bpy.context.scene.frame_set(1)  # the clip's 1001
    bpy.ops.xmempp.reference_add()
    bpy.ops.xmempp.wait(seconds=60)
    return clip


def a_killed_engine(bridge, clip, package):
    """It is started again, and goes on with its job; no turn takes long."""
    longest = watch_turns(bridge)
    bpy.ops.xmempp.propagate(direction="forward")
    shot = bridge.shot(clip)
    bridge.wait(lambda: shot.job is not None and shot.job.done >= 2, 120)
    killed = bridge._client.welcome.pid
    os.kill(killed, signal.SIGKILL)
    bridge.wait(lambda: bridge.state != "connected", 30)
    bridge.wait(lambda: bridge.state == "connected", 60)
    assert bridge._client.welcome.pid != killed
    bridge.wait(lambda: shot.state.done == ((1001, 1030),), 300)
    bpy.ops.xmempp.wait(seconds=120)
    files = Path(bpy.path.abspath(clip.xmempp.objects[0].files)).parent.glob("*.png")
    assert len(list(files)) == 30
    assert max(longest) < 0.2, max(longest)  # 0.05 where nothing else runs


def watch_turns(bridge):
    """Seconds of each turn from now on."""
    seconds, turn = [], bridge.pump

    def timed():
        began = time.perf_counter()
        try:
            return turn()
        finally:
            seconds.append(time.perf_counter() - began)

    bridge.pump = timed
    return seconds


def undo_in_blender(bridge, clip):
    """What the engine told does not go back with Blender's undo of something else."""
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.xmempp.object_add("EXEC_DEFAULT", True, object_name="later")
    bpy.ops.xmempp.wait(seconds=60)
    bpy.context.scene.name = "changed"
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    bpy.ops.xmempp.wait(seconds=60)
    assert bpy.context.scene.name != "changed"
    clip = bpy.data.movieclips[0]
    assert [obj.name for obj in clip.xmempp.objects] == ["disc", "later"]
    assert clip.xmempp.session == bridge.shot(clip).state.session
    clip.name = "renamed"
    bpy.ops.xmempp.object_remove(object_name="later")
    bpy.ops.xmempp.wait(seconds=60)
    assert [obj.name for obj in clip.xmempp.objects] == ["disc"]


def a_plate_that_moved(bridge, clip):
    """The sentence names the file."""
    bpy.ops.xmempp.clip_forget()
    there = clip.filepath
    clip.filepath = "/nowhere/plate.1001.png"
    fails(bpy.ops.xmempp.clip_open, "/nowhere/plate.1001.png")
    assert bridge.find(clip) is None or bridge.find(clip)[0].state is None
    clip.filepath = there
    bpy.ops.xmempp.clip_open()
    bpy.ops.xmempp.wait(seconds=60)
    assert bridge.shot(clip).state is not None


def no_engine(bridge, package):
    """A wrong path in the preferences is told."""
    bpy.ops.xmempp.engine_stop()
    chosen = bpy.context.preferences.addons[package].preferences
    chosen.engine = "/nowhere/xmempp"
    bpy.ops.xmempp.engine_start()
    bridge.wait(lambda: bridge.error is not None, 30)
    assert "/nowhere/xmempp" in str(bridge.error)
    assert bridge.state == "stopped"
    chosen.engine = ""
    fails(bpy.ops.xmempp.engine_connect, "There is no engine at", filepath="/nowhere.json")


def another_version(bridge, package, folder):
    """An engine of another protocol is refused with what to update; the right one still works."""
    program = Path(folder) / "newer"
    newer = "import sys, shared.version as v; v.PROTOCOL = (2, 0); import engine_server.cli as c"
    started = Path(os.environ["XMEMPP_ENGINE"]).read_text()
    program.write_text(started.replace("-m engine_server.cli", f"-c '{newer}; sys.exit(c.main())'"))
    program.chmod(0o755)
    chosen = bpy.context.preferences.addons[package].preferences
    chosen.engine = str(program)
    bpy.ops.xmempp.engine_start()
    bridge.wait(lambda: bridge.error is not None, 60)
    assert "speaks protocol 2.0, this plugin 1.0. Update the plugin" in str(bridge.error)
    bpy.ops.xmempp.engine_stop()
    chosen.engine = ""


def in_an_unsaved_file(clip):
    """Mattes of a .blend that has no folder yet go to the user's; once written they stay there."""
    files = clip.xmempp.objects["disc"].files
    assert files.startswith(os.environ["XDG_DATA_HOME"]), files
    assert list(Path(files).parent.glob("*.1001.png"))


def disabled_in_a_job(bridge, package):
    """Nothing is left behind."""
    bpy.ops.xmempp.engine_start()
    bpy.ops.xmempp.clip_open()
    bpy.ops.xmempp.wait(seconds=120)
    bpy.ops.xmempp.object_add(object_name="again", mask="roto", layer="disc")
    bpy.ops.xmempp.wait(seconds=60)
    bpy.ops.xmempp.reference_add()
    bpy.ops.xmempp.wait(seconds=60)
    bpy.ops.xmempp.propagate()
    engine = bridge._client.welcome.pid
    bpy.ops.preferences.addon_disable(module=package)
    assert not [name for name in dir(bpy.types) if name.startswith("XMEMPP_")]
    assert not hasattr(bpy.types.MovieClip, "xmempp")
    handlers = [
        one
        for kind in ("load_pre", "load_post", "undo_post")
        for one in getattr(bpy.app.handlers, kind)
    ]
    assert not [one for one in handlers if one.__module__.startswith(package)]
    assert not [one for one in threading.enumerate() if one.name.startswith("xmempp")]
    assert not Path(f"/proc/{engine}").exists()


def main():
    archive, plate, folder = arguments()
    package = install(archive)
    bridge = part(package, "bridge").current()
    clip = begin(package, plate, folder)
    a_killed_engine(bridge, clip, package)
    undo_in_blender(bridge, clip)
    a_plate_that_moved(bridge, bpy.data.movieclips[0])
    in_an_unsaved_file(bpy.data.movieclips[0])
    no_engine(bridge, package)
    another_version(bridge, package, folder)
    disabled_in_a_job(bridge, package)


main()
