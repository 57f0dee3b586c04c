# SPDX-License-Identifier: Apache-2.0
"""Scripts parsed as Tcl, without the fake's own reader: which nodes and knobs they name."""

from __future__ import annotations

import re

from . import catalogue
from .tcl import interpreter

Named = list[tuple[str, list[tuple[str, str]]]]


def nodes_of(text: str) -> Named:
    """Class and knobs of every node, in order; a user knob by its name.

    Raises:
        ValueError: it is cut short.
    """
    tcl = interpreter()
    if not tcl.call("info", "complete", text):
        raise ValueError("the script is cut short")
    found: Named = []

    def node(cls: str, body: str) -> str:
        words = tcl.splitlist(body)
        pairs = zip(words[::2], words[1::2], strict=True)
        named = [(n, tcl.splitlist(v)[1] if n == "addUserKnob" else v) for n, v in pairs]
        found.append((cls, named))
        return ""

    for word in ("push", "add_layer", "end_group", "version"):
        tcl.createcommand(word, lambda *_: "")
    tcl.createcommand("stack", lambda *_: "x")
    for cls in set(re.findall(r"^\s*(\w+) \{$", text, re.MULTILINE)):
        tcl.createcommand(cls, lambda body, cls=cls: node(cls, body))
    tcl.eval(text)
    return found


def unknown_names(text: str) -> list[str]:
    """Classes, and knobs of classes, that the catalogue lacks."""
    common = {row[0] for row in catalogue.COMMON} | {"inputs", "addUserKnob"}
    found = []
    for cls, words in nodes_of(text):
        if cls not in catalogue.CATALOGUE:
            found.append(cls)
            continue
        known = common | {row[0] for row in catalogue.CATALOGUE[cls]}
        known |= {user for name, user in words if name == "addUserKnob"}
        found += [f"{cls}.{name}" for name, _ in words if name not in known]
    return found
