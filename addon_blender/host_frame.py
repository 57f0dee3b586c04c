# SPDX-License-Identifier: GPL-3.0-or-later
"""From Blender to the wire: where the plate is, and what is painted at a frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from .frames import FrameMap, sequence_of
from .host_image import reader_of_image
from .host_mask import reader_of_mask
from .host_strokes import reader_of_strokes
from .plate import plate_size
from .plate_files import clip_of_files, new_workspace
from .shared.errors import NotFound
from .shared.image import RawImage
from .shared.messages import OpenClip, PaintedMatte, PathClip

__all__ = [
    "Reader",
    "clip_message",
    "frame_map",
    "mattes_of",
    "plate_file",
    "raw_matte",
    "reader_of",
]

Pixels = NDArray[np.generic]

Reader = Callable[[], "Pixels | None"]


def frame_map(clip: bpy.types.MovieClip) -> FrameMap:
    """How the scene's frames lead to the clip's own numbers."""
    first = sequence_of(plate_file(clip).name)[1] if clip.source == "SEQUENCE" else 0
    return FrameMap(first, clip.frame_start, clip.frame_offset)


def clip_message(clip: bpy.types.MovieClip, *, sent: bool = False) -> OpenClip:
    """How the engine is to open a clip.

    One whose session was forgotten gets a workspace of its own: by its path alone, the engine
    would go on with what was forgotten.

    Args:
        clip: the clip.
        sent: its files are sent, since the engine can't read them.

    Raises:
        NotFound: its file is not there, or can't be sent.
    """
    path, wanted = plate_file(clip), clip.xmempp
    if not path.exists():
        raise NotFound(f"The plate '{path}' is not there.", hint="Set the clip's path again.")
    name = sequence_of(path.name)[0] if clip.source == "SEQUENCE" else path.name
    return OpenClip(
        clip_of_files(path, tuple(clip.size)) if sent else PathClip(str(path.with_name(name))),
        name=clip.name,
        workspace=new_workspace(clip.name) if sent or wanted.anew else None,
        space=wanted.space,
        exposure=wanted.exposure,
        model=wanted.model or None,
        size=wanted.size,
    )


def reader_of(clip: bpy.types.MovieClip, obj: bpy.types.PropertyGroup, frame: int) -> Reader | None:
    """What gets the matte of an object's source at a frame of the clip, in any thread.

    What only Blender can tell is read here. The reader returns H x W, rows from the top, or
    None where nothing is painted.

    Returns:
        None where nothing is told.

    Raises:
        BadMask: what is painted can't be used.
    """
    width, height = plate_size(clip)
    if obj.source == "MASK" and obj.mask:
        at = frame_map(clip).to_scene(frame)
        outlines = reader_of_mask(obj.mask, obj.layer, at, (height, width))
        return None if outlines is None else lambda: np.rint(outlines() * 255).astype(np.uint8)
    if obj.source == "IMAGE" and obj.image:
        return reader_of_image(obj.image, (height, width))
    if obj.source == "STROKES":
        return reader_of_strokes(clip, obj.strokes, frame_map(clip).to_scene(frame))
    return None


def mattes_of(readers: Mapping[int, Reader]) -> tuple[PaintedMatte, ...]:
    """What is painted, by object; in any thread. ``BadMask`` if some of it can't be used."""
    mattes = ((number, read()) for number, read in readers.items())
    return tuple(
        PaintedMatte(number, "painted", raw_matte(matte))
        for number, matte in mattes
        if matte is not None
    )


def raw_matte(matte: Pixels) -> RawImage:
    """A matte as it goes over the wire."""
    whole = np.ascontiguousarray(matte)
    return RawImage(whole.dtype.name, whole.shape, ("A",), "data", memoryview(whole).cast("B"))


def plate_file(clip: bpy.types.MovieClip) -> Path:
    """Where a clip is: a movie, or a file of a sequence."""
    return Path(bpy.path.abspath(clip.filepath, library=clip.library))
