# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: propagation, locks, layers, and the engine's undo."""

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty

from .operators import ClipOperator
from .shared.errors import UsageError
from .shared.messages import Propagate
from .state import DIRECTIONS

__all__ = ["CLASSES"]


class RangeOperator(ClipOperator):
    """An operator about a range of frames, by the clip's own numbers."""

    first: IntProperty(name="First", description="The clip's own number")
    last: IntProperty(name="Last", description="The clip's own number")

    def frame_range(self) -> tuple[int, int]:
        """First and last; ``UsageError`` if they are the wrong way round."""
        if self.first > self.last:
            raise UsageError(
                f"The range {self.first}-{self.last} has no frames.", hint="Swap its ends."
            )
        return self.first, self.last


class XMEMPP_OT_propagate(RangeOperator, bpy.types.Operator):
    """Carry what is painted through the clip; mattes appear as they are made."""

    bl_idname = "xmempp.propagate"
    bl_label = "Propagate"

    direction: EnumProperty(name="Direction", description="Order of frames", items=DIRECTIONS)
    use_range: BoolProperty(name="Range", description="Only frames First to Last")

    def run(self, context: bpy.types.Context) -> None:
        """Starts the job and returns."""
        wanted = self.frame_range() if self.use_range else None
        flow = self.movie_clip(context).xmempp.flow
        self.whole_shot(context).propagate(Propagate(wanted, self.direction, flow=flow))


class XMEMPP_OT_cancel(ClipOperator, bpy.types.Operator):
    """Cancel what is running; frames that are finished stay."""

    bl_idname = "xmempp.cancel"
    bl_label = "Cancel"

    def run(self, context: bpy.types.Context) -> None:
        """The engine ends the job after the frame it is at."""
        self.shot(context).cancel()


class XMEMPP_OT_lock(RangeOperator, bpy.types.Operator):
    """Lock frames: their mattes don't change any more."""

    bl_idname = "xmempp.lock"
    bl_label = "Lock"

    use_range: BoolProperty(name="Range", description="Frames First to Last, not only this one")

    def run(self, context: bpy.types.Context) -> None:
        """The frame that is shown, or a range."""
        self.shot(context).lock(*[self.frame_range()] if self.use_range else [])


class XMEMPP_OT_unlock(RangeOperator, bpy.types.Operator):
    """Unlock frames: their mattes may change again."""

    bl_idname = "xmempp.unlock"
    bl_label = "Unlock"

    use_range: BoolProperty(name="Range", description="Frames First to Last, not only this one")

    def run(self, context: bpy.types.Context) -> None:
        """The frame that is shown, or a range."""
        self.shot(context).unlock(*[self.frame_range()] if self.use_range else [])


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
    """Take back the last edit of objects, references, locks or mattes in the engine."""

    bl_idname = "xmempp.undo"
    bl_label = "Undo in Engine"

    def run(self, context: bpy.types.Context) -> None:
        """The engine keeps its own history; Blender's undo does not reach it."""
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
