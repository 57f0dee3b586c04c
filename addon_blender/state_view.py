# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the overlay and the brush, and what the brush painted; saved in the .blend."""

import bpy
from bpy.props import (
    BoolProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from .host import redraw

__all__ = ["CLASSES", "MODES", "XmemppBrush", "XmemppPainting", "XmemppView", "redrawn"]

MODES = (
    ("TINT", "Tint", "Each object in its colour, over the plate"),
    ("OUTLINE", "Outline", "A line where an object covers half of the pixel"),
    ("CHECKER", "Checker", "The objects alone, before a checkerboard"),
    ("BLACK", "Black", "The objects alone, before black"),
    ("MATTE", "Matte", "The mattes themselves: white is covered"),
)


def redrawn(_properties: object, _context: object) -> None:
    """A setting changed that the clip editor shows."""
    redraw()


class XmemppPainting(bpy.types.PropertyGroup):
    """What the brush painted of an object at a frame."""

    frame: IntProperty(name="Frame", description="The clip's own number")
    image: PointerProperty(
        name="Image", description="The matte, packed in the .blend", type=bpy.types.Image
    )
    stamp: StringProperty(options={"HIDDEN"})  # another whenever it is painted
    given: BoolProperty(name="Given", description="The engine has it as a reference")


class XmemppView(bpy.types.PropertyGroup):
    """How mattes are shown over the plate."""

    show: BoolProperty(
        name="Overlay", description="Draw the mattes over the plate", default=True, update=redrawn
    )
    mode: EnumProperty(name="As", description="How mattes are drawn", items=MODES, update=redrawn)
    opacity: FloatProperty(
        name="Opacity",
        description="Of the overlay",
        default=0.5,
        min=0,
        max=1,
        subtype="FACTOR",
        update=redrawn,
    )
    strip: BoolProperty(
        name="Strip",
        description="Confidence, locks, references and candidates along the lower edge",
        default=True,
        update=redrawn,
    )


class XmemppBrush(bpy.types.PropertyGroup):
    """The matte brush."""

    radius: FloatProperty(
        name="Radius",
        description="Pixels of the plate (F while painting)",
        default=40,
        min=0.5,
        max=2000,
        soft_max=500,
        update=redrawn,
    )
    strength: FloatProperty(
        name="Strength",
        description="How much of the matte a stroke replaces (Shift F while painting)",
        default=1,
        min=0.01,
        max=1,
        subtype="FACTOR",
    )
    hardness: FloatProperty(
        name="Hardness",
        description="The part of the radius that is covered in full (Ctrl F while painting)",
        default=0.8,
        min=0,
        max=1,
        subtype="FACTOR",
        update=redrawn,
    )
    pressure_radius: BoolProperty(
        name="Radius by Pressure", description="A pen pressed lightly paints a thinner line"
    )
    pressure_strength: BoolProperty(
        name="Strength by Pressure", description="A pen pressed lightly covers less"
    )


CLASSES = (XmemppPainting, XmemppView, XmemppBrush)
