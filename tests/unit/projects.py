# SPDX-License-Identifier: Apache-2.0
"""Projects on drawn clips, opened without reading weights again and again."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from engine_server.session.project import Project
from engine_server.session.workspace import Clip, ProjectFolder, Workspace
from tests.drawn import Shot, draw_shot, write_plate
from tests.unit.sessions import FIRST, network_named

__all__ = ["FIRST", "SHOT", "only_folder", "open_project", "painted_project"]

SHOT = draw_shot(6, objects=2)


@contextlib.contextmanager
def open_project(folder: Path, *, network: str = "lite", shot: Shot = SHOT) -> Iterator[Project]:
    """The project of a drawn clip in ``folder``; made where it is not there."""
    plate = folder / "plate"
    if not plate.exists():
        write_plate(plate, shot.pictures)
    with (
        _networks(network),
        contextlib.closing(
            Project.of_clip(
                Workspace(folder / "projects"), Clip(str(plate)), model="lite", device="cpu"
            )
        ) as project,
    ):
        yield project


@contextlib.contextmanager
def painted_project(folder: Path, *, network: str = "lite") -> Iterator[Project]:
    """The same with two objects, painted on the first frame."""
    with open_project(folder, network=network) as project:
        for obj in (1, 2):
            project.add_object(f"object {obj}", obj=obj)
        project.set_reference(FIRST, {obj: SHOT.matte(0, obj) for obj in (1, 2)})
        yield project


def only_folder(folder: Path) -> ProjectFolder:
    """The folder of the one project there is."""
    (found,) = Workspace(folder / "projects").projects()
    return found


@contextlib.contextmanager
def _networks(network: str) -> Iterator[None]:
    def load(path: Path) -> object:
        return copy.deepcopy(network_named(network))

    with (
        mock.patch("engine_server.session.session.load_model", side_effect=load),
        mock.patch("engine_server.session.project.load_model", side_effect=load),
    ):
        yield
