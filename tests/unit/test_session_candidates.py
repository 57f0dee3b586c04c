# SPDX-License-Identifier: Apache-2.0
"""Which frame to paint next, asked of a session."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from engine_server import Session
from engine_server.session.propagation import FrameResult
from shared.errors import BadMask, NoReferences, UnknownFrame, UsageError
from tests.drawn import Shot, damage, draw_shot
from tests.unit.sessions import FIRST, NETWORKS, drawn_session, painted_session

FRAMES = list(range(FIRST, FIRST + 6))


def told_session(folder: Path, shot: Shot | None = None, **options: object) -> Session:
    """A painted session whose true mattes are known on every frame."""
    session, shot = painted_session(folder, shot, **options)  # type: ignore[arg-type]
    for index, frame in enumerate(session.plate.frames):
        session.load_mattes(frame, {1: shot.matte(index)})
    return session


def test_no_candidate_is_painted_and_all_others_come_if_wanted(tmp_path: Path) -> None:
    session = told_session(tmp_path, at=(1, 4))
    chosen = session.candidates(100)
    assert sorted(chosen) == [1001, 1003, 1004, 1006]
    assert session.candidates(2) == chosen[:2]
    assert session.candidates(2) == session.candidates(2)


def test_painting_a_candidate_changes_what_comes_next(tmp_path: Path) -> None:
    session = told_session(tmp_path)
    first, second, *_ = session.candidates(3)
    session.set_reference(first, {1: session.matte(first, 1)})
    assert session.candidates(1) == [second]


def test_frames_without_a_matte_are_not_considered(tmp_path: Path) -> None:
    session, shot = painted_session(tmp_path)
    assert session.candidates() == []
    session.propagate(frames=(1003, 1004))
    session.load_mattes(1003, {1: shot.matte(2)})
    session.load_mattes(1004, {1: shot.matte(3)})
    assert sorted(session.candidates()) == [1003, 1004]


def test_frames_that_cant_be_read_are_passed_over(tmp_path: Path) -> None:
    session = told_session(tmp_path)
    damage(tmp_path / "plate.1003.png")
    looked_at: list[int] = []
    chosen = session.candidates(9, on_frame=looked_at.append)
    assert looked_at == [frame for frame in FRAMES if frame != 1003]
    assert sorted(chosen) == [1002, 1004, 1005, 1006]


def test_frames_with_too_little_of_the_object_are_passed_over(tmp_path: Path) -> None:
    session = told_session(tmp_path)
    session.load_mattes(1003, {1: np.zeros((48, 80), np.float32)})
    assert 1003 not in session.candidates(9)
    assert 1003 in session.candidates(9, min_mask_presence=0)
    assert session.candidates(9, min_mask_presence=100) == []


def test_any_object_makes_a_frame_present(tmp_path: Path) -> None:
    shot = draw_shot(objects=2)
    session, _ = painted_session(tmp_path, shot, objects=(1, 2))
    empty = np.zeros(shot.size, np.float32)
    session.load_mattes(1002, {1: empty, 2: shot.matte(1, 2)})
    session.load_mattes(1003, {1: empty, 2: empty})
    assert session.candidates() == [1002]


def test_frames_that_told_of_a_removed_object_only(tmp_path: Path) -> None:
    shot = draw_shot(objects=2)
    session = told_session(tmp_path, shot)
    session.add_object("block", obj=2)
    session.set_reference(FIRST, {2: shot.matte(0, 2)})
    session.remove_object(1)
    assert session.candidates() == []


@pytest.mark.parametrize("network", NETWORKS)
def test_frames_just_propagated_are_not_read_again(tmp_path: Path, network: str) -> None:
    session, _ = painted_session(tmp_path, at=(1,), network=network)
    session.propagate()
    fresh, _ = painted_session(tmp_path, at=(1,), network=network)
    for frame in FRAMES:
        fresh.load_mattes(frame, {1: session.matte(frame, 1)})
    with mock.patch.object(session.tracker, "features", wraps=session.tracker.features) as asked:
        chosen = session.candidates(9)
        assert session.candidates(9) == chosen
        assert asked.call_count == 0
    assert chosen == fresh.candidates(9)


def test_no_keys_are_kept_of_results_that_are_not(tmp_path: Path) -> None:
    session, shot = painted_session(tmp_path)
    session.propagate(keep=False)
    session.load_mattes(FIRST + 3, {1: shot.matte(3)})
    with mock.patch.object(session.tracker, "features", wraps=session.tracker.features) as asked:
        session.candidates()
    assert asked.call_count == 2


def test_keys_of_another_size_are_dropped(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path)
    session.propagate()
    session._propagator._begin((session.runtime, 32))
    with mock.patch.object(session.tracker, "features", wraps=session.tracker.features) as asked:
        session.candidates()
    assert asked.call_count == 6


def test_asking_between_two_steps_leaves_what_is_remembered(tmp_path: Path) -> None:
    shot = draw_shot(height=120, width=200, radius=0.3)
    session, _ = painted_session(tmp_path, shot)
    session.propagate()
    expected = [session.matte(frame, 1) for frame in FRAMES[1:]]
    speck = np.zeros((120, 200), np.float32)
    speck[10:14, 10:14] = 1  # so small that the next propagation has to look more closely

    def asked(result: FrameResult) -> None:
        session.set_reference(FIRST, {1: speck})
        session.candidates(1)

    session.propagate(on_frame=asked)
    found = [session.matte(frame, 1) for frame in FRAMES[1:]]
    assert all(map(np.array_equal, found, expected))


def test_nonsense_is_refused(tmp_path: Path) -> None:
    session, _ = drawn_session(tmp_path)
    session.add_object("hero")
    with pytest.raises(NoReferences):
        session.candidates()
    session.set_reference(FIRST, {1: np.ones((48, 80), bool)})
    for arguments in ({"k": 0}, {"k": -1}, {"alpha": 1.1}, {"alpha": -0.1}, {"alpha": np.nan}):
        with pytest.raises(UsageError):
            session.candidates(**arguments)
    with pytest.raises(UnknownFrame):
        session.load_mattes(7, {1: np.ones((48, 80), bool)})
    with pytest.raises(BadMask):
        session.load_mattes(FIRST, {1: np.ones((4, 8), bool)})
