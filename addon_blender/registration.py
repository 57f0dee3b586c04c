# SPDX-License-Identifier: GPL-3.0-or-later
"""What is registered with Blender, in order; taken back in reverse."""

from __future__ import annotations

import bpy

from . import (
    bridge,
    handlers,
    operators_candidates,
    operators_engine,
    operators_install,
    operators_layers,
    operators_objects,
    operators_references,
    operators_splines,
    operators_work,
    panels,
    panels_layers,
    preferences,
    state,
)

__all__ = ["CLASSES", "register", "unregister"]

CLASSES = (
    *preferences.CLASSES,
    *state.CLASSES,
    *operators_engine.CLASSES,
    *operators_install.CLASSES,
    *operators_objects.CLASSES,
    *operators_references.CLASSES,
    *operators_work.CLASSES,
    *operators_candidates.CLASSES,
    *operators_layers.CLASSES,
    *operators_splines.CLASSES,
    *panels.CLASSES,
    *panels_layers.CLASSES,
)


def register(version: str) -> None:
    """Registers all classes, the clips' state, the bridge and the handlers.

    Args:
        version: of the add-on.
    """
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    state.attach()
    bridge.start(version)
    handlers.register()


def unregister() -> None:
    """Takes back what `register` did; an engine that was started is ended."""
    handlers.unregister()
    operators_install.watch_no_more()
    bridge.stop()
    state.detach()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
