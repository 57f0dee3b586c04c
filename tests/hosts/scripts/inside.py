# SPDX-License-Identifier: Apache-2.0
"""What all scripts do that run inside Blender: install the add-on, open a plate, draw masks."""

from __future__ import annotations

import importlib
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy

ID = "xmempp_blender"
Point = tuple[float, float]


def arguments() -> list[str]:
    """What stands after ``--``."""
    return sys.argv[sys.argv.index("--") + 1 :]


def install(archive: str) -> str:
    """Installs and enables the add-on's zip as a user does; the name of its package."""
    if bpy.app.version >= (4, 2):
        bpy.ops.extensions.package_install_files(
            filepath=archive, repo="user_default", enable_on_install=True, overwrite=True
        )
        package = f"bl_ext.user_default.{ID}"
    else:
        bpy.ops.preferences.addon_install(filepath=archive)
        bpy.ops.preferences.addon_enable(module=ID)
        package = ID
    assert package in bpy.context.preferences.addons
    return package


def part(package: str, name: str) -> ModuleType:
    """A module of the installed add-on."""
    return importlib.import_module(f"{package}.{name}")


def open_plate(folder: str) -> Any:
    """Opens the first frame of a folder as a clip, as the file browser does."""
    first = sorted(Path(folder).iterdir())[0]
    clip = bpy.data.movieclips.load(str(first))
    assert clip.source == "SEQUENCE"
    return clip


def draw_mask(name: str, outline: list[Point], size: tuple[int, int], layer: str = "disc") -> Any:
    """A mask with a layer, and in it a closed polygon.

    Args:
        name: of the mask.
        outline: in pixels of the plate, from the top left.
        size: height and width.
        layer: its name.
    """
    mask = bpy.data.masks.get(name) or bpy.data.masks.new(name)
    made = mask.layers.new(name=layer)
    spline = made.splines.new()
    spline.use_cyclic = True
    spline.points.add(len(outline) - len(spline.points))
    for point, (x, y) in zip(spline.points, outline, strict=True):
        at = in_mask(x, y, size)
        point.handle_left = point.co = point.handle_right = at
    return mask


def in_mask(x: float, y: float, size: tuple[int, int]) -> Point:
    """A pixel from the top left as a place in a mask."""
    height, width = size
    longer = max(size)
    return 0.5 + (x - width / 2) / longer, 0.5 - (y - height / 2) / longer


def nothing_is_left(package: str) -> None:
    """Disables the add-on, whatever it is doing; asserts that nothing of it stays."""
    modules = {name: part(package, name) for name in ("bridge", "overlay", "keys", "brush")}
    kept = {
        image
        for clip in bpy.data.movieclips
        for obj in (*clip.xmempp.objects, *clip.xmempp.removed)
        for image in (obj.result, obj.image, *(one.image for one in obj.painted))
    }
    trees = [*bpy.data.node_groups, *(getattr(one, "node_tree", None) for one in bpy.data.scenes)]
    kept |= {getattr(node, "image", None) for tree in trees if tree for node in tree.nodes}
    others = [image for image in bpy.data.images if image.source != "VIEWER"]  # Blender's own
    orphans = [image.name for image in others if image.users and image not in kept]
    bpy.ops.preferences.addon_disable(module=package)
    assert not orphans
    assert [scene.name for scene in bpy.data.scenes] == ["Scene"]
    assert not [name for name in dir(bpy.types) if name.startswith("XMEMPP_")]
    assert not hasattr(bpy.types.MovieClip, "xmempp")
    handlers = [one for kind in dir(bpy.app.handlers) for one in listed(kind)]
    assert not [one for one in handlers if one.__module__.startswith(package)]
    assert not bpy.app.timers.is_registered(modules["bridge"]._turn)
    assert not modules["overlay"]._handle
    assert modules["brush"].current() is None
    settings = bpy.context.window_manager.keyconfigs.addon
    maps = settings.keymaps if settings is not None else ()
    assert not [i for m in maps for i in m.keymap_items if i.idname.startswith("xmempp.")]
    for thread in [one for one in threading.enumerate() if one.name.startswith("xmempp")]:
        thread.join(30)  # an engine that was told to end is waited for there
        assert not thread.is_alive(), thread


def refused(read: Any, errors: Any, words: str) -> None:
    """Asserts that what is painted can't be read, and that it is told why."""
    sentence = "no error"
    try:
        read()
    except errors.BadMask as error:
        sentence = str(error)
    assert words in sentence, sentence


def listed(kind: str) -> list[Any]:
    """The handlers of a kind; other names there are no lists."""
    found = getattr(bpy.app.handlers, kind)
    return found if isinstance(found, list) else []


def fails(operator: Any, words: str, **properties: Any) -> None:
    """Asserts that an operator ends with a sentence that has these words."""
    sentence = "no error"
    try:
        operator(**properties)
    except RuntimeError as error:
        sentence = str(error)
    assert words in sentence, sentence
