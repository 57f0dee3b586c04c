# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels in the clip editor's sidebar. They draw what is known, and ask nobody."""

from __future__ import annotations

import textwrap

import bpy

from . import bridge
from .frames import ranges_of
from .host import BlenderHost
from .progress import sentence
from .sending import frames_left
from .shared.commands import Shot
from .shared.errors import XmemppError
from .shared.messages import ReferenceInfo

__all__ = ["CLASSES", "FIRST", "ShotPanel", "SidebarPanel", "open_clip", "said_of", "within"]

_LETTER, _MARGIN = 7.0, 65.0  # pixels, about: a letter, and what is beside the lines of a box
_PICTURE = 3.6  # size of a painted frame in the list, in units of Blender's buttons
_SOURCES = {
    "NONE": "BRUSH_DATA",
    "MASK": "MOD_MASK",
    "IMAGE": "IMAGE_DATA",
    "STROKES": "GREASEPENCIL",
}
_STATES = {
    "stopped": "No engine",
    "starting": "The engine starts …",
    "connecting": "Connecting …",
    "connected": "Engine is ready",
}


class SidebarPanel:
    """A panel of the tab."""

    bl_space_type = "CLIP_EDITOR"
    bl_region_type = "UI"
    bl_category = "XMem++"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """In tracking and mask mode, as the whole sidebar."""
        return context.space_data.mode in ("TRACKING", "MASK")


class ShotPanel(SidebarPanel):
    """A panel about a clip that is open in the engine."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """When there is such a clip."""
        return super().poll(context) and open_clip(context) is not None


class XMEMPP_PT_engine(SidebarPanel, bpy.types.Panel):
    """Engine and clip."""

    bl_label = "XMem++"

    def draw(self, context: bpy.types.Context) -> None:
        """State and buttons; errors first."""
        now = bridge.current()
        _draw_error(self.layout, context, now.error)
        self.layout.label(text=_STATES[now.state])
        row = self.layout.row(align=True)
        if now.state == "stopped":
            row.operator("xmempp.engine_start", icon="PLAY")
            row.operator("xmempp.engine_connect", icon="LINKED", text="Connect")
        else:
            row.operator("xmempp.engine_stop", icon="SNAP_FACE")
        if context.space_data.clip is not None:
            self._draw_clip(context, context.space_data.clip)

    def _draw_clip(self, context: bpy.types.Context, clip: bpy.types.MovieClip) -> None:
        found = bridge.current().find(clip)
        if found is not None and found[0].state is not None:
            row = self.layout.row(align=True)
            row.label(text=f"{found[0].state.model}, {ranges_of(found[0].state.frames)}")
            row.operator("xmempp.clip_close", text="", icon="X")
            left = len(frames_left(*found))
            if left:
                self.layout.label(text=f"Sending the plate: {left} frames left")
            return
        if found is not None:
            _draw_error(self.layout, context, found[1].error)
        column = self.layout.column()
        if not clip.xmempp.session:
            for name in ("space", "exposure", "model", "size"):
                column.prop(clip.xmempp, name)
        column.enabled = bridge.current().state != "stopped"
        row = column.row(align=True)
        row.operator("xmempp.clip_open", icon="FILE_TICK")
        if clip.xmempp.session:
            row.operator("xmempp.clip_forget", text="", icon="TRASH")


class XMEMPP_UL_objects(bpy.types.UIList):
    """Objects: colour and name."""

    def draw_item(self, context, layout, data, item, icon, active_data, active_property) -> None:
        """One line."""
        row = layout.row(align=True)
        seen = "HIDE_OFF" if item.visible else "HIDE_ON"
        row.prop(item, "visible", text="", icon=seen, emboss=False)
        colour = row.row()
        colour.ui_units_x = 1.0
        colour.prop(item, "colour", text="")
        row.label(text=item.name)
        row.label(text="", icon=_SOURCES[item.source])


class XMEMPP_PT_objects(ShotPanel, bpy.types.Panel):
    """Objects, and where their mattes come from."""

    bl_label = "Objects"

    def draw(self, context: bpy.types.Context) -> None:
        """The list, and the chosen one's source."""
        state = context.space_data.clip.xmempp
        row = self.layout.row()
        row.template_list("XMEMPP_UL_objects", "", state, "objects", state, "active_object", rows=3)
        buttons = row.column(align=True)
        buttons.operator("xmempp.object_add", text="", icon="ADD")
        buttons.operator("xmempp.object_remove", text="", icon="REMOVE")
        if state.active_object < len(state.objects):
            self._draw_source(state.objects[state.active_object])

    def _draw_source(self, chosen: bpy.types.PropertyGroup) -> None:
        column = self.layout.column()
        rename = column.operator("xmempp.object_rename", icon="GREASEPENCIL")
        rename.object_name = chosen.name
        column.prop(chosen, "source")
        if chosen.source == "MASK":
            column.prop(chosen, "mask")
            if chosen.mask:
                column.prop_search(chosen, "layer", chosen.mask, "layers")
            column.operator("xmempp.object_source")
        elif chosen.source == "IMAGE":
            column.template_ID(chosen, "image", new="image.new", open="image.open")
        elif chosen.source == "STROKES":
            column.prop(chosen, "strokes")


