# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels about what is made of the mattes, and about installing the engine."""

from __future__ import annotations

import textwrap

import bpy

from . import bridge, installer
from .panels import SidebarPanel
from .preferences import preferences

__all__ = ["CLASSES"]

_LETTERS, _LINES = 40, 2  # of what pip says
_STAGES = {
    "environment": "Making an environment …",
    "packages": "Installing packages …",
    "check": "Trying the engine …",
}


class XMEMPP_PT_layers(SidebarPanel, bpy.types.Panel):
    """Compositor nodes, clips and splines of the mattes; no engine is needed."""

    bl_label = "Layers"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 10

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """When the clip has mattes."""
        clip = context.space_data.clip
        shown = clip is not None and any(obj.result for obj in clip.xmempp.objects)
        return shown and super().poll(context)

    def draw(self, context: bpy.types.Context) -> None:
        """Buttons."""
        column = self.layout.column(align=True)
        row = column.row(align=True)
        row.operator("xmempp.compositor_add", icon="NODE_COMPOSITING")
        row.operator("xmempp.compositor_remove", text="", icon="TRASH")
        column.operator("xmempp.layer_clip", icon="TRACKER")
        column.operator("xmempp.splines_add", icon="MOD_MASK")


class XMEMPP_PT_install(SidebarPanel, bpy.types.Panel):
    """Installing the engine, while none is in use."""

    bl_label = "Install"
    bl_parent_id = "XMEMPP_PT_engine"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """While no engine is in use."""
        return super().poll(context) and bridge.current().state == "stopped"

    def draw(self, context: bpy.types.Context) -> None:
        """What is being done, else the button."""
        made, column = installer.last(), self.layout.column()
        if made is not None and made.running:
            column.label(text=_STAGES[made.step.stage])
            for line in textwrap.wrap(made.step.text, _LETTERS)[:_LINES]:
                column.label(text=line)
            column.operator("xmempp.install_cancel", icon="CANCEL")
            return
        if made is not None and made.program is not None:
            column.label(text="The engine is installed.", icon="CHECKMARK")
        column.prop(preferences(), "build")
        column.operator("xmempp.engine_install", icon="IMPORT")


CLASSES = (XMEMPP_PT_layers, XMEMPP_PT_install)
