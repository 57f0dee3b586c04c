# SPDX-License-Identifier: Apache-2.0
"""Sessions on drawn clips, opened without reading weights again and again."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable
from pathlib import Path
from unittest import mock

from engine_server import Session
from engine_server.media import Plate, open_plate
from engine_server.network import XMem
from engine_server.network.state import load_model
from engine_server.network.weights import resolve
from tests.drawn import Shot, draw_shot, write_plate
from tests.unit import tiny

__all__ = [
    "FIRST",
    "NETWORKS",
    "drawn_session",
    "network_named",
    "painted_session",
    "session_on",
]

FIRST = 1001
NETWORKS = ("lite", "tiny")
"""``lite`` has no hidden state; ``tiny`` has one, like XMem."""


@functools.cache
def network_named(name: str) -> XMem:
    """One of `NETWORKS`, made once; to be copied."""
    return load_model(resolve("lite")) if name == "lite" else tiny.built(tiny.WITH_HIDDEN)


def session_on(plate: Plate | Path, *, network: str = "lite", size: int = 480) -> Session:
    """A session without objects, on the CPU."""
    opened = open_plate(plate) if isinstance(plate, Path) else plate
    with mock.patch(
        "engine_server.session.session.load_model",
        side_effect=lambda path: copy.deepcopy(network_named(network)),
    ):
        return Session(opened, model="lite", device="cpu", size=size)


def drawn_session(
    folder: Path, shot: Shot | None = None, *, network: str = "lite", size: int = 480
) -> tuple[Session, Shot]:
    """A session on a drawn shot that begins at frame 1001."""
    shot = shot or draw_shot()
    return session_on(write_plate(folder, shot.pictures), network=network, size=size), shot


def painted_session(
    folder: Path,
    shot: Shot | None = None,
    *,
    at: Iterable[int] = (0,),
    objects: Iterable[int] = (1,),
    network: str = "lite",
    size: int = 480,
) -> tuple[Session, Shot]:
    """The same with objects, and references at some positions in the clip."""
    session, shot = drawn_session(folder, shot, network=network, size=size)
    ids = [session.add_object(f"object {obj}", obj=obj) for obj in objects]
    for index in at:
        session.set_reference(FIRST + index, {obj: shot.matte(index, obj) for obj in ids})
    return session, shot
