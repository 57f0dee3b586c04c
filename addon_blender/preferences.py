# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the engine is, and where it keeps its projects."""

import bpy
from bpy.props import StringProperty

__all__ = ["CLASSES", "XmemppPreferences", "preferences"]


class XmemppPreferences(bpy.types.AddonPreferences):
    """The add-on's preferences."""

    bl_idname = __package__

    engine: StringProperty(
        name="Engine",
        description="Program of the engine, or its environment; empty to look for it",
        subtype="FILE_PATH",
    )
    workspace: StringProperty(
        name="Workspace",
        description="Folder where the engine keeps its projects; empty for its own choice",
        subtype="DIR_PATH",
    )
    device: StringProperty(
        name="Device", description="auto, cpu, cuda or mps: where it computes", default="auto"
    )

    def draw(self, context: bpy.types.Context) -> None:
        """Three lines."""
        for name in ("engine", "workspace", "device"):
            self.layout.prop(self, name)


CLASSES = (XmemppPreferences,)


def preferences() -> XmemppPreferences:
    """Those of this Blender."""
    return bpy.context.preferences.addons[__package__].preferences
