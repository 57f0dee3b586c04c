# SPDX-License-Identifier: Apache-2.0
"""An engine that sees none of Blender's files: ``remote.py -- ZIP FOLDER CONNECTION``.

The plate lies in FOLDER, and is named by a path that leads elsewhere in any other process.
"""

import os
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from by_compositor import circle
from inside import arguments, draw_mask, fails, install, open_plate, part

HERE = "/proc/self/cwd"


def a_plate(bridge, connection):
    """It is sent as soon as it is open; a frame that can't be read is told, the others go on."""
    clip = open_plate(f"{HERE}/plate")
    clip.frame_start, clip.xmempp.model = 1001, "lite"
    bpy.ops.xmempp.engine_connect(filepath=connection)
    bpy.ops.xmempp.clip_open()
    bridge.wait(lambda: bridge.find(clip)[0].state is not None, 120)
    fails(bpy.ops.xmempp.propagate, "still on their way")
    bpy.ops.xmempp.wait(seconds=120)
    assert not bridge._client.welcome.arena
    shot, host = bridge.find(clip)
    assert shot.state.frames == ((1001, 1005), (1007, 1007)), shot.state
    assert (shot.state.height, shot.state.width) == (48, 80)
    assert "frame 1005" in str(host.error), host.error
    assert bridge.idle
    host.error = None
    return clip


def a_story(bridge, clip):
    """What is painted goes there, mattes come back as files beside the .blend."""
    bpy.context.scene.frame_set(1001)
    draw_mask("roto", circle(20.5, 22.5, 12.5), (48, 80))
    bpy.ops.xmempp.object_add(object_name="disc", mask="roto", layer="disc")
    bpy.ops.xmempp.wait(seconds=60)
    bpy.ops.xmempp.reference_add()
    bpy.ops.xmempp.wait(seconds=60)
    assert [one.frame for one in clip.xmempp.references] == [1001]
    bpy.ops.xmempp.propagate()
    bpy.ops.xmempp.wait(seconds=300)
    done = bridge.shot(clip).state.done
    assert done == ((1001, 1004), (1007, 1007)), done
    bpy.ops.xmempp.suggest()
    bpy.ops.xmempp.wait(seconds=120)
    assert bridge.shot(clip).candidates


def taken_up(bridge, connection, blend, plate):
    """The .blend finds its session again; a frame that was mended is sent then."""
    bpy.ops.xmempp.engine_stop()
    good = (plate / "plate.1004.png").read_bytes()
    (plate / "plate.1005.png").write_bytes(good)
    bpy.ops.wm.open_mainfile(filepath=blend)
    clip = bpy.data.movieclips[0]
    bpy.ops.xmempp.engine_connect(filepath=connection)
    bpy.ops.xmempp.wait(seconds=120)
    assert bridge.shot(clip).state.references == (1001,)
    assert bridge.host(clip).error is None, bridge.host(clip).error
    bpy.ops.xmempp.lock()
    bpy.ops.xmempp.wait(seconds=60)
    assert bridge.shot(clip).state.missing == ()


def a_movie(bridge):
    """It has no files of frames: the sentence says what to do."""
    clip = bpy.data.movieclips.load(f"{HERE}/movie.mkv")
    bpy.ops.xmempp.clip_open(clip=clip.name)
    bpy.ops.xmempp.wait(seconds=60)
    shot, host = bridge.find(clip)
    assert shot.state is None
    assert "image sequence" in str(host.error), host.error
    clip.filepath = os.path.realpath(f"{HERE}/movie.mkv")  # where the engine sees it
    bpy.ops.xmempp.clip_open(clip=clip.name)
    bpy.ops.xmempp.wait(seconds=60)
    assert bridge.shot(clip).state is not None, host.error


def undone(bridge):
    """Blender takes the clip away while it is sent, and brings it again."""
    bpy.ops.ed.undo_push(message="before")
    name = open_plate(f"{HERE}/plate").name
    bpy.data.movieclips[name].xmempp.model = "lite"
    bpy.ops.xmempp.clip_open(clip=name)
    bridge.wait(lambda: bridge.shot(bpy.data.movieclips[name]).state is not None, 120)
    bpy.ops.ed.undo_push(message="opened")
    bpy.ops.ed.undo()
    assert name not in bpy.data.movieclips
    bpy.ops.xmempp.wait(seconds=60)
    assert bridge.error is None, bridge.error
    bpy.ops.ed.redo()
    bpy.ops.xmempp.wait(seconds=60)
    bpy.ops.xmempp.lock(clip=name, use_range=True, first=1001, last=1001)
    bpy.ops.xmempp.wait(seconds=60)
    assert bridge.shot(bpy.data.movieclips[name]).state.missing == ()


def main():
    archive, folder, connection = arguments()
    os.chdir(folder)
    package = install(archive)
    bridge = part(package, "bridge").current()
    blend = f"{folder}/shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    clip = a_plate(bridge, connection)
    clip.xmempp.mattes = f"{folder}/mattes"
    a_story(bridge, clip)
    clip.use_fake_user = True
    bpy.ops.wm.save_mainfile()
    taken_up(bridge, connection, blend, Path(folder, "plate"))
    a_movie(bridge)
    undone(bridge)
    bpy.ops.preferences.addon_disable(module=package)


main()
