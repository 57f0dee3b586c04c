# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: propagation, locks, layers, and the engine's undo."""

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty

from .operators import ClipOperator, EditOperator, FrameOperator
from .shared.errors import UsageError
from .shared.messages import Propagate
from .state import DIRECTIONS

__all__ = ["CLASSES"]


class RangeOperator(EditOperator):
    """An operator about a range of frames, by the clip's own numbers."""

    use_range: BoolProperty(
        name="Range", description="Only frames First to Last", options={"SKIP_SAVE"}
    )
    first: IntProperty(
        name="First",
        description="The clip's own number; by default the panel's",
        options={"SKIP_SAVE"},
    )
    last: IntProperty(
        name="Last",
        description="The clip's own number; by default the panel's",
        options={"SKIP_SAVE"},
    )

    def frame_range(self, context: bpy.types.Context) -> tuple[int, int] | None:
        """First and last, if a range is meant; ``UsageError`` if they are the wrong way round."""
        state = self.movie_clip(context).xmempp
        self.fill(first=state.first, last=state.last)
        if not self.use_range:
            return None
        if self.first > self.last:
            raise UsageError(
                f"The range {self.first}-{self.last} has no frames.", hint="Swap its ends."
            )
        return self.first, self.last


class LockOperator(RangeOperator, FrameOperator):
    """One about the frame that is shown, or a range."""

    def locked(self, context: bpy.types.Context) -> tuple[int, int]:
        """First and last frame."""
        frame = self.at_frame(context)
        return self.frame_range(context) or (frame, frame)


class XMEMPP_OT_propagate(RangeOperator, bpy.types.Operator):
    """Carry what is painted through the clip; mattes appear as they are made."""

    bl_idname = "xmempp.propagate"
    bl_label = "Propagate"

    direction: EnumProperty(
        name="Direction", description="Order of frames", items=DIRECTIONS, options={"SKIP_SAVE"}
    )
    flow: BoolProperty(
        name="Optical Flow",
        description="Weigh in what was painted nearby; by default as the panel says",
        default=True,
        options={"SKIP_SAVE"},
    )

    def run(self, context: bpy.types.Context) -> None:
        """Starts the job and returns."""
        self.fill(flow=self.movie_clip(context).xmempp.flow)
        wanted = self.frame_range(context)
        self.whole_shot(context).propagate(Propagate(wanted, self.direction, flow=self.flow))


class XMEMPP_OT_cancel(ClipOperator, bpy.types.Operator):
    """Cancel what is running; frames that are finished stay."""

    bl_idname = "xmempp.cancel"
    bl_label = "Cancel"

    def run(self, context: bpy.types.Context) -> None:
        """The engine ends the job after the frame it is at."""
        self.shot(context).cancel()


class XMEMPP_OT_lock(LockOperator, bpy.types.Operator):
    """Lock frames: their mattes don't change any more."""

    bl_idname = "xmempp.lock"
    bl_label = "Lock"

    def run(self, context: bpy.types.Context) -> None:
        """The frame that is shown, or a range."""
        self.shot(context).lock(self.locked(context))


class XMEMPP_OT_unlock(LockOperator, bpy.types.Operator):
    """Unlock frames: their mattes may change again."""

    bl_idname = "xmempp.unlock"
    bl_label = "Unlock"

    def run(self, context: bpy.types.Context) -> None:
        """The frame that is shown, or a range."""
        self.shot(context).unlock(self.locked(context))


class XMEMPP_OT_layers_load(ClipOperator, bpy.types.Operator):
    """Write all mattes again as image sequences, one for each object."""

    bl_idname = "xmempp.layers_load"
    bl_label = "Load Layers"

    def run(self, context: bpy.types.Context) -> None:
        """Those of all frames that have one."""
        shot = self.shot(context)
        done = shot.state.done if shot.state else ()
        if not done:
            raise UsageError("There are no mattes yet.", hint="Propagate first.")
        shot.fetch([frame for first, last in done for frame in range(first, last + 1)])


class XMEMPP_OT_undo(ClipOperator, bpy.types.Operator):
    """Take back the engine's last edit, whoever made it; Ctrl Z takes back your own."""

    bl_idname = "xmempp.undo"
    bl_label = "Undo in Engine"

    def run(self, context: bpy.types.Context) -> None:
        """No step of Blender's undo: that goes on where it was."""
        self.shot(context).undo()


class XMEMPP_OT_redo(ClipOperator, bpy.types.Operator):
    """Do again what was taken back last in the engine."""

    bl_idname = "xmempp.redo"
    bl_label = "Redo in Engine"

    def run(self, context: bpy.types.Context) -> None:
        """See undo."""
        self.shot(context).redo()


CLASSES = (
    XMEMPP_OT_propagate,
    XMEMPP_OT_cancel,
    XMEMPP_OT_lock,
    XMEMPP_OT_unlock,
    XMEMPP_OT_layers_load,
    XMEMPP_OT_undo,
    XMEMPP_OT_redo,
)
