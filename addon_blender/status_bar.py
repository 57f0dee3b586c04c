# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a job is: a sentence for the panel and for Blender's status bar."""

from __future__ import annotations

import bpy

from . import bridge, brush
from .progress import sentence

__all__ = ["show", "unregister"]

_shown: list[str] = []


def show() -> None:
    """A turn: the status bar tells of the job that runs, until it ends."""
    jobs = [host.job for _, host in bridge.current().shots() if host.job is not None]
    text = f"XMem++: {sentence(jobs[0])}   Esc in the clip editor: cancel" if jobs else ""
    if brush.current() is None and text != (_shown[-1] if _shown else ""):
        _shown[:] = [text]
        _set(text or None)


def unregister() -> None:
    """Takes back what is told."""
    if _shown and _shown[-1]:
        _set(None)
    _shown.clear()


def _set(text: str | None) -> None:
    for window in bpy.context.window_manager.windows:
        window.workspace.status_text_set(text)
