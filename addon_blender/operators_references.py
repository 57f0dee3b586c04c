# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: what is painted at a frame."""

import bpy
from bpy.props import IntProperty, StringProperty

from .gathering import give
from .operators import ClipOperator, FrameOperator
from .shared.errors import UnknownFrame
from .shared.messages import AddReference, UpdateReference

__all__ = ["CLASSES"]


class XMEMPP_OT_reference_add(FrameOperator, bpy.types.Operator):
    """Give the engine all that is painted at this frame, in place of what it had of it."""

    bl_idname = "xmempp.reference_add"
    bl_label = "Add Reference"

    def run(self, context: bpy.types.Context) -> None:
        """Objects of which nothing is painted are not told."""
        give(self.shot(context), self.host(context), self.at_frame(context), AddReference)


class XMEMPP_OT_reference_update(FrameOperator, bpy.types.Operator):
    """Give the engine what is painted at this frame; of other objects it keeps what it had."""

    bl_idname = "xmempp.reference_update"
    bl_label = "Update Reference"

    def run(self, context: bpy.types.Context) -> None:
        """What was said not to be visible stays so, unless it is painted now."""
        give(self.shot(context), self.host(context), self.at_frame(context), UpdateReference)


class XMEMPP_OT_reference_remove(FrameOperator, bpy.types.Operator):
    """Take back all that was given of this frame."""

    bl_idname = "xmempp.reference_remove"
    bl_label = "Remove Reference"

    def run(self, context: bpy.types.Context) -> None:
        """Masks and images of Blender stay."""
        self.shot(context).remove_reference(self.at_frame(context))


class XMEMPP_OT_reference_jump(ClipOperator, bpy.types.Operator):
    """Go to a painted frame."""

    bl_idname = "xmempp.reference_jump"
    bl_label = "Go to Reference"

    frame: IntProperty(name="Frame", description="The clip's own number")

    def run(self, context: bpy.types.Context) -> None:
        """Moves the scene."""
        known = [reference.frame for reference in self.movie_clip(context).xmempp.references]
        if self.frame not in known:
            raise UnknownFrame(f"Frame {self.frame} has no reference.")
        self.host(context).go_to(self.frame)


class XMEMPP_OT_not_visible(FrameOperator, bpy.types.Operator):
    """Tell the engine that the object is not in the picture at this frame."""

    bl_idname = "xmempp.not_visible"
    bl_label = "Not Visible Here"

    object_name: StringProperty(
        name="Name",
        description="Which; by default the one in the list",
        options={"SKIP_SAVE"},
    )

    def run(self, context: bpy.types.Context) -> None:
        """This is knowledge as well, unlike an object that is not told."""
        chosen = self.chosen(context, self.object_name)
        self.fill(object_name=chosen.name)
        self.shot(context).mark_not_seen(chosen.object, self.at_frame(context))


CLASSES = (
    XMEMPP_OT_reference_add,
    XMEMPP_OT_reference_update,
    XMEMPP_OT_reference_remove,
    XMEMPP_OT_reference_jump,
    XMEMPP_OT_not_visible,
)
