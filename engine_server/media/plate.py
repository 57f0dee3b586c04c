# SPDX-License-Identifier: Apache-2.0
"""A plate: the numbered frames of a shot, read one at a time."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine_server.media.cache import FrameCache
from engine_server.media.image import (
    IMAGE_EXTENSIONS,
    ImageUnreadableError,
    read_header,
    read_image,
)
from engine_server.media.pattern import find_sequence, is_pattern
from engine_server.media.view import ViewTransform
from shared.errors import BadPlate, FrameUnreadable, NotFound, UnknownFrame

__all__ = ["ImageSequence", "Plate", "open_plate"]

_LOG = logging.getLogger(__name__)
_VIEW_CACHE_BYTES = 64 * 2**20
_MAX_SPAN = 1_000_000  # frames from first to last, eleven hours of film


def open_plate(source: str | Path, *, view: ViewTransform | None = None) -> Plate:
    """Open a shot; no pixels are decoded yet.

    Args:
        source: a folder with one sequence, one picture, a pattern (``plate.%04d.exr``,
            ``plate.####.dpx``), or a movie.
        view: how stored values become the model view; default ``ViewTransform()``.

    Raises:
        NotFound: nothing is there, or it may not be looked at.
        BadPlate: several sequences in the folder, or nothing in it that can be read.
        UsageError: a pattern in the name of a folder.
    """
    path = Path(source).expanduser()
    try:
        return _opened(path, view or ViewTransform())
    except PermissionError as error:
        raise NotFound(f"'{path}' may not be read.", hint="Check its permissions.") from error


def _opened(path: Path, view: ViewTransform) -> Plate:
    is_movie = path.is_file() and path.suffix[1:].lower() not in IMAGE_EXTENSIONS
    if is_movie:
        from engine_server.media.movie import Movie  # PyAV is only loaded for movies

        return Movie(path, view)
    files, warnings = find_sequence(path)
    name = path.resolve().name if not is_pattern(path) else path.name
    return ImageSequence(files, name=name, view=view, warnings=warnings)


class Plate(ABC):
    """The frames of a shot.

    Args:
        name: what the shot is called, from the file or folder name.
        frames: numbers of the frames that are present.
        size: height and width that every frame must have.
        view: the view transform.
        warnings: what was passed over when the plate was opened, a sentence each.

    Raises:
        BadPlate: the numbers can't be frame numbers.
    """

    def __init__(
        self,
        *,
        name: str,
        frames: tuple[int, ...],
        size: tuple[int, int],
        view: ViewTransform,
        warnings: tuple[str, ...] = (),
    ) -> None:
        span = frames[-1] - frames[0] + 1
        if span > _MAX_SPAN:
            raise BadPlate(
                f"The numbers in the file names of '{name}' run from {frames[0]} to {frames[-1]}: "
                "they can't be frame numbers.",
                hint="Give a pattern whose #### stands for the frame number.",
            )
        self.name = name
        self.frames = frames
        self.size = size
        self.warnings = warnings
        self._present = frozenset(frames)
        self._view = view
        self._views = FrameCache(_VIEW_CACHE_BYTES)

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers between the first and the last frame that have no frame."""
        everything = range(self.frames[0], self.frames[-1] + 1)
        return tuple(frame for frame in everything if frame not in self._present)

    @abstractmethod
    def stem(self, frame: int) -> str:
        """The name that files made for a frame get: that of its own file, without the ending."""

    @abstractmethod
    def path(self, frame: int) -> Path:
        """The file that holds a frame."""

    @abstractmethod
    def _load(self, frame: int) -> tuple[NDArray[Any], str]:
        """Pixels H x W x 3 as stored and their encoding; FrameUnreadable when damaged."""

    def close(self) -> None:  # noqa: B027 - most plates hold nothing open
        """Let go of what is held open; no frame can be read afterwards."""

    def forget_views(self) -> None:
        """Frees the memory of views that were asked for."""
        self._views = FrameCache(self._views.max_bytes)

    def read(self, frame: int) -> NDArray[Any]:
        """A frame as stored: H x W x 3, uint8, uint16 or float32, in its own colour space.

        Raises:
            UnknownFrame: the plate has no such frame.
            FrameUnreadable: the frame is damaged or of another size than the first.
        """
        return self._checked(frame)[0]

    def view(self, frame: int) -> NDArray[np.uint8]:
        """The model view of a frame: H x W x 3, uint8, sRGB. Read-only; raises as ``read``."""
        shown: NDArray[np.uint8] | None = self._views.get(frame)
        if shown is None:
            shown = self._view.apply(*self._checked(frame))
            shown.flags.writeable = False
            self._views.put(frame, shown)
        return shown

    def _checked(self, frame: int) -> tuple[NDArray[Any], str]:
        """Load a frame and hold it to the size of the plate."""
        if frame not in self._present:
            raise UnknownFrame(f"'{self.name}' has no frame {frame}.", hint=self._range_hint())
        pixels, encoding = self._load(frame)
        if pixels.shape[:2] != self.size:
            found, wanted = pixels.shape[:2], self.size
            raise FrameUnreadable(
                f"Frame {frame} ('{self.path(frame)}') is {found[1]} x {found[0]} pixels, but "
                f"the plate is {wanted[1]} x {wanted[0]}.",
                frame=frame,
                hint="Render that frame again in the size of the others.",
            )
        return pixels, encoding

    def _range_hint(self) -> str:
        """What frames there are."""
        holes = f" with {len(self.missing)} missing" if self.missing else ""
        return f"It has frames {self.frames[0]} to {self.frames[-1]}{holes}."

    def __len__(self) -> int:
        """The number of frames present."""
        return len(self.frames)

    def __iter__(self) -> Iterator[int]:
        """The numbers of the frames present."""
        return iter(self.frames)


class ImageSequence(Plate):
    """A plate of one file a frame.

    Args:
        files: the file of each frame, sorted by frame; not empty.
        name: what the shot is called.
        view: the view transform.
        warnings: what was passed over while looking for the files.

    Raises:
        BadPlate: not one of the files can be read.
    """

    def __init__(
        self,
        files: dict[int, Path],
        *,
        name: str,
        view: ViewTransform,
        warnings: tuple[str, ...] = (),
    ) -> None:
        for warning in warnings:
            _LOG.warning("%s", warning)
        size = _first_size(files)
        super().__init__(name=name, frames=tuple(files), size=size, view=view, warnings=warnings)
        self._files = files

    def stem(self, frame: int) -> str:
        """``plate.1001`` of ``plate.1001.exr``."""
        return self.path(frame).stem

    def path(self, frame: int) -> Path:
        """The file of a frame; UnknownFrame when there is none."""
        if frame not in self._files:
            raise UnknownFrame(f"'{self.name}' has no frame {frame}.", hint=self._range_hint())
        return self._files[frame]

    def _load(self, frame: int) -> tuple[NDArray[Any], str]:
        path = self._files[frame]
        try:
            image = read_image(path)
        except (ImageUnreadableError, OSError) as error:
            raise FrameUnreadable(
                f"Frame {frame} ('{path}') can't be read: {error}.", frame=frame
            ) from error
        return image.rgb(), image.encoding


def _first_size(files: dict[int, Path]) -> tuple[int, int]:
    """The size of the first frame whose header can be read."""
    if not files:
        raise NotFound("The plate has no frames.")
    reason = ""
    for path in files.values():
        found = _size_or_reason(path)
        if not isinstance(found, str):
            return found
        reason = reason or f"'{path}': {found}"
    raise BadPlate(
        f"No frame of the plate can be read; {reason}.",
        hint="Check that the files are complete pictures.",
    )


def _size_or_reason(path: Path) -> tuple[int, int] | str:
    """The size of a picture, or why it has none."""
    try:
        return read_header(path).size
    except (ImageUnreadableError, OSError) as error:
        return str(error)
