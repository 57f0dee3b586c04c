# SPDX-License-Identifier: Apache-2.0
"""Tcl, imported when it is used first: not every Python has tkinter."""

from __future__ import annotations

from typing import Any


def interpreter() -> Any:
    """A new one, without windows."""
    import tkinter

    return tkinter.Tcl()
