# SPDX-License-Identifier: Apache-2.0
"""The engine's name for a colour space that Nuke knows under many names."""

from __future__ import annotations

import re

import nuke

from .values import flag, text

__all__ = ["is_converted", "space_of_read", "space_of_render"]

_WORDS = (  # "Linear Rec.709 (sRGB)" is linear: what is more to the point comes first
    ("acescg", "acescg"),
    ("aces2065", "aces2065"),
    ("acescc", "log"),  # and ACEScct
    ("linear", "linear"),
    ("lin_", "linear"),
    ("log", "log"),
    ("cineon", "log"),
    ("srgb", "srgb"),
    ("rec709", "srgb"),
    ("rec.709", "srgb"),
    ("gamma2.2", "srgb"),
)
_DEFAULT = re.compile(r"default \((.*)\)")


def space_of_read(node: nuke.Node, read: nuke.Node) -> str:
    """Of the files of a Read: as chosen, or as the Read says; ``auto`` if that says nothing."""
    chosen = text(node, "space")
    if chosen != "auto":
        return chosen
    if flag(read, "raw"):
        return "auto"  # the file type tells more than a Read that converts nothing
    return _named(text(read, "colorspace")) or "auto"


def is_converted(read: nuke.Node) -> bool:
    """Whether a Read may change colours on the way in; alpha it never does."""
    space = _DEFAULT.sub(r"\1", text(read, "colorspace").lower())
    return not (flag(read, "raw") or space in ("raw", "data", _working_space().lower()))


def space_of_render(node: nuke.Node) -> str:
    """Of what Nuke renders: as chosen, or Nuke's working space."""
    chosen = text(node, "space")
    if chosen != "auto":
        return chosen
    return _named(_working_space()) or "linear"


def _working_space() -> str:
    knob = nuke.root().knob("workingSpaceLUT")
    return "linear" if knob is None else str(knob.value())


def _named(name: str) -> str:
    """The first space whose name is part of this one; empty if none is."""
    plain = name.lower().replace(" ", "").replace("-", "")
    return next((space for word, space in _WORDS if word in plain), "")
