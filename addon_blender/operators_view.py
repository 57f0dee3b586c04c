# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: going to the frames that matter, and Esc while a job runs."""

import bpy
from bpy.props import EnumProperty, IntProperty

from . import bridge
from .operators import ClipOperator
from .shared.errors import UnknownFrame, UsageError
from .strip import dips
from .strip_drawing import strip_of

__all__ = ["CLASSES"]


class XMEMPP_OT_frame_jump(ClipOperator, bpy.types.Operator):
    """Go to a frame of the clip."""

    bl_idname = "xmempp.frame_jump"
    bl_label = "Go to Frame"

    frame: IntProperty(name="Frame", description="The clip's own number")

    def run(self, context: bpy.types.Context) -> None:
        """Moves the scene."""
        state = self.shot(context).state
        if state is None or not any(a <= self.frame <= b for a, b in state.frames):
            raise UnknownFrame(f"The clip has no frame {self.frame}.")
        self.host(context).go_to(self.frame)


class XMEMPP_OT_worst_jump(ClipOperator, bpy.types.Operator):
    """Go to the frame where the network was least sure, or from one such frame to another."""

    bl_idname = "xmempp.worst_jump"
    bl_label = "Go to Worst Frame"

    to: EnumProperty(
        name="To",
        description="Frames where confidence dips are ordered, worst first",
        items=(
            ("NEXT", "Next", "The next worst"),
            ("PREVIOUS", "Previous", "The next worse"),
        ),
    )

    def run(self, context: bpy.types.Context) -> None:
        """Painted frames and objects that are not visible don't count."""
        shot, host = self.shot(context), self.host(context)
        strip = strip_of(shot, host)
        known = dips(strip.sure, without=strip.references)
        if not known:
            raise UsageError("No frame has a confidence yet.", hint="Propagate first.")
        frame, by = host.current_frame(), 1 if self.to == "NEXT" else -1
        place = known.index(frame) + by if frame in known else 0
        host.go_to(known[place % len(known)])


class XMEMPP_OT_escape(ClipOperator, bpy.types.Operator):
    """Cancel the job that runs for the clip; frames that are finished stay."""

    bl_idname = "xmempp.escape"
    bl_label = "Cancel by Esc"
    bl_options = {"INTERNAL"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Where there is no job, and while the clip plays, Esc is for others."""
        clip = context.space_data.clip
        found = bridge.current().find(clip) if clip is not None else None
        if found is None or found[0].job is None or context.screen.is_animation_playing:
            return {"PASS_THROUGH"}
        return self.execute(context)

    def run(self, context: bpy.types.Context) -> None:
        """As *Cancel*."""
        self.shot(context).cancel()


CLASSES = (XMEMPP_OT_frame_jump, XMEMPP_OT_worst_jump, XMEMPP_OT_escape)
