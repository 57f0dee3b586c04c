# SPDX-License-Identifier: Apache-2.0
"""Blender's undo takes the engine's edits along: ``undo.py -- ZIP PLATE FOLDER``.

*Adjust Last Operation* crashes Blender where there is no window: see ``undo_window.py``.
"""

import faulthandler
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import undo_late as late
from inside import arguments, fails, install, nothing_is_left, part
from undo_desk import ALL, Desk, begin


def an_object(desk):
    """With its mask and colour, both ways."""
    desk.do("object_add", object_name="other", mask="roto", layer="disc", colour=(0, 1, 0))
    number = desk.clip.xmempp.objects["other"].object
    desk.undo()
    assert [one.name for one in desk.state.objects] == ["disc"]
    assert [one.name for one in desk.clip.xmempp.objects] == ["disc"]
    assert desk.clip.xmempp.objects["disc"].mask == bpy.data.masks["roto"]
    desk.redo()
    found = desk.clip.xmempp.objects["other"]
    assert (found.object, found.source, found.mask.name) == (number, "MASK", "roto")
    assert desk.state.objects[1].colour == (0, 255, 0)
    desk.do("object_rename", object_name="other", to="renamed")
    desk.do("object_remove", object_name="renamed")
    desk.undo()
    desk.undo()
    assert [one.name for one in desk.state.objects] == ["disc", "other"]
    desk.undo()
    assert [one.name for one in desk.state.objects] == ["disc"]


def locks(desk):
    """Frame and range; also where the artist does not wait for the engine."""
    desk.do("lock", use_range=True, first=1003, last=1006)
    assert desk.state.locked == ((1003, 1006),)
    desk.undo()
    assert desk.state.locked == ()
    desk.redo()
    assert desk.state.locked == ((1003, 1006),)
    desk.ask("unlock", use_range=True, first=1004, last=1004)
    desk.ask("lock")
    for _ in range(2):
        desk.undo(wait=False)
    desk.redo(wait=False)
    desk.wait()
    assert desk.state.locked == ((1003, 1003), (1005, 1006)), desk.state.locked
    desk.undo(wait=False)
    desk.undo(wait=False)
    desk.ask("lock", use_range=True, first=1009, last=1009)  # the way forward ends here
    desk.wait()
    assert desk.state.locked == ((1009, 1009),)
    assert not bpy.ops.ed.redo.poll()
    desk.undo()
    assert desk.state.locked == ()
    assert desk.told() == ""


