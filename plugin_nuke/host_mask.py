# SPDX-License-Identifier: Apache-2.0
"""From Nuke to the wire: what is painted, rendered from the node's inputs."""

from __future__ import annotations

from collections.abc import Sequence

import nuke

from . import sources
from .exr import is_black
from .graph import input_names
from .render import matte_renderer
from .shared.errors import BadMask
from .shared.image import EncodedImage
from .shared.messages import ObjectInfo, PaintedMatte
from .sources import Source

__all__ = ["painted"]


def painted(
    group: nuke.Group, frame: int, objects: Sequence[ObjectInfo]
) -> tuple[PaintedMatte, ...]:
    """The mattes of a frame; nothing is told of an object whose matte is black there.

    Raises:
        BadMask: an object's matte comes from nowhere, or an input that is not connected.
        FrameUnreadable: a matte can't be rendered.
    """
    kept = sources.read(group)
    found = []
    for info in objects:
        if info.object not in kept:  # left out, what was painted of it would be replaced by nothing
            raise BadMask(
                f"Nothing says where the matte of '{info.name}' is painted.",
                hint="Choose that object, then say it by Matte From.",
            )
        data = _rendered(group, frame, info.name, kept[info.object])
        if not is_black(data):
            image = EncodedImage("exr", data, "data")
            found.append(PaintedMatte(info.object, "painted", image))
    return tuple(found)


def _rendered(group: nuke.Group, frame: int, name: str, source: Source) -> bytes:
    _check(group, name, source)
    with matte_renderer(group, source.input, source.channel) as renderer:
        return renderer.frame(frame)


def _check(group: nuke.Group, name: str, source: Source) -> None:
    names = input_names(group)
    if source.input not in names or group.input(names.index(source.input) + 1) is None:
        raise BadMask(
            f"The matte of '{name}' comes from '{source.input}', where nothing is connected.",
            hint="Connect it, or choose another by Matte From.",
        )
    if source.channel not in nuke.channels():
        raise BadMask(
            f"The matte of '{name}' comes from the channel '{source.channel}', which is not there.",
            hint="Choose another by Matte From.",
        )
