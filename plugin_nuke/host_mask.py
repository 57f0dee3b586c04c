# SPDX-License-Identifier: Apache-2.0
"""From Nuke to the wire: what is painted, as a Read's own file or rendered from an input."""

from __future__ import annotations

from collections.abc import Sequence

import nuke

from . import exr, sources
from .graph import input_names
from .own_matte import OwnMatte, own_matte
from .render import matte_renderer
from .shared.errors import BadMask
from .shared.image import EncodedImage
from .shared.messages import ObjectInfo, PaintedMatte
from .sources import Source
from .values import hidden_undo, put, text

__all__ = ["painted"]


def painted(
    group: nuke.Group, frame: int, objects: Sequence[ObjectInfo], size: tuple[int, int]
) -> tuple[PaintedMatte, ...]:
    """The mattes of a frame; nothing is told of an object whose matte is black there.

    Args:
        group: the node.
        frame: the script's own number.
        objects: all of the shot.
        size: width and height of the plate.

    Raises:
        BadMask: an object's matte comes from nowhere, or an input that is not connected.
        FrameUnreadable: a matte can't be rendered.
    """
    kept = sources.read(group)
    found, told = [], []
    for info in objects:
        if info.object not in kept:  # left out, what was painted of it would be replaced by nothing
            raise BadMask(
                f"Nothing says where the matte of '{info.name}' is painted.",
                hint="Choose that object, then say it by Matte From.",
            )
        _check(group, info.name, kept[info.object])
        image, how = _matte(group, frame, kept[info.object], size)
        told.append(f"{info.name}: {how}" if image else f"{info.name}: black, not sent")
        if image is not None:
            found.append(PaintedMatte(info.object, "painted", image))
    with hidden_undo():
        put(group, "sent_as", "; ".join(told))
    return tuple(found)


def _matte(
    group: nuke.Group, frame: int, source: Source, size: tuple[int, int]
) -> tuple[EncodedImage | None, str]:
    """The picture, None where it is black, and how it was got, in words."""
    try:
        own = _own(group, frame, source, size)
    except ValueError as why:
        with matte_renderer(group, source.input, source.channel) as renderer:
            data = renderer.frame(frame)
        image = None if exr.is_black(data) else EncodedImage("exr", data, "data")
        return image, f"rendered, as {why}"
    return None if own.is_black else own.image, f"{own.file.name} as it is"


def _own(group: nuke.Group, frame: int, source: Source, size: tuple[int, int]) -> OwnMatte:
    if text(group, "plate_as") == "rendered":
        raise ValueError("the knob 'send' says so")
    return own_matte(_connected(group, source), source.channel, frame, size)


def _connected(group: nuke.Group, source: Source) -> nuke.Node | None:
    names = input_names(group)
    return group.input(names.index(source.input) + 1) if source.input in names else None


def _check(group: nuke.Group, name: str, source: Source) -> None:
    if _connected(group, source) is None:
        raise BadMask(
            f"The matte of '{name}' comes from '{source.input}', where nothing is connected.",
            hint="Connect it, or choose another by Matte From.",
        )
    if source.channel not in nuke.channels():
        raise BadMask(
            f"The matte of '{name}' comes from the channel '{source.channel}', which is not there.",
            hint="Choose another by Matte From.",
        )
