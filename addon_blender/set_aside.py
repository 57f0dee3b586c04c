# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender knows of objects that the engine has no more, or not yet: paintings, masks, images.

The engine's undo, or a session that is begun anew, brings such an object back; so what the artist
painted of it is kept in the .blend.
"""

from __future__ import annotations

import bpy

from .shared.messages import ObjectInfo

__all__ = ["bring_back", "make_independent", "objects_of_others", "put_aside"]


def put_aside(state: bpy.types.PropertyGroup, index: int) -> None:
    """Takes an object out of a clip's list; what is told of it in Blender alone is kept."""
    kept = state.removed.add()
    _copy(state.objects[index], kept)
    kept.session = state.session
    state.objects.remove(index)


def bring_back(
    state: bpy.types.PropertyGroup, info: ObjectInfo, session: str
) -> bpy.types.PropertyGroup:
    """Adds an object to a clip's list, with what was kept of it."""
    shown = state.objects.add()
    for index, kept in enumerate(state.removed):
        if _is_same(kept, info, session):
            _copy(kept, shown)
            if kept.session != session:
                _not_given(shown)
            state.removed.remove(index)
            break
    shown.object = info.object
    return shown


def objects_of_others(
    state: bpy.types.PropertyGroup, session: str
) -> dict[str, tuple[int, int, int]]:
    """Names and colours (0..255) of what is kept of another session, in the order they had.

    What the artist removed there is left out if nothing is painted of it.
    """
    forgotten = [one for one in state.removed if not one.session or one.painted]
    others = [one for one in forgotten if one.session != session]
    others.sort(key=lambda one: one.object)
    return {one.name: tuple(round(part * 255) for part in one.colour) for one in others}


def make_independent(state: bpy.types.PropertyGroup) -> None:
    """Makes a copied clip one of its own, as if its session were forgotten."""
    state.token = state.session = state.workspace = state.step = state.marked_as = ""
    state.removed.clear()
    for obj in state.objects:
        obj.files, obj.result, obj.splines, obj.traced = "", None, None, ""
        for painting in obj.painted:
            if painting.image is not None:
                painting.image = painting.image.copy()


def _is_same(kept: bpy.types.PropertyGroup, info: ObjectInfo, session: str) -> bool:
    """In one session an id is never given twice; in another the name must do."""
    if kept.session == session:
        return kept.object == info.object
    return kept.name == info.name


def _not_given(shown: bpy.types.PropertyGroup) -> None:
    """Another session has no references of it, and no mattes."""
    for painting in shown.painted:
        painting.given = False


def _copy(source: bpy.types.PropertyGroup, target: bpy.types.PropertyGroup) -> None:
    for prop in source.bl_rna.properties:
        name = prop.identifier
        if prop.type == "COLLECTION":
            for one in getattr(source, name):
                _copy(one, getattr(target, name).add())
        elif not prop.is_readonly:
            setattr(target, name, getattr(source, name))
