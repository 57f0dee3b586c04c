# SPDX-License-Identifier: GPL-3.0-or-later
"""What is registered with Blender, in order; taken back in reverse."""

from __future__ import annotations

import bpy

from . import (
    bridge,
    brush,
    chosen_colours,
    following,
    handlers,
    keys,
    operators_brush,
    operators_candidates,
    operators_engine,
    operators_install,
    operators_layers,
    operators_objects,
    operators_references,
    operators_splines,
    operators_view,
    operators_work,
    overlay,
    panels,
    panels_layers,
    panels_view,
    preferences,
    sending,
    state,
    status_bar,
    thumbnails,
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
    *operators_brush.CLASSES,
    *operators_view.CLASSES,
    *panels.FIRST,  # panels stand in this order
    *panels_view.FIRST,
    *[cls for cls in panels.CLASSES if cls not in panels.FIRST],
    *[cls for cls in panels_view.CLASSES if cls not in panels_view.FIRST],
    *panels_layers.CLASSES,
    *keys.CLASSES,
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
    thumbnails.register()
    overlay.register()
    keys.register()
    bridge.current().each_turn += [sending.send_on, following.follow, status_bar.show]
    bridge.current().at_leaving.append(chosen_colours.send_at_once)


def unregister() -> None:
    """Takes back what `register` did; an engine that was started is ended."""
    brush.put_down()
    bridge.current().settle(leaves=True)  # while all that it needs is there
    keys.unregister()
    overlay.unregister()
    status_bar.unregister()
    thumbnails.unregister()
    handlers.unregister()
    operators_install.watch_no_more()
    bridge.stop()
    state.detach()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
