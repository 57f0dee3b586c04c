# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: the objects of a clip."""

from collections.abc import Collection
from itertools import chain, count

import bpy
from bpy.props import FloatVectorProperty, StringProperty

from .colours import next_colour
from .operators import ClipOperator, EditOperator
from .shared.errors import UsageError, XmemppError
from .shared.messages import AddObject

__all__ = ["CLASSES"]


class XMEMPP_OT_object_add(EditOperator, bpy.types.Operator):
    """Add an object; its matte comes from the mask layer that is named, or the active one."""

    bl_idname = "xmempp.object_add"
    bl_label = "Add Object"

    object_name: StringProperty(
        name="Name", description="Of the object", default="Object", options={"SKIP_SAVE"}
    )
    mask: StringProperty(
        name="Mask", description="Mask that the object is drawn in", options={"SKIP_SAVE"}
    )
    layer: StringProperty(
        name="Layer", description="Layer of the mask; none named is all", options={"SKIP_SAVE"}
    )
    colour: FloatVectorProperty(
        name="Colour",
        description="In the overlay; by default one that is seen well beside the others",
        subtype="COLOR_GAMMA",
        size=3,
        min=0,
        max=1,
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Takes the active mask layer, and asks for the name; proposes one that is free."""
        mask = getattr(context.space_data, "mask", None)
        if mask is not None:
            active = mask.layers.active
            self.mask, self.layer = mask.name, active.name if active else ""
            self.object_name = self.layer or mask.name
        try:
            taken = self.movie_clip(context).xmempp.objects.keys()
            self.object_name = _free_name(self.object_name, taken)
            self._choose_colour(context)
        except XmemppError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return context.window_manager.invoke_props_dialog(self)

    def run(self, context: bpy.types.Context) -> None:
        """The source is set when the engine has confirmed the object."""
        if self.mask and self.mask not in bpy.data.masks:
            raise UsageError(f"There is no mask '{self.mask}'.", hint="Choose another.")
        _check_name(self.object_name)
        self._choose_colour(context)
        source = {self.object_name: (self.mask, self.layer)}
        colour = tuple(round(part * 255) for part in self.colour)
        host, request = self.host(context), AddObject(self.object_name, colour)
        self.shot(context).edit(request, lambda: host.sources.update(source))

    def _choose_colour(self, context: bpy.types.Context) -> None:
        taken = [one.colour for one in self.movie_clip(context).xmempp.objects]
        self.fill(colour=[part / 255 for part in next_colour(taken)])


class XMEMPP_OT_object_remove(EditOperator, bpy.types.Operator):
    """Remove an object with all that is painted of it."""

    bl_idname = "xmempp.object_remove"
    bl_label = "Remove Object"

    object_name: StringProperty(
        name="Name",
        description="Which; by default the one in the list",
        options={"SKIP_SAVE"},
    )

    def run(self, context: bpy.types.Context) -> None:
        """Masks and images of Blender stay."""
        chosen = self.chosen(context, self.object_name)
        self.fill(object_name=chosen.name)
        self.shot(context).remove_object(chosen.object)


class XMEMPP_OT_object_rename(EditOperator, bpy.types.Operator):
    """Give an object another name."""

    bl_idname = "xmempp.object_rename"
    bl_label = "Rename Object"

    object_name: StringProperty(
        name="Name",
        description="Which; by default the one in the list",
        options={"SKIP_SAVE"},
    )
    to: StringProperty(
        name="New Name", description="Not used by another object", options={"SKIP_SAVE"}
    )

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
        chosen = self.chosen(context, self.object_name)
        self.fill(object_name=chosen.name)
        self.shot(context).rename_object(chosen.object, self.to)


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


def _free_name(wanted: str, taken: Collection[str]) -> str:
    """That name, or with the first number behind it that makes it one that nobody has."""
    numbered = (f"{wanted} {number}" for number in count(2))
    return next(name for name in chain([wanted], numbered) if name not in taken)


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
