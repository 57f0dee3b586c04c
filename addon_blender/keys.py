# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and the menu of the clip editor."""

from __future__ import annotations

import bpy

__all__ = ["CLASSES", "register", "unregister"]

_ENTRIES = (
    ("xmempp.engine_start", "PLAY"),
    ("xmempp.engine_connect", "LINKED"),
    ("xmempp.engine_stop", "SNAP_FACE"),
    ("xmempp.engine_install", "IMPORT"),
    ("xmempp.install_cancel", "CANCEL"),
    None,
    ("xmempp.clip_open", "FILE_TICK"),
    ("xmempp.clip_close", "X"),
    ("xmempp.clip_forget", "TRASH"),
    None,
    ("xmempp.object_add", "ADD"),
    ("xmempp.object_rename", "GREASEPENCIL"),
    ("xmempp.object_source", "MOD_MASK"),
    ("xmempp.object_remove", "REMOVE"),
    None,
    ("xmempp.brush", "BRUSH_DATA"),
    ("xmempp.painting_clear", "TRASH"),
    None,
    ("xmempp.reference_add", "KEY_HLT"),
    ("xmempp.reference_update", "NONE"),
    ("xmempp.reference_remove", "NONE"),
    ("xmempp.not_visible", "HIDE_ON"),
    None,
    ("xmempp.propagate", "TRACKING_FORWARDS"),
    ("xmempp.cancel", "CANCEL"),
    ("xmempp.suggest", "LIGHT"),
    ("xmempp.candidate_jump", "MARKER_HLT"),
    ("xmempp.worst_jump", "ERROR"),
    None,
    ("xmempp.lock", "LOCKED"),
    ("xmempp.unlock", "UNLOCKED"),
    None,
    ("xmempp.layers_load", "RENDERLAYERS"),
    ("xmempp.compositor_add", "NODE_COMPOSITING"),
    ("xmempp.compositor_remove", "TRASH"),
    ("xmempp.layer_clip", "TRACKER"),
    ("xmempp.splines_add", "CURVE_BEZCURVE"),
    None,
    ("xmempp.undo", "LOOP_BACK"),
    ("xmempp.redo", "LOOP_FORWARDS"),
)
_MENUS = ("CLIP_MT_tracking_editor_menus", "CLIP_MT_masking_editor_menus")

_keys: list[tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]] = []


class XMEMPP_MT_clip(bpy.types.Menu):
    """All that can be done to a clip, so that it is found by Blender's search."""

    bl_label = "XMem++"

    def draw(self, context: bpy.types.Context) -> None:
        """In the order of the work."""
        for entry in _ENTRIES:
            if entry is None:
                self.layout.separator()
            else:
                self.layout.operator(entry[0], icon=entry[1])


CLASSES = (XMEMPP_MT_clip,)


def register() -> None:
    """Adds them; without a window there are no keys."""
    for name in _MENUS:
        getattr(bpy.types, name).append(_draw_menu)
    settings = bpy.context.window_manager.keyconfigs.addon
    if settings is not None:
        keymap = settings.keymaps.new(name="Clip Editor", space_type="CLIP_EDITOR")
        _keys.append((keymap, keymap.keymap_items.new("xmempp.escape", "ESC", "PRESS")))


def unregister() -> None:
    """Takes them away."""
    for keymap, item in _keys:
        keymap.keymap_items.remove(item)
    _keys.clear()
    for name in _MENUS:
        getattr(bpy.types, name).remove(_draw_menu)


def _draw_menu(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.menu(XMEMPP_MT_clip.__name__)
