# SPDX-License-Identifier: Apache-2.0
"""Mattes as files for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine_server.media import write_atomically
from engine_server.session.project import Project
from engine_server.session.references import Matte
from shared.errors import UsageError
from shared.layers import layer_names
from shared.messages import Export

from .paths import file_name
from .pictures import encode_file

__all__ = ["files_of", "layers_of", "write_frame"]


def files_of(project: Project, folder: Path, frame: int, wanted: Export) -> Iterator[Path]:
    """The files that a frame is exported to.

    Raises:
        UsageError: the pattern makes no good file names.
    """
    for obj in _objects(project, frame, wanted) if _apart(wanted) else [0]:
        yield _path(project, folder, frame, obj, wanted)


def write_frame(project: Project, folder: Path, frame: int, wanted: Export) -> None:
    """Writes the mattes of a frame: a file each, or all as named channels of one EXR.

    Raises:
        OutputUnwritable: a file can't be written.
        UsageError: several objects can't go into one file of that format.
    """
    objects = _objects(project, frame, wanted)
    planes = {obj: _as(project.matte(frame, obj), wanted.dtype) for obj in objects}
    if _apart(wanted):
        for obj, plane in planes.items():
            data = encode_file(plane, wanted.format, channels=("Y",))
            write_atomically(_path(project, folder, frame, obj, wanted), data)
        return
    if wanted.format != "exr" and len(planes) > 1:
        raise UsageError("Several objects in one file need the format exr.")
    data = _together(project, planes, wanted.format)
    write_atomically(_path(project, folder, frame, 0, wanted), data)


def layers_of(project: Project, frame: int, dtype: str) -> bytes:
    """One EXR with an alpha for each object of the session, black where it has no matte.

    Args:
        frame: one that has a matte of some object.
        dtype: ``float16`` or ``float32``.
    """
    there = _objects(project, frame, None)
    black = np.zeros(project.plate.size, dtype)
    planes = {
        obj: _as(project.matte(frame, obj), dtype) if obj in there else black
        for obj in sorted(project.contents.names)
    }
    return _together(project, planes, "exr")


def _together(project: Project, planes: dict[int, NDArray[Any]], form: str) -> bytes:
    """A file with a named alpha for each object."""
    layers = layer_names(project.contents.names)
    names = tuple(f"{layers[obj]}.alpha" for obj in planes)
    return encode_file(np.dstack(list(planes.values())), form, channels=names)


def _apart(wanted: Export) -> bool:
    return "{object" in wanted.pattern


def _objects(project: Project, frame: int, wanted: Export | None) -> list[int]:
    """Objects that the frame has mattes of, and that are wanted; all where nothing is said."""
    there = {*project.contents.mattes.get(frame, {}), *project.references.get(frame, {})}
    return sorted(there & set((wanted.objects if wanted else ()) or there))


def _path(project: Project, folder: Path, frame: int, obj: int, wanted: Export) -> Path:
    name = project.objects[obj] if obj else None
    plain = file_name(wanted.pattern, clip=project.header.name, frame=frame, obj=name)
    return folder / f"{plain}.{_ENDINGS.get(wanted.format, wanted.format)}"


_ENDINGS = {"jpeg": "jpg", "tiff": "tif"}


def _as(matte: Matte, dtype: str) -> NDArray[Any]:
    kind = np.dtype(dtype)
    scaled = matte if kind.kind == "f" else np.rint(matte * np.float32(np.iinfo(kind).max))
    return np.asarray(scaled, kind)
