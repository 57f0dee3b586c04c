# SPDX-License-Identifier: GPL-3.0-or-later
"""Operator: mattes as splines that move."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bpy
from bpy.props import FloatProperty, StringProperty

from .host_frame import frame_map
from .host_layer import matte_files
from .host_spline import remove_layers, write_strands
from .image_file import matte_in
from .operators import ClipOperator
from .shared.errors import UsageError, XmemppError
from .strands import Strand, strands_of
from .trace import Outline, outlines

__all__ = ["CLASSES"]

_TURN = 0.02  # seconds between two turns
Files = list[tuple[int, Path]]
Found = dict[int, list[Outline]]


class XMEMPP_OT_splines_add(ClipOperator, bpy.types.Operator):
    """Trace the object's mattes into a mask with splines that are keyed at every frame."""

    bl_idname = "xmempp.splines_add"
    bl_label = "Mattes to Splines"
    bl_options = {"REGISTER", "UNDO"}

    object_name: StringProperty(name="Name", description="Which; by default the one in the list")
    tolerance: FloatProperty(
        name="Tolerance",
        description="Pixels that the splines may be away from where the matte is one half",
        default=0.5,
        min=0.01,
        max=100,
    )
    smallest: FloatProperty(
        name="Smallest",
        description="Specks and holes of fewer square pixels are left out",
        default=4.0,
        min=0,
        max=1e6,
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """A step in each turn, so that Blender goes on; Esc ends the tracing."""
        try:
            files = self._files(context)
        except XmemppError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self._found: Found = {}
        self._writing = False
        self._steps = self._all_steps(context, files)
        manager = context.window_manager
        self._timer = manager.event_timer_add(_TURN, window=context.window)
        manager.progress_begin(0, len(files))
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Goes on at each turn of the timer."""
        if event.type == "ESC" and not self._writing:
            return self._end(context, "CANCELLED")
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            if next(self._steps, False):
                context.window_manager.progress_update(len(self._found))
                return {"PASS_THROUGH"}
        except XmemppError as error:
            self.report({"ERROR"}, str(error))
            return self._end(context, "CANCELLED")
        return self._end(context, "FINISHED")

    def run(self, context: bpy.types.Context) -> None:
        """All at once; for scripts, and to do it again with other settings."""
        self._found = {}
        for _ in self._all_steps(context, self._files(context)):
            time.sleep(0.001)

    def _all_steps(self, context: bpy.types.Context, files: Files) -> Iterator[bool]:
        with ThreadPoolExecutor(1) as thread:
            yield from self._read(files, thread)
            future = thread.submit(strands_of, self._found)
            while not future.done():
                yield True
        self._writing = True
        yield from self._write(context, future.result())

    def _files(self, context: bpy.types.Context) -> Files:
        """Frames and files of the object; it stays the same one from now on."""
        obj = self.chosen(context, self.object_name)
        self.clip, self.object_name = self.movie_clip(context).name, obj.name
        files = matte_files(obj)
        if not files:
            raise UsageError(f"'{obj.name}' has no mattes yet.", hint="Propagate first.")
        return files

    def _read(self, files: Files, thread: ThreadPoolExecutor) -> Iterator[bool]:
        """Has pixels read here, since Blender does it, and traced by a thread."""
        for frame, path in files:
            with matte_in(path) as read:
                yield True
                matte = read()
            future = thread.submit(outlines, matte, self.tolerance, self.smallest)
            while not future.done():
                yield True
            self._found[frame] = future.result()

    def _write(self, context: bpy.types.Context, strands: list[Strand]) -> Iterator[bool]:
        clip, obj = self.movie_clip(context), self.chosen(context, self.object_name)
        if not strands:
            raise UsageError(f"The mattes of '{obj.name}' are empty.", hint="")
        if obj.splines is None:
            obj.splines = bpy.data.masks.new(f"{clip.name} {obj.name}")
        remove_layers(obj.splines, obj.traced or obj.name)  # it may have another name by now
        obj.traced, to_scene = obj.name, frame_map(clip).to_scene
        frames = [(frame, to_scene(frame)) for frame in self._found]
        for _ in write_strands(obj.splines, obj.name, clip, strands, frames):
            yield True

    def _end(self, context: bpy.types.Context, how: str) -> set[str]:
        self._steps.close()
        context.window_manager.event_timer_remove(self._timer)
        context.window_manager.progress_end()
        return {how}


CLASSES = (XMEMPP_OT_splines_add,)
