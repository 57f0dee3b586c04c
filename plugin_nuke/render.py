# SPDX-License-Identifier: Apache-2.0
"""Frames as EXR files, rendered by Nuke: at full resolution, whatever the proxy says."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nuke

from .graph import inner
from .shared.errors import Cancelled, FrameUnreadable
from .values import hidden_undo

__all__ = ["Renderer", "full_resolution", "matte_renderer", "plate_renderer"]

_CANCELLED = "Cancelled"  # how Nuke's own panels tell it from other errors: it has no class there


class Renderer:
    """Renders frames of one stream, each into a file that is gone after it was read.

    Args:
        write: the Write.
        folder: for the files.
        what: for errors, such as ``the plate``.
    """

    def __init__(self, write: nuke.Node, folder: Path, what: str) -> None:
        self._write, self._folder, self._what = write, folder, what

    def frame(self, frame: int) -> bytes:
        """The bytes of an EXR.

        Raises:
            Cancelled: the artist cancelled.
            FrameUnreadable: it can't be rendered, such as for a file that is missing.
        """
        try:
            nuke.execute(self._write, frame, frame, 1)
            file = self._folder / f"{frame}.exr"
            data = file.read_bytes()
            file.unlink()
        except (nuke.CancelledError, RuntimeError, OSError) as error:
            if isinstance(error, nuke.CancelledError) or str(error).startswith(_CANCELLED):
                raise Cancelled("The render was cancelled.", hint="What was sent stays.") from error
            raise FrameUnreadable(
                f"Frame {frame} of {self._what} can't be rendered: {error}.",
                frame=frame,
                hint="Look at what is connected; a Read can show missing frames as black.",
            ) from error
        return data


@contextmanager
def plate_renderer(group: nuke.Group) -> Iterator[Renderer]:
    """Renders what is connected to ``plate``: half float, scene-linear, nothing clamped."""
    with _rendering() as folder, group:
        write = _write(inner(group, "plate"), folder, "rgb", "16 bit half", "Zip (16 scanlines)")
        try:
            yield Renderer(write, folder, "the plate")
        finally:
            nuke.delete(write)


@contextmanager
def matte_renderer(group: nuke.Group, source: str, channel: str) -> Iterator[Renderer]:
    """Renders one channel of an input as the alpha of a picture of the plate's size."""
    with _rendering() as folder, group:
        inputs = [inner(group, "plate"), inner(group, source)]
        copy = nuke.nodes.Copy(inputs=inputs, from0=channel, to0="rgba.alpha")
        write = _write(copy, folder, "alpha", "32 bit float", "none")
        try:
            yield Renderer(write, folder, f"{source} ({channel})")
        finally:
            nuke.delete(write)
            nuke.delete(copy)


def _write(
    source: nuke.Node, folder: Path, channels: str, datatype: str, compression: str
) -> nuke.Node:
    write = nuke.nodes.Write(inputs=[source])
    for name, value in (
        ("file", f"{folder.as_posix()}/%d.exr"),
        ("channels", channels),
        ("file_type", "exr"),  # brings the two that follow
        ("datatype", datatype),
        ("compression", compression),
        ("raw", True),
        ("create_directories", True),
    ):
        write[name].setValue(value)
    return write


@contextmanager
def _rendering() -> Iterator[Path]:
    """No proxy, no step of undo, and a folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="xmempp-nuke-"))
    with full_resolution():
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def full_resolution() -> Iterator[None]:
    """The proxy is off meanwhile, and nothing of it is a step of undo."""
    proxy = nuke.root()["proxy"]
    before = proxy.value()
    with hidden_undo():
        try:
            proxy.setValue(False)
            yield
        finally:
            proxy.setValue(before)
