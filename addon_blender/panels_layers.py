# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels about what is made of the mattes, and about installing the engine."""

from __future__ import annotations

import bpy

from .panels import SidebarPanel

__all__ = ["CLASSES"]


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


CLASSES = (XMEMPP_PT_layers,)
