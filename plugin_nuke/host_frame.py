# SPDX-License-Identifier: Apache-2.0
"""From Nuke to the wire: the plate, as the Read's own files or as frames that are rendered."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

import nuke

from . import colour, ranges
from .reads import plain_read, shift, span, stem
from .render import full_resolution, plate_renderer
from .shared.errors import Cancelled, FrameUnreadable, UsageError, XmemppError
from .shared.image import EncodedImage
from .shared.messages import FrameImage, OpenClip, PathClip, PutFrames, SentClip
from .values import number, path, text, whole

__all__ = ["Frames", "Put", "clip_message", "own_files", "plate_name", "plate_source"]

Stop = Callable[[int, int], bool]
"""Told how many frames of how many are done; whether the artist wants to stop."""

Put = Callable[[PutFrames, Callable[[], bool]], object]
"""Sends frames and waits until they are on the engine's disk, or the artist wants to stop."""


def clip_message(group: nuke.Group, workspace: str) -> OpenClip:
    """Where the plate is, and how it is to be opened.

    Args:
        group: the node.
        workspace: name of the folder that the engine keeps the shot in.

    Raises:
        UsageError: nothing is connected, or the range has no frames.
    """
    read = own_files(group)
    files = None if read is None else _path_clip(read)
    return OpenClip(
        files or _sent_clip(group),
        name=plate_name(group),
        workspace=workspace,
        space=colour.space_of_read(group, read) if read else colour.space_of_render(group),
        exposure=number(group, "exposure"),
        model=text(group, "model") or None,
        size=whole(group, "size"),
    )


def plate_name(group: nuke.Group) -> str:
    """The name of the plate's file without its number, or that of the node."""
    read = own_files(group)
    return (stem(read) if read is not None else "") or str(group.name())


def plate_source(group: nuke.Group) -> str:
    """What the engine gets the plate from, in words: a pattern of files, or a render."""
    read = own_files(group)
    if read is None:
        return "what Nuke renders"
    by = shift(read)
    return f"{path(read, 'file')} {f'shifted by {by}' if by else ''}".strip()


def own_files(group: nuke.Group) -> nuke.Node | None:
    """The Read whose files are just what the plate shows; None if anything lies between."""
    return None if text(group, "plate_as") == "rendered" else plain_read(group.input(0))


def _path_clip(read: nuke.Node) -> PathClip:
    return PathClip(path(read, "file"), range=span(read), offset=shift(read) or 0)


def _sent_clip(group: nuke.Group) -> SentClip:
    plate = group.input(0)
    if plate is None:
        raise UsageError("No plate is connected.", hint="Connect it to the input 'plate'.")
    with full_resolution():
        known, size = plate.frameRange(), plate.format()
        width, height = int(size.width()), int(size.height())
    whole_clip = (int(known.first()), int(known.last()))
    first, last = ranges.wanted(group, [whole_clip])
    frames = (min(first, whole_clip[0]), max(last, whole_clip[1]))
    return SentClip((frames,), width, height)


class Frames:
    """The frames of a clip that is sent.

    Args:
        put: sends them.
    """

    def __init__(self, put: Put) -> None:
        self._put = put
        self.missing: set[int] | None = None

    def send(
        self, group: nuke.Group, wanted: Iterable[int], progress: Callable[[], Stop]
    ) -> list[XmemppError]:
        """Renders and sends those that the engine lacks.

        Args:
            group: the node.
            wanted: frames.
            progress: makes a bar; what it gives is called before each frame.

        Returns:
            an error for each frame that can't be rendered; the others are sent.

        Raises:
            Cancelled: the artist cancelled; what was sent stays.
        """
        lacking = sorted((self.missing or set()) & {*wanted})
        if not lacking:
            return []
        failed: list[XmemppError] = []
        stop = progress()
        with plate_renderer(group) as renderer:
            for done, frame in enumerate(lacking):
                stopped = functools.partial(stop, done, len(lacking))
                if stopped():
                    raise Cancelled("Sending the plate was cancelled.", hint="Nothing is lost.")
                try:
                    data, space = renderer.frame(frame), colour.space_of_render(group)
                    image = FrameImage(frame, EncodedImage("exr", data, space))
                    self._put(PutFrames((image,)), stopped)
                    self.missing = (self.missing or set()) - {frame}
                except FrameUnreadable as error:
                    failed.append(error)
        return failed
