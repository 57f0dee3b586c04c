# SPDX-License-Identifier: Apache-2.0
"""What one client may take of the engine: sessions, jobs, memory, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its own manual uses
import pytest

from engine_server.server import sessions, work, worker
from engine_server.server.answers import answer
from engine_server.server.answers_clips import put_frames
from engine_server.server.board import Board
from engine_server.server.gauges import all_gauges, engine_gauges, machine_memory
from engine_server.server.paths import WritablePlaces
from engine_server.server.pictures import matte_of
from engine_server.server.sessions import OpenSessions
from engine_server.server.work import Desk
from engine_server.server.worker import Worker
from engine_server.session.workspace import Clip
from engine_server.session.workspace.plates import SentPlate
from shared.codec import Envelope, new_id
from shared.errors import BadMask, BadPlate, Busy, PathRefused, UsageError
from shared.image import PathImage, RawImage
from shared.messages import (
    FrameImage,
    Gauges,
    GetMattes,
    Message,
    OpenClip,
    PathClip,
    PutFrames,
    Suggest,
)
from tests.unit.projects import FIRST, SHOT, open_project, painted_project

WHAT = "the matte of ball at frame 1"


class Sessions(OpenSessions):
    """One project, open already."""

    def __init__(self, project: Any) -> None:
        super().__init__(WritablePlaces(project.folder.path.parent), "cpu")
        self._open[project.header.id] = project


def desk(project: Any) -> Desk:
    jobs: dict[str, Any] = {}
    return Desk(
        Sessions(project),
        jobs,
        lambda job: jobs.update({job.id: job}),
        lambda session, event: None,
        lambda session: None,
    )


def asked(at: Desk, project: Any, message: Message) -> Any:
    return answer(at, Envelope(message, new_id(), session=project.header.id))[0]


def test_results_are_not_written_over_what_a_project_needs(tmp_path: Path) -> None:
    with painted_project(tmp_path) as project:
        places = WritablePlaces(tmp_path / "projects", [tmp_path])
        home = project.folder.path
        for file in ("project.json", "references/0003/1001_1.png", "x.png", "exports/../x.png"):
            with pytest.raises(PathRefused):
                places.check_export(home / file)
        (tmp_path / "link").symlink_to(home / "references")
        with pytest.raises(PathRefused):
            places.check_export(tmp_path / "link" / "0003" / "1001_1.png")
        places.check_export(home / "exports" / "x.png")
        places.check_export(tmp_path / "projects" / "out" / "x.png")


def test_an_answer_that_could_not_be_sent_is_refused_before_it_is_made(tmp_path: Path) -> None:
    with (
        painted_project(tmp_path) as project,
        mock.patch(
            "engine_server.server.answers_mattes.Limits",
            return_value=mock.Mock(total_bytes=30_000),
        ),
    ):
        at = desk(project)
        frame = (FIRST,)
        assert len(asked(at, project, GetMattes(frame, dtype="uint8")).mattes) == 2
        with pytest.raises(UsageError, match="don't fit"):
            asked(at, project, GetMattes(frame, dtype="float32"))
        assert asked(at, project, GetMattes(frame, dtype="float32", side=20)).mattes
        for form in ("path", "exr"):
            assert asked(at, project, GetMattes(frame, dtype="float32", form=form)).mattes


def test_jobs_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "MOST_JOBS", 2)
    with painted_project(tmp_path) as project:
        at = desk(project)
        for _ in range(2):
            asked(at, project, Suggest())
        with pytest.raises(Busy):
            asked(at, project, Suggest())


def test_sessions_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST_OPEN", 1)
    with open_project(tmp_path) as project:
        there = Sessions(project)
        wanted = OpenClip(PathClip(str(tmp_path / "plate")))
        assert there.open_clip(wanted) is project
        with pytest.raises(Busy):
            there.open_clip(OpenClip(PathClip(str(tmp_path / "plate")), workspace="other"))
        assert not (tmp_path / "projects" / "other").exists()


def test_a_session_that_is_refused_is_not_left_open(tmp_path: Path) -> None:
    with open_project(tmp_path) as project:
        name = project.folder.path.name
    there = OpenSessions(WritablePlaces(tmp_path / "projects"), "cpu")
    other = PathClip(str(tmp_path / "plate"), (FIRST, FIRST))
    with pytest.raises(UsageError, match="another clip"):
        there.open_clip(OpenClip(other, workspace=name))
    with pytest.raises(UsageError, match="another session"):
        there.attach("ab" * 16, name)
    assert list(there) == []


def test_a_lock_that_can_not_be_removed_ends_nothing(tmp_path: Path) -> None:
    with painted_project(tmp_path) as project:
        there = Sessions(project)
        with mock.patch.object(Path, "unlink", side_effect=PermissionError(13, "no")):
            there.close(project)
        assert list(there) == []


def test_a_small_window_on_a_huge_picture_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "bomb.exr"
    spec = oiio.ImageSpec(1000, 1000, 1, "half")
    spec.full_width, spec.full_height = SHOT.matte(0).shape[::-1]
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec)
    output.write_image(np.zeros((1000, 1000, 1), np.float32))
    output.close()
    with pytest.raises(BadMask, match="1000000 pixels"):
        matte_of(PathImage(str(path)), SHOT.matte(0).shape, WHAT)


def test_a_file_without_an_end_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "long.jpg"
    path.write_bytes(b"\xff\xd8\xff")
    with path.open("r+b") as file:
        file.truncate(1 << 31)
    with pytest.raises(BadMask, match="more than"):
        matte_of(PathImage(str(path)), (48, 80), WHAT)


def test_gauges_tell_of_each_session_and_of_all(tmp_path: Path) -> None:
    with painted_project(tmp_path) as project:
        project.propagate()
        whole = engine_gauges()
        assert 0 < whole.ram < whole.ram_budget < machine_memory()
        told = all_gauges([project], whole)
        assert told[project.header.id].permanent > 0
        assert told[""] == told[project.header.id]


def test_above_its_budget_of_memory_an_engine_drops_what_it_can_make_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with painted_project(tmp_path) as project:
        project.propagate()
        there, ram = Sessions(project), iter([2, 1])
        monkeypatch.setattr(
            worker, "engine_gauges", lambda: Gauges(ram=next(ram) * 10, ram_budget=15)
        )
        monkeypatch.setattr(worker, "GAUGE_GAP", -1)
        at = Worker(there, Board(), lambda client, envelope: None)
        kept = project._propagator._keys
        assert FIRST + 1 in kept
        at._publish()
        assert FIRST + 1 not in project._propagator._keys
        with pytest.raises(Busy, match="memory"):
            there.open_clip(OpenClip(PathClip(str(tmp_path / "plate")), workspace="other"))
        at._publish()
        assert not there.full
        assert project.propagate().done == []


def test_frames_that_came_before_one_that_is_refused_are_looked_at_again(tmp_path: Path) -> None:
    plate = SentPlate(Clip("plate", frames=((1, 2),), size=(2, 2)), tmp_path, "sent")
    project = mock.Mock(plate=plate)
    at = mock.Mock(project=lambda envelope: project)

    def put(*sides: int) -> None:
        pixels = [
            RawImage("uint8", (s, s, 3), ("R", "G", "B"), "srgb", bytes(s * s * 3)) for s in sides
        ]
        put_frames(at, mock.Mock(), PutFrames(tuple(map(FrameImage, (1, 2), pixels))))

    put(2)
    assert not project.forget_pictures.called
    with pytest.raises(BadPlate):
        put(2, 3)
    assert project.forget_pictures.called
