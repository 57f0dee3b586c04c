# SPDX-License-Identifier: Apache-2.0
"""Texts of knobs: Tcl in brackets, and frame numbers in names of files."""

from __future__ import annotations

import os
import re
from typing import Any

from .tcl import interpreter

_TOKEN = re.compile(r"%0?(\d*)d|(#+)")


def plain_text(value: Any) -> str:
    """A value as scripts have it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def evaluated(text: str, node: Any) -> str:
    """A text with what is in brackets done as Tcl, as seen from a node."""
    if "[" not in text:
        return text
    tcl = interpreter()
    tcl.createcommand("value", lambda name: _value_of(name, node))
    tcl.createcommand("getenv", lambda name: os.environ.get(name, ""))
    return str(tcl.call("subst", "-nobackslashes", "-novariables", text))


def _value_of(name: str, node: Any) -> str:
    *path, knob = name.split(".")
    for step in path:
        node = {"root": node._app.root, "parent": node._parent, "this": node}[step]
    found = node[knob]
    if hasattr(found, "evaluate"):
        return evaluated(found.value(), node)
    return plain_text(found.value())


def numbered(text: str, frame: int) -> str:
    """A file name with the frame in place of ``%04d`` or ``####``."""

    def filled(match: re.Match[str]) -> str:
        width = int(match[1] or 0) if match[2] is None else len(match[2])
        return f"{frame:0{width}d}"

    return _TOKEN.sub(filled, text)
