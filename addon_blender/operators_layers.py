# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: what is made of the mattes: compositor nodes and clips."""

import bpy
from bpy.props import BoolProperty, StringProperty

from .compositor import add_nodes, remove_nodes
from .host_layer import matte_clip
from .operators import ClipOperator

__all__ = ["CLASSES"]


class XMEMPP_OT_compositor_add(ClipOperator, bpy.types.Operator):
    """Add plate, mattes, Set Alpha and a viewer to the compositor, or bring them up to date."""

    bl_idname = "xmempp.compositor_add"
    bl_label = "Set Up Compositor"
    bl_options = {"REGISTER", "UNDO"}

    output: BoolProperty(
        name="As Output",
        description="The scene renders the chosen object, if its output is linked to nothing else",
    )

    def run(self, context: bpy.types.Context) -> None:
        """In the scene of the window."""
        add_nodes(context.scene, self.movie_clip(context), output=self.output)


class XMEMPP_OT_compositor_remove(ClipOperator, bpy.types.Operator):
    """Remove the nodes that were added to the compositor for this clip."""

    bl_idname = "xmempp.compositor_remove"
    bl_label = "Remove from Compositor"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> None:
        """In the scene of the window."""
        remove_nodes(context.scene, self.movie_clip(context))


class XMEMPP_OT_layer_clip(ClipOperator, bpy.types.Operator):
    """Open the object's mattes as a clip, each at its own frame, and show it in the clip editor."""

    bl_idname = "xmempp.layer_clip"
    bl_label = "Mattes as Clip"
    bl_options = {"REGISTER", "UNDO"}

    object_name: StringProperty(name="Name", description="Which; by default the one in the list")

    def run(self, context: bpy.types.Context) -> None:
        """The same clip is shown again where it is there already."""
        clip = self.movie_clip(context)
        made = matte_clip(clip, self.chosen(context, self.object_name))
        space = context.space_data
        if space is not None and space.type == "CLIP_EDITOR":
            space.clip = made


CLASSES = (XMEMPP_OT_compositor_add, XMEMPP_OT_compositor_remove, XMEMPP_OT_layer_clip)
