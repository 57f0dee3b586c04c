# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's status bar: how far a job is, and what the keys of the brush do.

It belongs to a workspace: a sentence stays in one that the artist has left, until it is taken back.
"""

from __future__ import annotations

import bpy

from . import bridge, brush
from .progress import sentence

__all__ = ["hide", "show", "tell", "unregister"]

_shown: list[str] = []
_where: set[str] = set()  # workspaces that are told something of the job


def show() -> None:
    """A turn: the status bar tells of the job that runs, until it ends."""
    jobs = [host.job for _, host in bridge.current().shots() if host.job is not None]
    text = f"XMem++: {sentence(jobs[0])}   Esc in the clip editor: cancel" if jobs else ""
    if brush.current() is None and text != (_shown[-1] if _shown else ""):
        _shown[:] = [text]
        _set(text)


def tell(workspace: bpy.types.WorkSpace, text: str) -> str:
    """Tells something in a workspace; the name of that, for `hide`."""
    workspace.status_text_set(text)
    return workspace.name


def hide(workspace: str) -> None:
    """Takes back what was told in a workspace, if it is still there."""
    found = bpy.data.workspaces.get(workspace)
    if found is not None:
        found.status_text_set(None)


def unregister() -> None:
    """Takes back what is told."""
    if _shown and _shown[-1]:
        _set("")
    _shown.clear()


def _set(text: str) -> None:
    shown = {window.workspace for window in bpy.context.window_manager.windows} if text else ()
    for name in _where.difference(workspace.name for workspace in shown):
        hide(name)
    _where.clear()
    _where.update(tell(workspace, text) for workspace in shown)
