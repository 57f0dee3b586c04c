# SPDX-License-Identifier: GPL-3.0-or-later
"""From the wire to Blender: mattes as image sequences, one for each object.

The engine sends PNG files of 16 bits; they are written by a thread and only shown here.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

import bpy

from .host_frame import frame_map
from .shared.engine_place import data_folder
from .shared.errors import OutputUnwritable, UsageError
from .shared.image import EncodedImage
from .shared.messages import MatteImage

__all__ = [
    "FORM",
    "Layers",
    "Submit",
    "is_matte_clip",
    "matte_clip",
    "matte_file",
    "matte_files",
    "write_file",
]

FORM = "png"
_MATTES = "xmempp_mattes"
_NOT_PLAIN = re.compile(r"[^\w.-]+")

Submit = Callable[[Callable[[], object], Callable[[], object]], object]
"""Does something in a thread, and then something else in the main thread."""


class Layers:
    """The image sequences of one clip.

    Args:
        submit: does work in a thread.
        find: the clip; raises `NotFound` when it is gone.
    """

    def __init__(self, submit: Submit, find: Callable[[], bpy.types.MovieClip]) -> None:
        self._submit = submit
        self._find = find

    def show(self, mattes: Sequence[MatteImage]) -> None:
        """Writes mattes, and shows each object's sequence when its files are there."""
        clip = self._find()
        objects = {obj.object: obj for obj in clip.xmempp.objects}
        for number in sorted({matte.object for matte in mattes} & objects.keys()):
            self._write(
                number,
                {
                    matte_file(clip, objects[number], matte.frame): bytes(matte.image.data)
                    for matte in mattes
                    if matte.object == number and isinstance(matte.image, EncodedImage)
                },
            )

    def _write(self, number: int, files: dict[Path, bytes]) -> None:
        def write() -> None:
            for path, data in files.items():
                write_file(path, data)

        if files:
            self._submit(write, lambda: self._show(number, next(iter(files))))

    def _show(self, number: int, path: Path) -> None:
        clip = self._find()
        for obj in clip.xmempp.objects:
            if obj.object == number:
                obj.result = _sequence(obj.result, f"{clip.name} {obj.name}", _kept(path))


def matte_file(clip: bpy.types.MovieClip, obj: bpy.types.PropertyGroup, frame: int) -> Path:
    """The file of a matte, such as ``mattes/shot/hand/shot_hand.1001.png``.

    Where an object's files are is chosen once, and outlives a new name of it.
    """
    if not obj.files:
        obj.files = _new_files(clip, obj.name)
    head = _head(obj)
    return head.with_name(f"{head.name}.{frame:04d}.png")


def _head(obj: bpy.types.PropertyGroup) -> Path:
    """Where an object's files are, without number and ending.

    Saved in another folder, Blender sees to the path of its image, but not to ours.
    """
    kept = _absolute(obj.files)
    shown = kept if obj.result is None else _absolute(obj.result.filepath.rsplit(".", 2)[0])
    return shown if shown.name == kept.name and shown.parent.is_dir() else kept


def _absolute(path: str) -> Path:
    return Path(os.path.normpath(bpy.path.abspath(path)))


def _new_files(clip: bpy.types.MovieClip, of: str) -> str:
    """Those of no other object: one may have had that name before, or come back with undo."""
    shot, name = (_NOT_PLAIN.sub("_", word) for word in (Path(clip.name).stem, of))
    states = [each.xmempp for each in bpy.data.movieclips]
    others = [one for state in states for one in (*state.objects, *state.removed)]
    taken = {_head(one) for one in others if one.files}
    names = (name, *(f"{name}_{number}" for number in range(2, len(taken) + 2)))
    files = (f"{_home(clip)}{unique}/{shot}_{unique}" for unique in names)
    return next(each for each in files if _absolute(each) not in taken)


def _home(clip: bpy.types.MovieClip) -> str:
    """Folder of a clip's mattes, with a slash: as chosen, beside the .blend, or the user's."""
    if clip.xmempp.mattes:
        return f"{clip.xmempp.mattes.rstrip('/')}/"
    if bpy.data.filepath:
        return f"//mattes/{_NOT_PLAIN.sub('_', Path(clip.name).stem)}/"
    return f"{data_folder()}/mattes/{clip.xmempp.session}/"


def _kept(path: Path) -> str:
    """As the .blend keeps it: from its own folder on where that has it, so that both can move."""
    folder = Path(bpy.data.filepath).parent
    inside = bpy.data.filepath and path.is_relative_to(folder)
    return f"//{path.relative_to(folder).as_posix()}" if inside else str(path)


def _sequence(image: bpy.types.Image | None, name: str, path: str) -> bpy.types.Image:
    """The image sequence that a file is part of, read anew."""
    if image is None:
        image = bpy.data.images.load(bpy.path.abspath(path))
        image.name = name
        image.source, image.filepath = "SEQUENCE", path
        image.colorspace_settings.name = "Non-Color"
    elif _absolute(image.filepath).parent != _absolute(path).parent:
        image.filepath = path  # the folder that it was in is gone
    else:
        image.reload()
    return image


def matte_clip(clip: bpy.types.MovieClip, obj: bpy.types.PropertyGroup) -> bpy.types.MovieClip:
    """An object's mattes as a clip that shows each at its own frame.

    Raises:
        UsageError: it has none.
    """
    files = matte_files(obj)
    if not files:
        raise UsageError(f"'{obj.name}' has no mattes yet.", hint="Propagate first.")
    first, path = files[0]
    ours = (one for one in bpy.data.movieclips if is_matte_clip(one) and _shows(one, obj))
    made = next(ours, None)
    if made is None:
        made = bpy.data.movieclips.load(str(path), check_existing=True)
    if _absolute(made.filepath) != path:  # another frame is the first one now
        made.filepath = str(path)
    made.name, made.colorspace_settings.name = f"{clip.name} {obj.name}", "Non-Color"
    made.frame_start, made[_MATTES] = frame_map(clip).to_scene(first), True
    return made


def _shows(made: bpy.types.MovieClip, obj: bpy.types.PropertyGroup) -> bool:
    """Whether its files are the object's; names may have been another's."""
    return _absolute(made.filepath.rsplit(".", 2)[0]) == _head(obj)


def is_matte_clip(clip: bpy.types.MovieClip) -> bool:
    """Whether a clip shows mattes, and is no plate."""
    return _MATTES in clip


def matte_files(obj: bpy.types.PropertyGroup) -> list[tuple[int, Path]]:
    """Frame and file of the mattes that are there, in order."""
    if not obj.files:
        return []
    head = _head(obj)
    names = re.compile(re.escape(head.name) + r"\.(-?\d+)\.png")
    there = head.parent.iterdir() if head.parent.is_dir() else ()
    found = ((names.fullmatch(path.name), path) for path in there)
    return sorted((int(match[1]), path) for match, path in found if match)


def write_file(path: Path, data: bytes) -> None:
    """Writes a file whole or not at all.

    Raises:
        OutputUnwritable: it can't be written.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OutputUnwritable(f"'{path}' can't be written: {error.strerror}.") from error