def references(desk):
    """What is painted in Blender stays as its own undo has it."""
    disc = desk.clip.xmempp.objects["disc"].object
    desk.do("not_visible", object_name="disc", frame=1005)
    assert desk.state.references == (1005,)
    desk.undo()
    assert desk.state.references == ()
    painted = np.full((48, 80), 40000, np.uint16)
    desk.host.paintings.store(disc, 1001, painted)
    desk.wait()
    bpy.ops.ed.undo_push(message="brush")
    assert desk.host.waits(disc, 1001)
    desk.do("reference_add")
    assert desk.state.references == (1001,)
    assert not desk.host.waits(disc, 1001)
    bpy.context.scene.frame_set(4)
    desk.do("lock")  # 1004
    desk.undo()
    assert desk.state.references == (1001,)
    assert not desk.host.waits(disc, 1001), "what is given stays given"
    desk.undo()
    assert desk.state.references == ()
    assert desk.host.waits(disc, 1001)
    desk.bridge.wait(lambda: desk.host.paintings.matte(disc, 1001) is not None)
    assert (desk.host.paintings.matte(disc, 1001) == painted).all()
    desk.redo()
    assert desk.state.references == (1001,)
    assert not desk.host.waits(disc, 1001)
    desk.host.paintings.store(disc, 1001, painted // 2)
    desk.wait()
    bpy.ops.ed.undo_push(message="brush again")
    desk.do("reference_add", frame=1001)
    assert not desk.host.waits(disc, 1001)
    desk.undo()
    assert desk.host.waits(disc, 1001), "the engine has the painting of before"
    desk.undo()
    assert not desk.host.waits(disc, 1001)
    for _ in range(2):
        desk.redo()
    desk.undo()
    desk.ask("reference_add", frame=1001)
    desk.undo()  # before the answer, which is of no painting that there is now
    assert desk.host.waits(disc, 1001)
    desk.undo()
    desk.do("reference_remove", frame=1001)
    desk.undo()
    assert desk.state.references == (1001,)
    desk.ask("reference_update", frame=1002)  # its matte is still made in a thread
    desk.undo()
    assert desk.state.references == (1001,)
    desk.host.room_work = lambda: late.no_memory
    desk.do("reference_add", frame=1002)  # it is tried all the same
    assert desk.state.references == (1001, 1002)
    desk.undo()
    late.painted(desk, disc)
    del desk.host.room_work
    assert desk.told() == ""


def propagations(desk):
    """Finished, and while it runs: what it made goes."""
    done = desk.state.done
    desk.do("propagate", direction="forward")
    assert desk.state.done == ALL
    desk.undo()
    assert desk.state.done == done
    assert {frame for frame, _ in desk.host.confidence} <= {1001}
    desk.redo()
    assert desk.state.done == ALL
    desk.undo()
    desk.ask("propagate", direction="backward", flow=False)
    desk.bridge.wait(lambda: desk.shot.job is not None and desk.shot.job.done >= 2, 100)
    fails(lambda: desk.ask("propagate"), "running already")
    desk.undo(wait=False)
    desk.ask("lock", use_range=True, first=1002, last=1002)  # waits until it has ended
    desk.wait()
    assert (desk.shot.job, desk.state.done) == (None, done)
    assert desk.state.locked == ((1002, 1002),)
    desk.undo()
    desk.ask("propagate")
    desk.undo(wait=False)  # before the engine has even begun
    desk.ask("propagate", direction="forward")
    desk.wait()
    assert desk.state.done == ALL
    assert desk.told() == ""


def candidates(desk):
    """A search is a step as well: its markers come and go."""
    desk.do("suggest", count=2)
    found = desk.shot.candidates
    assert len(found) == 2
    desk.do("suggest", count=3)
    assert len(desk.shot.candidates) == 3
    desk.undo()
    assert desk.shot.candidates == found
    assert len(bpy.context.scene.timeline_markers) == 2
    desk.undo()
    assert desk.shot.candidates == ()
    assert not bpy.context.scene.timeline_markers
    desk.redo()
    assert desk.shot.candidates == found
    bpy.context.scene.timeline_markers.clear()
    bpy.ops.ed.undo_push(message="the artist's")
    desk.undo()
    assert len(bpy.context.scene.timeline_markers) == 2


def colours(desk):
    """Chosen in the list, where Blender makes the step of undo."""
    before = desk.state.objects[0].colour
    desk.clip.xmempp.objects[0].colour = (0, 0, 1)
    bpy.ops.ed.undo_push(message="Colour")
    desk.wait()
    assert desk.state.objects[0].colour == (0, 0, 255)
    desk.undo()
    assert desk.state.objects[0].colour == before
    assert [round(part * 255) for part in desk.clip.xmempp.objects[0].colour] == [*before]
    desk.redo()
    assert desk.state.objects[0].colour == (0, 0, 255)
    desk.clip.xmempp.objects[0].colour = (1, 1, 0)
    bpy.ops.ed.undo_push(message="Colour")
    desk.undo()  # before it counts as chosen
    assert desk.state.objects[0].colour == (0, 0, 255)
    time.sleep(0.6)
    desk.wait()
    desk.redo()  # when it was long undone
    assert desk.state.objects[0].colour == (255, 255, 0)
    desk.undo()
    desk.ask("lock", frame=1010)
    desk.clip.xmempp.objects[0].colour = (1, 1, 0)
    bpy.ops.ed.undo_push(message="Colour")
    desk.wait()  # what the engine tells of the lock does not take the colour away
    assert desk.state.objects[0].colour == (255, 255, 0)
    desk.undo()
    desk.undo()
    assert (desk.state.objects[0].colour, desk.state.locked) == ((0, 0, 255), ())
    for green in (0.0, 0.2):  # the second one before the first counts as chosen
        desk.clip.xmempp.objects[0].colour = (1, green, 1)
        bpy.ops.ed.undo_push(message="Colour")
        desk.ask("lock", frame=1010)
    desk.wait()
    desk.undo()
    assert desk.state.objects[0].colour == (255, 51, 255)
    desk.undo()
    assert desk.state.objects[0].colour == (255, 0, 255)
    desk.undo()
    desk.undo()
    assert (desk.state.objects[0].colour, desk.state.locked) == ((0, 0, 255), ())


def what_is_not_the_engines(desk):
    """Nothing is asked of it."""
    for name in ("one", "two"):
        bpy.context.scene.name = name
        bpy.ops.ed.undo_push(message=name)
    desk.listen()
    desk.undo()
    desk.redo()
    desk.undo()
    bpy.context.scene.name = "Scene"
    bpy.ops.ed.undo_push(message="name")
    desk.wait()
    assert desk.asked == [], desk.asked


def undo_in_engine(desk):
    """The panel's buttons and Blender's undo don't take back too much together."""
    for frame in (1007, 1008):
        desk.do("lock", frame=frame)
    desk.do("undo")
    assert desk.state.locked == ((1007, 1007),)
    desk.undo()
    assert desk.state.locked == ((1007, 1007),)
    desk.undo()
    assert desk.state.locked == ()
    desk.redo()
    desk.redo()
    assert desk.state.locked == ((1007, 1008),)
    desk.do("undo")
    desk.do("redo")
    desk.undo()
    desk.undo()
    assert desk.state.locked == ()
    assert desk.told() == ""


def another_client(desk):
    """What it did stays, and what is below it; a sentence tells so."""
    messages = part(desk.package, "shared.messages")
    desk.do("lock", frame=1007)
    other = desk.other()
    other.ask(messages.LockFrames(((1010, 1010),)), desk.state.session)
    desk.bridge.wait(lambda: len(desk.state.locked) == 2)
    desk.undo()
    assert desk.state.locked == ((1007, 1007), (1010, 1010))
    assert "Something else was edited since" in desk.told()
    desk.redo()
    desk.undo()
    assert desk.state.locked == ((1007, 1007), (1010, 1010))
    assert desk.told() == ""
    desk.do("lock", frame=1003)
    desk.undo()
    assert desk.state.locked == ((1007, 1007), (1010, 1010))
    desk.redo()
    assert desk.state.locked == ((1003, 1003), (1007, 1007), (1010, 1010))
    other.ask(messages.UnlockFrames(ALL), desk.state.session)
    other.close()
    desk.wait()
    desk.bridge.wait(lambda: desk.state.locked == ())


def a_killed_engine(desk):
    """The next one has the same log; its propagation goes on, and is taken back."""
    desk.do("lock", frame=1005)
    kill(desk)
    desk.undo()
    assert desk.state.locked == ()
    desk.do("undo")  # the other client's
    desk.do("undo")
    while desk.state.locked:
        desk.do("unlock", use_range=True, first=1001, last=1010)
    done = desk.state.done
    desk.do("reference_add", frame=1006)  # or it would have nothing to do
    desk.ask("propagate", direction="forward", flow=False)
    desk.bridge.wait(lambda: desk.shot.job is not None and desk.shot.job.done >= 2, 100)
    kill(desk)
    desk.undo()
    assert (desk.shot.job, desk.state.done) == (None, done)
    assert desk.told() == ""


def kill(desk):
    os.kill(desk.bridge._client.welcome.pid, signal.SIGKILL)
    desk.bridge.wait(lambda: desk.bridge.state != "connected", 30)


def two_clips(desk, plate, folder):
    """Each goes its own way back."""
    shutil.copytree(plate, f"{folder}/second")
    second = Desk(desk.package, f"{folder}/second")
    bpy.ops.xmempp.clip_open(clip=second.name)
    second.wait()
    bpy.ops.ed.undo_push(message="second")
    desk.do("lock", frame=1001)
    second.do("lock", frame=1002)
    desk.do("lock", frame=1003)
    desk.undo()
    assert (desk.state.locked, second.state.locked) == (((1001, 1001),), ((1002, 1002),))
    desk.undo()
    assert (desk.state.locked, second.state.locked) == (((1001, 1001),), ())
    desk.undo()
    assert (desk.state.locked, second.state.locked) == ((), ())
    desk.redo()
    desk.redo()
    assert (desk.state.locked, second.state.locked) == (((1001, 1001),), ((1002, 1002),))
    bpy.ops.xmempp.clip_close(clip=second.name)
    desk.undo()
    desk.undo()
    assert desk.state.locked == ()


def before_the_clip(desk, plate, folder):
    """Blender takes the clip itself away, and brings it again."""
    shutil.copytree(plate, f"{folder}/third")
    bpy.ops.ed.undo_push(message="before")
    third = Desk(desk.package, f"{folder}/third")
    bpy.ops.xmempp.clip_open(clip=third.name)
    third.wait()
    bpy.ops.ed.undo_push(message="third")
    third.do("lock", frame=1002)
    session = third.state.session
    desk.undo()
    desk.undo()
    assert third.name not in bpy.data.movieclips
    desk.wait()
    assert desk.bridge.error is None, desk.bridge.error
    desk.redo()
    desk.redo()
    assert third.state.session == session
    bpy.ops.xmempp.clip_close(clip=third.name)


def saved(desk, folder):
    """A file that is opened begins anew: what was before stays."""
    desk.do("lock", frame=1004)
    late.colour(desk, folder)
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/shot.blend")
    bpy.ops.wm.open_mainfile(filepath=f"{folder}/shot.blend")
    desk.wait()
    assert desk.state.locked == ((1004, 1004),)
    bpy.ops.ed.undo_push(message="opened")
    desk.do("lock", frame=1005)
    desk.undo()
    assert desk.state.locked == ((1004, 1004),)
    desk.redo()
    assert desk.state.locked == ((1004, 1005),)


def main():
    archive, plate, folder = arguments()
    faulthandler.enable()  # where Blender was when it crashed
    package = install(archive)
    desk = Desk(package, plate)
    begin(desk, folder)
    steps = (an_object, locks, references, propagations, candidates, colours)
    steps += (what_is_not_the_engines, undo_in_engine, another_client, a_killed_engine)
    for step in (late.first, *steps, late.forgotten):
        told(step, desk)
    told(two_clips, desk, plate, folder)
    told(before_the_clip, desk, plate, folder)
    told(saved, desk, folder)
    nothing_is_left(package)


def told(step, *arguments):
    """Says how long it took."""
    began = time.monotonic()
    step(*arguments)
    print(f"{step.__name__}: {time.monotonic() - began:.1f} s", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
