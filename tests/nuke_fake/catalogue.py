# SPDX-License-Identifier: Apache-2.0
"""The classes of nodes that the fake has, with their knobs and defaults; no other is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import knobs as k

EDGES = ("hold", "loop", "bounce", "black")
SPACES = (
    *("default", "linear", "sRGB", "rec709", "Cineon", "AlexaV3LogC", "ACES - ACEScg", "raw"),
    *("Linear Rec.709 (sRGB)", "Utility - Linear - sRGB", "Output - Rec.709", "lin_srgb"),
    *("scene_linear (ACES - ACEScg)", "color_picking (sRGB - Texture)", "ACEScct"),
    "Input - ARRI - V3 LogC (EI800) - Wide Gamut",
)
DATATYPES = ("16 bit half", "32 bit float")
COMPRESSIONS = ("none", "Zip (1 scanline)", "Zip (16 scanlines)", "PIZ Wavelet (32 scanlines)")

Row = tuple[str, type[k.Knob], Any]

COMMON: tuple[Row, ...] = (
    ("name", k.String_Knob, ""),
    ("label", k.Multiline_Eval_String_Knob, ""),
    ("help", k.Multiline_Eval_String_Knob, ""),
    ("xpos", k.Int_Knob, 0),
    ("ypos", k.Int_Knob, 0),
    ("tile_color", k.Int_Knob, 0),
    ("disable", k.Boolean_Knob, False),
    ("hide_input", k.Boolean_Knob, False),
    ("postage_stamp", k.Boolean_Knob, False),
    ("selected", k.Boolean_Knob, False),
)

CATALOGUE: dict[str, tuple[Row, ...]] = {
    "Root": (
        ("frame", k.Int_Knob, 1),
        ("first_frame", k.Int_Knob, 1),
        ("last_frame", k.Int_Knob, 100),
        ("fps", k.Double_Knob, 24.0),
        ("lock_range", k.Boolean_Knob, False),
        ("format", k.Format_Knob, (64, 36)),
        ("proxy", k.Boolean_Knob, False),
        ("proxy_scale", k.Double_Knob, 0.5),
        ("colorManagement", k.Enumeration_Knob, ("Nuke", "OCIO")),
        ("workingSpaceLUT", k.Enumeration_Knob, ("linear", "ACES - ACEScg", "scene_linear")),
    ),
    "Group": (),
    "Input": (("number", k.Int_Knob, 0),),
    "Output": (),
    "Dot": (),
    "NoOp": (),
    "Grade": (("multiply", k.Double_Knob, 1.0),),
    "Roto": (("output", k.ChannelMask_Knob, "alpha"),),
    "Switch": (("which", k.Double_Knob, 0.0),),
    "Copy": tuple(
        (f"{end}{n}", k.Channel_Knob, "rgba.alpha" if n == 0 else "none")
        for n in range(4)
        for end in ("from", "to")
    ),
    "Read": (
        ("file", k.File_Knob, ""),
        ("proxy", k.File_Knob, ""),
        ("first", k.Int_Knob, 1),
        ("last", k.Int_Knob, 1),
        ("before", k.Enumeration_Knob, EDGES),
        ("after", k.Enumeration_Knob, EDGES),
        ("frame_mode", k.Enumeration_Knob, ("expression", "start at", "offset")),
        ("frame", k.String_Knob, ""),
        ("origfirst", k.Int_Knob, 1),
        ("origlast", k.Int_Knob, 1),
        ("on_error", k.Enumeration_Knob, ("error", "black", "checkerboard", "nearest frame")),
        ("raw", k.Boolean_Knob, False),
        ("colorspace", k.Enumeration_Knob, SPACES),
        ("premultiplied", k.Boolean_Knob, False),
        ("auto_alpha", k.Boolean_Knob, False),
        ("reload", k.Script_Knob, ""),
    ),
    "Write": (
        ("file", k.File_Knob, ""),
        ("file_type", k.Enumeration_Knob, (" ", "exr", "png", "dpx")),
        ("channels", k.ChannelMask_Knob, "rgb"),
        ("raw", k.Boolean_Knob, False),
        ("colorspace", k.Enumeration_Knob, SPACES),
        ("create_directories", k.Boolean_Knob, False),
        ("use_limit", k.Boolean_Knob, False),
    ),
}
"""Knobs by class; of an enumeration its values, the first of them the default."""

OF_FILE_TYPE: dict[str, tuple[Row, ...]] = {
    "exr": (
        ("datatype", k.Enumeration_Knob, DATATYPES),
        ("compression", k.Enumeration_Knob, COMPRESSIONS),
        ("autocrop", k.Boolean_Knob, False),
        ("metadata", k.Enumeration_Knob, ("default metadata", "no metadata", "all metadata")),
    )
}
"""What a Write has only once its file type is set."""

INPUTS = {"Read": 0, "Input": 0, "Copy": 3, "Switch": 10, "Roto": 5, "Grade": 2}
"""How many inputs a node can have; 1 where nothing is said."""


def made(rows: tuple[Row, ...]) -> Iterator[k.Knob]:
    """Knobs for a new node."""
    for name, kind, default in rows:
        if issubclass(kind, k.Enumeration_Knob):
            knob: k.Knob = kind(name, None, default)
        else:
            knob = kind(name)
            knob._value = default
        knob._is_user = False
        yield knob
