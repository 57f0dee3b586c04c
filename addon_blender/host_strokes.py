# SPDX-License-Identifier: GPL-3.0-or-later
"""Strokes of a clip's annotation, drawn with Blender's own pencil, as a matte."""

from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np
from numpy.typing import NDArray

from .plate import plate_size
from .scribble import Points, matte_of_strokes
from .shared.errors import BadMask

__all__ = ["annotation_of", "reader_of_strokes"]


def annotation_of(clip: bpy.types.MovieClip) -> bpy.types.ID | None:
    """The annotation of a clip; Blender 5.0 gave it another name."""
    return clip.annotation if bpy.app.version >= (5, 0) else clip.grease_pencil


def reader_of_strokes(
    clip: bpy.types.MovieClip, layer: str, scene_frame: int
) -> Callable[[], NDArray[np.uint16] | None] | None:
    """What makes a matte of the strokes at a frame, in any thread.

    A stroke that ends near its beginning is filled, any other is a line as thick as its layer.

    Args:
        clip: its own annotation is meant, not that of a track.
        layer: name; empty for all that are not hidden.
        scene_frame: strokes of this very frame count, held ones don't.

    Returns:
        None where nothing is drawn.

    Raises:
        BadMask: there is no such layer.
    """
    annotation = annotation_of(clip)
    if annotation is None:
        return None
    layers = [one for one in annotation.layers if layer in ("", one.info)]
    if layer and not layers:
        raise BadMask(f"The annotation has no layer '{layer}'.", hint="Choose another.")
    width, height = plate_size(clip)
    size = height, width
    strokes = [
        (_pixels(stroke, size), float(one.thickness))
        for one in layers
        if layer or not one.annotation_hide
        for drawn in one.frames
        if drawn.frame_number == scene_frame
        for stroke in drawn.strokes
    ]
    return (lambda: matte_of_strokes(strokes, size)) if strokes else None


def _pixels(stroke: object, size: tuple[int, int]) -> Points:
    """Points of a stroke, which are parts of the plate from the bottom left."""
    flat = np.empty(3 * len(stroke.points), np.float32)
    stroke.points.foreach_get("co", flat)
    x, y, _ = flat.reshape(-1, 3).T.astype(np.float64)
    return np.stack([x * size[1], (1 - y) * size[0]], axis=1)
