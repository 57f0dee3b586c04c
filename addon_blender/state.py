# SPDX-License-Identifier: GPL-3.0-or-later
"""What is saved in the .blend: which session a clip has, its objects and references.

The engine's workspace is the truth; here is what finds it again, what is Blender's own (where
an object's matte comes from), and copies to be drawn while no engine is there.
"""

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    IntVectorProperty,
    PointerProperty,
    StringProperty,
)

from . import chosen_colours, state_view

__all__ = ["CLASSES", "XmemppClip", "XmemppObject", "XmemppReference", "attach", "detach"]

SOURCES = (
    ("NONE", "Brush", "What the matte brush painted at the frame, and nothing else"),
    ("MASK", "Mask", "A layer of a mask, or all its layers together"),
    ("IMAGE", "Image", "A painted image of the plate's size: its alpha, or its brightness"),
    ("STROKES", "Annotation", "Strokes of the clip's annotation: closed ones filled, others lines"),
)
SPACES = tuple(
    (name, label, f"The plate's pixels are {label}")
    for name, label in (
        ("auto", "as the files say"),
        ("linear", "linear"),
        ("srgb", "sRGB"),
        ("log", "logarithmic"),
        ("acescg", "ACEScg"),
        ("aces2065", "ACES 2065-1"),
    )
)
DIRECTIONS = (
    ("both", "All", "Outward from each reference"),
    ("forward", "Forward", "From the first frame to the last"),
    ("backward", "Backward", "From the last frame to the first"),
)

COUNT = {
    "name": "Candidates",
    "description": "How many frames to propose",
    "default": 5,
    "min": 1,
    "max": 1000,
}
ALPHA = {
    "name": "Importance",
    "description": "Of the target: 0 compares whole frames, 1 only what the mattes cover",
    "default": 0.5,
    "min": 0,
    "max": 1,
}
MIN_PRESENCE = {
    "name": "Least Size",
    "description": "Frames whose mattes cover less of the picture are passed over, in percent",
    "default": 0.25,
    "min": 0,
    "max": 100,
}


class XmemppObject(bpy.types.PropertyGroup):
    """An object of the session, and where its painted mattes come from."""

    object: IntProperty(name="Id")
    session: StringProperty(name="Session", options={"HIDDEN"})  # of one that was removed
    name: StringProperty(name="Name", description="Unique in the session")
    colour: FloatVectorProperty(
        name="Colour",
        description="In the overlay",
        subtype="COLOR_GAMMA",
        size=3,
        min=0,
        max=1,
        update=chosen_colours.chosen,
    )
    visible: BoolProperty(
        name="Visible", description="In overlay and strip", default=True, update=state_view.redrawn
    )
    source: EnumProperty(
        name="From",
        description="Where its matte comes from where the brush has painted none",
        items=SOURCES,
    )
    strokes: StringProperty(
        name="Layer", description="Layer of the annotation; none named is all that are shown"
    )
    painted: CollectionProperty(type=state_view.XmemppPainting)
    mask: PointerProperty(name="Mask", description="Mask with its outline", type=bpy.types.Mask)
    layer: StringProperty(name="Layer", description="Layer of the mask; none named is all")
    image: PointerProperty(
        name="Image", description="Image that it is painted in", type=bpy.types.Image
    )
    result: PointerProperty(
        name="Result", description="Its mattes as an image sequence", type=bpy.types.Image
    )
    splines: PointerProperty(
        name="Splines", description="Mask that its mattes were traced into", type=bpy.types.Mask
    )
    traced: StringProperty(
        name="Traced", description="Name of the layers in there", options={"HIDDEN"}
    )
    files: StringProperty(
        name="Files", description="Its mattes, without frame number and ending", options={"HIDDEN"}
    )


class XmemppReference(bpy.types.PropertyGroup):
    """A painted frame."""

    frame: IntProperty(name="Frame", description="The clip's own number")


class XmemppClip(bpy.types.PropertyGroup):
    """The session of a clip, and the settings of its panel."""

    token: StringProperty(options={"HIDDEN"})
    step: StringProperty(options={"HIDDEN"})  # the last edit; Blender's undo brings back another
    marked_as: StringProperty(options={"HIDDEN"})
    session: StringProperty(name="Session", options={"HIDDEN"})
    anew: BoolProperty(options={"HIDDEN"})  # its next session is none that the engine has
    workspace: StringProperty(name="Workspace", description="Folder on the engine's machine")
    plate: IntVectorProperty(name="Pixels", size=2, options={"HIDDEN"})
    objects: CollectionProperty(type=XmemppObject)
    removed: CollectionProperty(type=XmemppObject)
    active_object: IntProperty(name="Object", description="The object that buttons are about")
    references: CollectionProperty(type=XmemppReference)
    active_reference: IntProperty(name="Reference", description="A painted frame")
    view: PointerProperty(type=state_view.XmemppView)
    brush: PointerProperty(type=state_view.XmemppBrush)
    mattes: StringProperty(
        name="Mattes",
        description="Folder of the image sequences; empty for one beside the .blend file",
        subtype="DIR_PATH",
    )
    space: EnumProperty(name="Plate", description="Colour space of the plate", items=SPACES)
    exposure: FloatProperty(
        name="Exposure", description="Stops added before the network looks", min=-20, max=20
    )
    model: StringProperty(name="Model", description="lite, xmem or a file; empty for the best")
    size: IntProperty(
        name="Size", description="Short side that the network sees", default=480, min=16, max=8192
    )
    use_range: BoolProperty(
        name="Range", description="Propagate and lock only frames First to Last"
    )
    first: IntProperty(name="First", description="The clip's own number", default=1001)
    last: IntProperty(name="Last", description="The clip's own number", default=1100)
    flow: BoolProperty(
        name="Optical Flow", description="Weigh in what was painted nearby", default=True
    )
    count: IntProperty(**COUNT)
    alpha: FloatProperty(**ALPHA)
    min_presence: FloatProperty(**MIN_PRESENCE)


CLASSES = (*state_view.CLASSES, XmemppObject, XmemppReference, XmemppClip)


def attach() -> None:
    """Gives every clip its state."""
    bpy.types.MovieClip.xmempp = PointerProperty(type=XmemppClip)


def detach() -> None:
    """Takes it away again; what was saved stays in the file."""
    del bpy.types.MovieClip.xmempp
