# SPDX-License-Identifier: Apache-2.0
"""Edits that are asked for a while after the artist made them, and what comes between."""

import threading

import bpy
import numpy as np
from inside import part


def no_memory():
    raise MemoryError


def painted(desk, disc):
    """What is gathered later is what was painted at that step, undone and redone or not."""
    for value in (20000, 60000):
        desk.host.paintings.store(disc, 1003, np.full((48, 80), value, np.uint16))
        desk.wait()
        bpy.ops.ed.undo_push(message="brush")
    for ways in (
        ["undo", "redo"],
        ["undo", "wait", "redo"],
        ["undo"] * 2 + ["wait"] + ["redo"] * 2,
    ):
        desk.ask("reference_add", frame=1003)
        for way in ways:
            desk.wait() if way == "wait" else getattr(desk, way)(wait=False)
        desk.wait()
        assert desk.state.references == (1001, 1003), ways
        assert (given(desk, 1003, disc) == 60000).all(), ways
        assert not desk.host.waits(disc, 1003)
        desk.undo()
        assert desk.state.references == (1001,)
    desk.ask("reference_add", frame=1003)
    desk.undo(wait=False)
    desk.do("lock", frame=1009)  # in place of what was undone
    assert (desk.state.references, desk.state.locked) == ((1001,), ((1009, 1009),))
    for _ in range(3):  # that, and what was painted
        desk.undo()
    assert desk.host.paintings.entry(disc, 1003) is None


def first(desk):
    """Jobs wait for the only reference, which is still being made, and end with it."""
    gathering = part(desk.package, "gathering")
    inner, ended = gathering.mattes_of, threading.Event()
    gathering.mattes_of = lambda readers: ended.wait(10) and inner(readers)
    desk.ask("reference_add", frame=1001)
    desk.ask("propagate", use_range=True, first=1001, last=1003)
    ended.set()
    desk.wait()
    assert (desk.told(), desk.state.done) == ("", ((1001, 1003),))
    for _ in range(2):
        desk.undo()
    assert (desk.state.references, desk.state.done) == ((), ())

    def broken(readers):
        raise part(desk.package, "shared.errors").BadMask("It is upside down.")

    gathering.mattes_of = broken
    desk.ask("reference_add", frame=1001)
    desk.ask("suggest")
    desk.wait()
    assert "upside down" in desk.told()
    for _ in range(2):
        desk.undo()
    gathering.mattes_of = inner


def forgotten(desk):
    """A session that was forgotten comes back, also where the new one was looked at."""
    before = desk.clip.xmempp.session
    for looked in (False, True):
        desk.ask("clip_forget")
        assert not desk.clip.xmempp.session
        if looked:
            desk.do("clip_open")
            assert desk.clip.xmempp.session != before
            desk.do("clip_close")
        desk.undo()
        desk.do("clip_open")
        assert desk.clip.xmempp.session == before
        assert [one.name for one in desk.state.objects] == ["disc"]


def given(desk, frame, number):
    """The matte that the engine has."""
    request = part(desk.package, "shared.messages").GetMattes((frame,), form="raw", dtype="uint16")
    replies = []
    desk.shot.ask(request, replies.append)
    desk.wait()
    (found,) = [one.image.data for one in replies[0].mattes if one.object == number]
    return np.frombuffer(found, np.uint16)


def colour(desk, folder):
    """One that was chosen a moment before the file is left, or saved, is the engine's as well."""
    for green, name in ((0.4, "left"), (0.6, "saved")):
        bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/{name}.blend")
        desk.clip.xmempp.objects[0].colour = (0, green, 0)
        if name == "saved":
            bpy.ops.wm.save_mainfile()
            assert not desk.host.sight.colours
        bpy.ops.wm.open_mainfile(filepath=f"{folder}/{name}.blend")
        desk.wait()
        wanted = (0, round(green * 255), 0)
        assert desk.state.objects[0].colour == wanted
        assert [round(part * 255) for part in desk.clip.xmempp.objects[0].colour] == [*wanted]