class XMEMPP_UL_references(bpy.types.UIList):
    """Painted frames."""

    def draw_item(self, context, layout, data, item, icon, active_data, active_property) -> None:
        """Picture, frame, objects; a click on it goes there."""
        sight = open_clip(context)[1].sight
        row = layout.row()
        if item.frame in sight.thumbnails:
            picture = row.row()
            picture.ui_units_x = _PICTURE
            picture.template_icon(sight.thumbnails[item.frame], scale=_PICTURE)
        column = row.column(align=True)
        column.alignment = "LEFT"
        jump = column.operator(
            "xmempp.reference_jump", text=str(item.frame), icon="KEYFRAME_HLT", emboss=False
        )
        jump.frame = item.frame
        column.label(text=said_of(sight.references.get(item.frame), data.objects))


class XMEMPP_PT_references(ShotPanel, bpy.types.Panel):
    """Painted frames."""

    bl_label = "References"

    def draw(self, context: bpy.types.Context) -> None:
        """The list, and what can be done at this frame."""
        state = context.space_data.clip.xmempp
        self.layout.template_list(
            "XMEMPP_UL_references", "", state, "references", state, "active_reference", rows=2
        )
        column = self.layout.column(align=True)
        column.operator("xmempp.reference_add", icon="KEY_HLT")
        row = column.row(align=True)
        row.operator("xmempp.reference_update", text="Update")
        row.operator("xmempp.reference_remove", text="Remove")
        column.operator("xmempp.not_visible", icon="HIDE_ON")


class XMEMPP_PT_propagate(ShotPanel, bpy.types.Panel):
    """Propagation."""

    bl_label = "Propagate"

    def draw(self, context: bpy.types.Context) -> None:
        """Progress while a job runs, else the buttons."""
        _, host = open_clip(context)
        state = context.space_data.clip.xmempp
        _draw_error(self.layout, context, host.error)
        if host.job is not None:
            self._draw_job(host)
            return
        row = self.layout.row(align=True)
        row.prop(state, "use_range", text="")
        ends = row.row(align=True)
        ends.enabled = state.use_range
        ends.prop(state, "first", text="")
        ends.prop(state, "last", text="")
        row = self.layout.row(align=True)
        for direction, label in (("backward", "Back"), ("both", "All"), ("forward", "Forward")):
            within(state, row.operator("xmempp.propagate", text=label)).direction = direction
        self.layout.prop(state, "flow")
        row = self.layout.row(align=True)
        row.operator("xmempp.undo", icon="LOOP_BACK")
        row.operator("xmempp.redo", icon="LOOP_FORWARDS")
        self.layout.operator("xmempp.layers_load", icon="RENDERLAYERS")

    def _draw_job(self, host: BlenderHost) -> None:
        for line in sentence(host.job).split(", "):
            self.layout.label(text=line)
        self.layout.operator("xmempp.cancel", icon="CANCEL")


class XMEMPP_PT_candidates(ShotPanel, bpy.types.Panel):
    """Which frame to paint next."""

    bl_label = "Candidates"

    def draw(self, context: bpy.types.Context) -> None:
        """Settings, what was found, and a way through it."""
        shot, host = open_clip(context)
        for name in ("count", "alpha", "min_presence"):
            self.layout.prop(context.space_data.clip.xmempp, name)
        self.layout.operator("xmempp.suggest", icon="LIGHT")
        if shot.candidates:
            self._draw_found(shot, host)

    def _draw_found(self, shot: Shot, host: BlenderHost) -> None:
        row = self.layout.row(align=True)
        row.operator("xmempp.candidate_jump", text="", icon="TRIA_LEFT").to = "PREVIOUS"
        row.label(text=f"{len(shot.candidates)} to paint, best first")
        row.operator("xmempp.candidate_jump", text="", icon="TRIA_RIGHT").to = "NEXT"
        grid = self.layout.grid_flow(row_major=True, columns=4, even_columns=True, align=True)
        for frame in shot.candidates:
            here = frame == host.current_frame()
            grid.operator("xmempp.frame_jump", text=str(frame), depress=here).frame = frame


def said_of(info: ReferenceInfo | None, objects: bpy.types.CollectionProperty) -> str:
    """Names of the objects that are painted at a frame; those not visible in brackets."""
    states = {} if info is None else {one.object: one.state for one in info.objects}
    names = [(obj.name, states.get(obj.object, "absent")) for obj in objects]
    return ", ".join(
        name if state == "painted" else f"({name})" for name, state in names if state != "absent"
    )


def open_clip(context: bpy.types.Context) -> tuple[Shot, BlenderHost] | None:
    """The clip that is shown, if the engine has it open."""
    clip = context.space_data.clip
    found = bridge.current().find(clip) if clip is not None else None
    return found if found is not None and found[0].state is not None else None


def within(
    state: bpy.types.PropertyGroup, operator: bpy.types.OperatorProperties
) -> bpy.types.OperatorProperties:
    """A button for the range of the panel, if one is set."""
    operator.use_range, operator.first, operator.last = state.use_range, state.first, state.last
    return operator


def _draw_error(
    layout: bpy.types.UILayout, context: bpy.types.Context, error: XmemppError | None
) -> None:
    """A sentence and what to do, in lines as wide as the sidebar."""
    if error is None:
        return
    box = layout.box()
    box.alert = True
    width = context.region.width / context.preferences.system.ui_scale
    letters = max(16, int((width - _MARGIN) / _LETTER))
    for number, line in enumerate(textwrap.wrap(str(error), letters)):
        box.label(text=line, icon="NONE" if number else "ERROR")
    box.operator("xmempp.error_clear")


FIRST = (XMEMPP_UL_objects, XMEMPP_UL_references, XMEMPP_PT_engine, XMEMPP_PT_objects)
CLASSES = (
    *FIRST,
    XMEMPP_PT_references,
    XMEMPP_PT_propagate,
    XMEMPP_PT_candidates,
)
