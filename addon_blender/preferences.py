# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the engine is, and where it keeps its projects."""

import bpy
from bpy.props import EnumProperty, StringProperty

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

    python: StringProperty(
        name="Python",
        description="Python 3.10 to 3.13 to install the engine with; empty to look for one",
        subtype="FILE_PATH",
    )
    build: EnumProperty(
        name="Build",
        description="Which PyTorch is installed with the engine",
        items=(
            ("ANY", "As Offered", "What the package index offers: on Linux with CUDA, gigabytes"),
            ("CPU", "Processor Only", "Without CUDA, a tenth of the size"),
        ),
    )
    pip_options: StringProperty(
        name="pip Options",
        description="Further options of 'pip install', such as --index-url or --proxy",
    )

    def draw(self, context: bpy.types.Context) -> None:
        """The engine that is used, then how one is installed."""
        for name in ("engine", "workspace", "device"):
            self.layout.prop(self, name)
        column = self.layout.column(heading="Install Engine")
        for name in ("python", "build", "pip_options"):
            column.prop(self, name)


CLASSES = (XmemppPreferences,)


def preferences() -> XmemppPreferences:
    """Those of this Blender."""
    return bpy.context.preferences.addons[__package__].preferences
