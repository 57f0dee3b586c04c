# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a plate that is sent, since the engine can't read them by their paths."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from .frames import files_of
from .shared.errors import FrameUnreadable, NotFound
from .shared.image import EncodedImage
from .shared.messages import FrameImage, PutFrames, SentClip

__all__ = ["Sent", "clip_of_files", "new_workspace", "request_for"]

_FORMATS = {
    ".png": "png",
    ".exr": "exr",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".dpx": "dpx",
}
_NOT_PLAIN = re.compile(r"[^\w.-]+", re.ASCII)


@dataclass
class Sent:
    """How far a clip is.

    Attributes:
        chosen: whether it is opened as one whose files are sent.
        busy: whether one of them is on its way.
        tried: frames of which that is so, or was.
        files: by frame, once they were looked for.
    """

    chosen: bool = False
    busy: bool = False
    tried: set[int] = field(default_factory=set)
    files: dict[int, Path] = field(default_factory=dict)

    def read(self, plate: Path, frame: int) -> PutFrames:
        """What sends a frame; in any thread. ``FrameUnreadable`` if its file is not there."""
        try:
            self.files = self.files or _files(plate)
        except OSError as error:
            raise _unreadable(plate.parent, frame, error) from error
        if frame not in self.files:
            raise FrameUnreadable(f"'{plate.parent}' has no file of frame {frame}.", frame=frame)
        return request_for(self.files[frame], frame)


def clip_of_files(plate: Path, size: tuple[int, int]) -> SentClip:
    """The frames that there are.

    Args:
        plate: one of the files; or a movie.
        size: width and height.

    Raises:
        NotFound: files of that kind can't be sent.
    """
    ranges = list[tuple[int, int]]()
    for frame in _files(plate):
        if ranges and ranges[-1][1] == frame - 1:
            ranges[-1] = ranges[-1][0], frame
        else:
            ranges.append((frame, frame))
    if not ranges:
        raise NotFound(
            f"The engine can't read '{plate}', and it can't be sent.",
            hint="Put it where the engine can, or make it an image sequence: PNG, EXR, TIFF, "
            "JPEG, DPX.",
        )
    return SentClip(tuple(ranges), *size)


def request_for(path: Path, frame: int) -> PutFrames:
    """What sends the file of a frame; ``FrameUnreadable`` if it can't be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, frame, error) from error
    return PutFrames((FrameImage(frame, EncodedImage(_FORMATS[path.suffix.lower()], data)),))


def _unreadable(path: Path, frame: int, error: OSError) -> FrameUnreadable:
    return FrameUnreadable(f"'{path}' can't be read: {error.strerror}.", frame=frame)


def new_workspace(name: str) -> str:
    """A folder on the engine's machine that no other clip has."""
    return f"{_NOT_PLAIN.sub('_', name).strip('._')[:48] or 'clip'}-{secrets.token_hex(4)}"


def _files(plate: Path) -> dict[int, Path]:
    if plate.suffix.lower() not in _FORMATS:
        return {}
    names = files_of((one.name for one in plate.parent.iterdir()), plate.name)
    return {frame: plate.with_name(name) for frame, name in names.items()}
