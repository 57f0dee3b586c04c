# SPDX-License-Identifier: Apache-2.0
"""Finished mattes of a session, on disk so that long shots take no memory."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from engine_server.media import read_image, write_soft_png
from shared.errors import UnknownFrame, UnknownObject, UsageError

from .references import Matte

__all__ = ["MatteStore"]


class MatteStore:
    """Mattes by frame and object, kept as 16-bit grey PNG in a folder of their own.

    The folder is a temporary one, made for the first matte; it goes with the store.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._delete: Callable[[], object] | None = None
        self._closed = False
        self._objects: dict[int, tuple[int, ...]] = {}

    def close(self) -> None:
        """Deletes all mattes, for good; also done when the store or the program ends."""
        self._closed = True
        self._objects.clear()
        if self._delete is not None:
            self._delete()

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames that have mattes, rising."""
        return tuple(sorted(self._objects))

    def objects(self, frame: int) -> tuple[int, ...]:
        """Ids of the objects that a frame has mattes of."""
        return self._objects.get(frame, ())

    def put(self, frame: int, mattes: Mapping[int, Matte]) -> None:
        """Keeps the mattes of a frame (H x W in 0..1) in place of those there.

        Raises:
            UsageError: the store is closed.
        """
        if self._closed:
            raise UsageError("This session is closed.", hint="Open the clip again.")
        for obj, matte in mattes.items():
            write_soft_png(self._path(frame, obj), matte)
        self._objects[frame] = tuple(mattes)

    def get(self, frame: int, obj: int) -> Matte:
        """H x W float32 in 0..1, exact to 1/65535.

        Raises:
            UnknownFrame: no mattes are kept of that frame.
            UnknownObject: the frame has none of that object.
        """
        if frame not in self._objects:
            raise UnknownFrame(f"Frame {frame} has no matte yet.", hint="Propagate over it first.")
        if obj not in self._objects[frame]:
            raise UnknownObject(f"Frame {frame} has no matte of object {obj}.")
        pixels = read_image(self._path(frame, obj)).pixels
        return np.asarray(pixels.reshape(pixels.shape[:2]), np.float32) / np.float32(65535)

    def forget_object(self, obj: int) -> None:
        """Drops an object's mattes; a frame that had no others has none any more."""
        kept = {f: tuple(i for i in objects if i != obj) for f, objects in self._objects.items()}
        self._objects = {frame: objects for frame, objects in kept.items() if objects}

    def _path(self, frame: int, obj: int) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="xmempp-"))
            self._delete = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder / f"{obj}" / f"{frame}.png"
