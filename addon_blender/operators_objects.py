# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: the objects of a clip."""

import bpy
from bpy.props import StringProperty

from .colours import next_colour
from .operators import ClipOperator
from .shared.errors import UsageError, XmemppError
from .shared.messages import AddObject

__all__ = ["CLASSES"]


class XMEMPP_OT_object_add(ClipOperator, bpy.types.Operator):
    """Add an object; its matte comes from the mask layer that is named, or the active one."""

    bl_idname = "xmempp.object_add"
    bl_label = "Add Object"

    object_name: StringProperty(name="Name", description="Of the object", default="Object")
    mask: StringProperty(name="Mask", description="Mask that the object is drawn in")
    layer: StringProperty(name="Layer", description="Layer of the mask; none named is all")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Takes the active mask layer, and asks for the name."""
        mask = getattr(context.space_data, "mask", None)
        if mask is not None:
            active = mask.layers.active
            self.mask, self.layer = mask.name, active.name if active else ""
            self.object_name = self.layer or mask.name
        return context.window_manager.invoke_props_dialog(self)

    def run(self, context: bpy.types.Context) -> None:
        """The source is set when the engine has confirmed the object."""
        if self.mask and self.mask not in bpy.data.masks:
            raise UsageError(f"There is no mask '{self.mask}'.", hint="Choose another.")
        _check_name(self.object_name)
        taken = [one.colour for one in self.movie_clip(context).xmempp.objects]
        source = {self.object_name: (self.mask, self.layer)}
        host, request = self.host(context), AddObject(self.object_name, next_colour(taken))
        self.shot(context).edit(request, lambda: host.sources.update(source))


class XMEMPP_OT_object_remove(ClipOperator, bpy.types.Operator):
    """Remove an object with all that is painted of it."""

    bl_idname = "xmempp.object_remove"
    bl_label = "Remove Object"

    object_name: StringProperty(name="Name", description="Which; by default the one in the list")

    def run(self, context: bpy.types.Context) -> None:
        """Masks and images of Blender stay."""
        self.shot(context).remove_object(self.chosen(context, self.object_name).object)


class XMEMPP_OT_object_rename(ClipOperator, bpy.types.Operator):
    """Give an object another name."""

    bl_idname = "xmempp.object_rename"
    bl_label = "Rename Object"

    object_name: StringProperty(name="Name", description="Which; by default the one in the list")
    to: StringProperty(name="New Name", description="Not used by another object")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Asks for the name."""
        try:
            self.to = self.chosen(context, self.object_name).name
        except XmemppError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return context.window_manager.invoke_props_dialog(self)

    def run(self, context: bpy.types.Context) -> None:
        """Its mattes stay where they are."""
        _check_name(self.to)
        self.shot(context).rename_object(self.chosen(context, self.object_name).object, self.to)


class XMEMPP_OT_object_source(ClipOperator, bpy.types.Operator):
    """Take the object's matte from the active layer of the mask that is shown."""

    bl_idname = "xmempp.object_source"
    bl_label = "Use Active Mask Layer"
    bl_options = {"REGISTER", "UNDO"}

    object_name: StringProperty(name="Name", description="Which; by default the one in the list")

    def run(self, context: bpy.types.Context) -> None:
        """Sets mask and layer."""
        mask = getattr(context.space_data, "mask", None)
        if mask is None:
            raise UsageError("No mask is shown.", hint="Show one in the clip editor's mask mode.")
        found = self.chosen(context, self.object_name)
        active = mask.layers.active
        found.source, found.mask, found.layer = "MASK", mask, active.name if active else ""


def _check_name(name: str) -> None:
    """Refuses a name without letters."""
    if not name.strip():
        raise UsageError("An object needs a name.", hint="Type one.")


CLASSES = (
    XMEMPP_OT_object_add,
    XMEMPP_OT_object_remove,
    XMEMPP_OT_object_rename,
    XMEMPP_OT_object_source,
)
