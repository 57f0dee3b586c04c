# SPDX-License-Identifier: GPL-3.0-or-later
"""How large a plate is."""

from __future__ import annotations

import bpy

__all__ = ["plate_size"]


def plate_size(clip: bpy.types.MovieClip) -> tuple[int, int]:
    """Width and height in pixels, as the engine told.

    Blender's own, which is used before that, counts a proxy's pixels while one is shown.
    """
    width, height = clip.xmempp.plate
    return (width, height) if width else tuple(clip.size)
