# SPDX-License-Identifier: Apache-2.0
"""The plate of a project: a part of one on disk, or frames that were sent one by one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from engine_server.media import Plate, open_plate, read_image
from engine_server.media.image import ImageUnreadableError
from shared.errors import FrameUnreadable, UnknownFrame

from .disk import write_durably
from .folder import Clip, ProjectFolder

__all__ = ["SENT", "SentPlate", "WindowPlate", "open_clip"]

SENT = "plate"
"""What `Clip.source` is for a clip that is sent frame by frame."""


def open_clip(clip: Clip, folder: ProjectFolder) -> Plate:
    """Opens the plate of a clip; raises what `open_plate` raises."""
    if clip.source == SENT:
        return SentPlate(clip, folder.plate, folder.path.name)
    plate = open_plate(clip.source, view=clip.view)
    if clip.range is None and clip.offset == 0:
        return plate
    return WindowPlate(plate, clip)


class WindowPlate(Plate):
    """Frames of another plate, within a range and with numbers of their own.

    Args:
        inner: what it shows; closed together with this one.
        clip: its range, in the numbers of this plate, and the offset to the inner numbers.

    Raises:
        UnknownFrame: the range has no frame of the plate.
    """

    def __init__(self, inner: Plate, clip: Clip) -> None:
        self._inner, self._offset = inner, clip.offset
        numbers = [frame + clip.offset for frame in inner.frames]
        first, last = clip.range or (numbers[0], numbers[-1])
        frames = tuple(frame for frame in numbers if first <= frame <= last)
        if not frames:
            raise UnknownFrame(
                f"No frame of {inner.name} lies in {first} to {last}.",
                hint=f"The plate has frames {numbers[0]} to {numbers[-1]}.",
            )
        super().__init__(
            name=inner.name,
            frames=frames,
            size=inner.size,
            view=clip.view,
            warnings=inner.warnings,
        )

    def stem(self, frame: int) -> str:
        """As the inner plate calls it."""
        return self._inner.stem(frame - self._offset)

    def path(self, frame: int) -> Path:
        """The file that holds a frame."""
        return self._inner.path(frame - self._offset)

    def close(self) -> None:
        """Closes the inner plate."""
        self._inner.close()

    def _load(self, frame: int) -> tuple[NDArray[Any], str]:
        try:
            return self._inner._load(frame - self._offset)
        except FrameUnreadable as error:
            raise FrameUnreadable(error.message, frame=frame, hint=error.hint) from error


class SentPlate(Plate):
    """Frames that a client sends; those that did not come yet can't be read.

    Args:
        clip: tells which frames there will be, and of what size.
        folder: where they are kept, one file each, named by frame number.
        name: of the plate.
    """

    def __init__(self, clip: Clip, folder: Path, name: str) -> None:
        frames = (frame for first, last in clip.frames for frame in range(first, last + 1))
        super().__init__(
            name=name, frames=tuple(sorted(set(frames))), size=clip.size, view=clip.view
        )
        self.folder = folder
        self._files = _numbered(folder)

    @property
    def absent(self) -> Sequence[int]:
        """Frames that did not come yet, rising."""
        return [frame for frame in self.frames if frame not in self._files]

    def stem(self, frame: int) -> str:
        """The frame number."""
        return str(frame)

    def path(self, frame: int) -> Path:
        """The file of a frame; ``UnknownFrame`` for one that the clip has not."""
        if frame not in self._present:
            raise UnknownFrame(f"'{self.name}' has no frame {frame}.", hint=self._range_hint())
        return self._files.get(frame, self.folder / f"{frame}.png")

    def take(self, frame: int, data: bytes, ending: str) -> bool:
        """Keeps the file of a frame, in place of one that came before; it is on disk then.

        Args:
            frame: its number.
            data: a whole picture file, checked by the caller.
            ending: of the file's name, such as ``.png``.

        Returns:
            whether there was one before.

        Raises:
            UnknownFrame, DiskFull, OutputUnwritable.
        """
        old, new = self.path(frame), self.folder / f"{frame}{ending}"
        write_durably(new, data)
        again = frame in self._files
        self._files[frame] = new
        self.forget_views()
        if old != new:
            old.unlink(missing_ok=True)
        return again

    def _load(self, frame: int) -> tuple[NDArray[Any], str]:
        path = self._files.get(frame)
        if path is None:
            raise FrameUnreadable(
                f"Frame {frame} was not sent yet.", frame=frame, hint="Send it, then go on."
            )
        try:
            image = read_image(path)
        except (ImageUnreadableError, OSError) as error:
            raise FrameUnreadable(
                f"Frame {frame} ('{path}') can't be read: {error}.",
                frame=frame,
                hint="Send that frame again.",
            ) from error
        return image.rgb(), image.encoding


def _numbered(folder: Path) -> dict[int, Path]:
    """Files named by a frame number; the newer of two, where a crash left both."""
    files = [path for path in folder.glob("[!.]*") if path.stem.lstrip("-").isdecimal()]
    files.sort(key=lambda path: path.stat().st_mtime_ns)
    return {int(path.stem): path for path in files}
