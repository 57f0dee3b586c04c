# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels: overlay, brush, locks, memory."""

from __future__ import annotations

import bpy

from . import brush, overlay
from .frames import ranges_of
from .panels import ShotPanel, SidebarPanel, open_clip, within
from .progress import gigabytes

__all__ = ["CLASSES", "FIRST"]


class XMEMPP_PT_brush(ShotPanel, bpy.types.Panel):
    """The matte brush."""

    bl_label = "Matte Brush"

    def draw(self, context: bpy.types.Context) -> None:
        """The button, its settings, and what is painted at this frame."""
        clip, (_, host) = context.space_data.clip, open_clip(context)
        settings, layout = clip.xmempp.brush, self.layout
        row = layout.row(align=True)
        row.operator("xmempp.brush", icon="BRUSH_DATA", depress=brush.current() is not None)
        row.operator("xmempp.painting_clear", text="", icon="TRASH")
        column = layout.column(align=True)
        for name, pen in (("radius", "pressure_radius"), ("strength", "pressure_strength")):
            row = column.row(align=True)
            row.prop(settings, name)
            row.prop(settings, pen, text="", icon="STYLUS_PRESSURE")
        column.prop(settings, "hardness")
        waiting = host.waiting()
        here = waiting.pop(host.current_frame(), [])
        if here:
            layout.label(text=f"Not given yet: {', '.join(here)}", icon="INFO")
        for frame in [*waiting][:1]:
            text = f"Not given: frame {ranges_of(tuple((one, one) for one in waiting))}"
            layout.operator("xmempp.frame_jump", text=text, icon="KEYFRAME").frame = frame


class XMEMPP_PT_overlay(ShotPanel, bpy.types.Panel):
    """How mattes are shown."""

    bl_label = "Overlay"

    def draw_header(self, context: bpy.types.Context) -> None:
        """The switch."""
        self.layout.prop(context.space_data.clip.xmempp.view, "show", text="")

    def draw(self, context: bpy.types.Context) -> None:
        """Kind, opacity, strip."""
        view, layout = context.space_data.clip.xmempp.view, self.layout
        column = layout.column()
        column.active = view.show
        column.prop(view, "mode", text="")
        if view.mode == "TINT":
            column.prop(view, "opacity")
        hidden = overlay.hidden_by(context.space_data)
        if hidden:
            column.label(text=hidden, icon="INFO")
        layout.prop(view, "strip")
        row = layout.row(align=True)
        row.operator("xmempp.worst_jump", text="", icon="TRIA_LEFT").to = "PREVIOUS"
        row.operator("xmempp.worst_jump", text="Worst Frame").to = "NEXT"
        row.operator("xmempp.worst_jump", text="", icon="TRIA_RIGHT").to = "NEXT"


class XMEMPP_PT_locks(ShotPanel, bpy.types.Panel):
    """Frames that don't change any more."""

    bl_label = "Locks"

    def draw(self, context: bpy.types.Context) -> None:
        """This frame or the range of the panel above; what is locked."""
        (shot, host), state = open_clip(context), context.space_data.clip.xmempp
        ends = f"{state.first}-{state.last}" if state.use_range else str(host.current_frame())
        row = self.layout.row(align=True)
        within(state, row.operator("xmempp.lock", text=f"Freeze {ends}", icon="LOCKED"))
        within(state, row.operator("xmempp.unlock", text="Unfreeze", icon="UNLOCKED"))
        locked = shot.state.locked if shot.state is not None else ()
        for first, last in locked:
            row = self.layout.row()
            row.label(text=ranges_of(((first, last),)), icon="LOCKED")
            undo = row.operator("xmempp.unlock", text="", icon="X", emboss=False)
            undo.use_range, undo.first, undo.last = True, first, last


class XMEMPP_PT_memory(SidebarPanel, bpy.types.Panel):
    """How full the engine's memory is."""

    bl_label = "Memory"
    bl_parent_id = "XMEMPP_PT_engine"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """When the engine told."""
        return super().poll(context) and open_clip(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """What the network remembers, and what that takes."""
        _, host = open_clip(context)
        status = host.sight.status
        if status is None:
            self.layout.label(text="The engine has not told yet.")
            return
        gauges = status.gauges
        column = self.layout.column(align=True)
        for label, value in (
            ("Permanent", f"{gauges.permanent:,} tokens"),
            ("Working", f"{gauges.working:,} tokens"),
            ("Long-term", f"{gauges.long_term:,} of {gauges.long_term_limit:,} tokens"),
            ("RAM", _of(gauges.ram, gauges.ram_budget)),
            ("Device", f"{status.device} {_of(gauges.device, gauges.device_budget)}"),
        ):
            split = column.split(factor=0.4)
            split.label(text=label)
            split.label(text=value)


def _of(used: int, budget: int) -> str:
    """``1.2 GB of 8.0 GB``; nothing where there is none."""
    whole = f" of {gigabytes(budget)}" if budget else ""
    return f"{gigabytes(used)}{whole}" if used or budget else ""


FIRST = (XMEMPP_PT_brush,)
CLASSES = (*FIRST, XMEMPP_PT_overlay, XMEMPP_PT_locks, XMEMPP_PT_memory)
