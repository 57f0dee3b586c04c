# SPDX-License-Identifier: Apache-2.0
"""What is painted: taken as it is, kept as it is, given back as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import pytest

from engine_server import FrameResult, Session
from shared.errors import BadMask, UnknownFrame, UnknownObject
from tests.drawn import draw_shot
from tests.unit.sessions import FIRST, NETWORKS, drawn_session, painted_session

SIZE = (48, 80)
EMPTY = np.zeros(SIZE, np.float32)


def bad(value: float) -> np.ndarray:
    matte = EMPTY.copy()
    matte[3, 4] = value
    return matte


@pytest.fixture
def session(tmp_path: Path) -> Session:
    session, _ = drawn_session(tmp_path)
    session.add_object("hero")
    return session


def test_a_reference_is_a_copy(session: Session) -> None:
    matte = EMPTY.copy()
    session.set_reference(FIRST, {1: matte})
    matte[:] = 1
    assert not session.references[FIRST][1].any()


def test_references_are_read_only(session: Session) -> None:
    session.set_reference(FIRST, {1: EMPTY})
    kept: Any = session.references
    with pytest.raises(ValueError, match="read-only"):
        kept[FIRST][1][0, 0] = 1
    with pytest.raises(TypeError):
        kept[FIRST][1] = EMPTY
    with pytest.raises(TypeError):
        kept[FIRST] = {}


@pytest.mark.parametrize("dtype", [bool, np.float16, np.float32, np.float64])
def test_booleans_and_floats_are_taken(session: Session, dtype: type) -> None:
    session.set_reference(FIRST, {1: (EMPTY + 1).astype(dtype)})
    assert session.references[FIRST][1].dtype == np.float32
    assert (session.references[FIRST][1] == 1).all()


def test_a_view_with_strides_is_taken(session: Session) -> None:
    wide = np.random.default_rng(0).random((SIZE[1], 2 * SIZE[0]), np.float32)
    session.set_reference(FIRST, {1: wide[:, ::2].T})
    assert np.array_equal(session.references[FIRST][1], wide[:, ::2].T)


@pytest.mark.parametrize(
    ("matte", "words"),
    [
        (np.zeros((SIZE[1], SIZE[0]), np.float32), r"48 x 80.*80 x 48"),
        (np.zeros((*SIZE, 1), np.float32), "1 x 80 x 48"),
        (np.zeros(5, np.float32), "is 5, the plate"),
        (np.zeros(SIZE, np.uint8), "boolean or float"),
        (np.zeros(SIZE, np.int64), "boolean or float"),
        (np.zeros(SIZE, np.complex64), "boolean or float"),
        (bad(np.nan), "outside of 0..1"),
        (bad(np.inf), "outside of 0..1"),
        (bad(1.01), "outside of 0..1"),
        (bad(-0.01), "outside of 0..1"),
    ],
)
def test_bad_mattes_are_refused_by_frame_and_object(
    session: Session, matte: np.ndarray, words: str
) -> None:
    session.set_reference(FIRST, {1: EMPTY})
    before = session.references[FIRST]
    with pytest.raises(BadMask, match=f"'hero' at frame {FIRST}.*{words}"):
        session.set_reference(FIRST, {1: matte})
    assert session.references[FIRST] is before


def test_a_reference_must_say_something_of_a_known_object_and_frame(session: Session) -> None:
    with pytest.raises(BadMask, match=str(FIRST)):
        session.set_reference(FIRST, {})
    with pytest.raises(UnknownObject, match="9"):
        session.set_reference(FIRST, {1: EMPTY, 9: EMPTY})
    with pytest.raises(UnknownFrame, match=r"no frame 7.*1001 to 1006"):
        session.set_reference(7, {1: EMPTY})
    assert not session.references


def test_painting_again_takes_the_place_of_what_was_painted(session: Session) -> None:
    session.add_object("sword")
    session.set_reference(FIRST, {1: EMPTY, 2: EMPTY})
    session.set_reference(FIRST, {1: EMPTY + 1})
    assert list(session.references[FIRST]) == [1]
    assert session.references[FIRST][1].all()


def test_a_reference_can_be_taken_back_once(session: Session) -> None:
    session.set_reference(FIRST, {1: EMPTY})
    session.remove_reference(FIRST)
    assert not session.references
    with pytest.raises(UnknownFrame, match=str(FIRST)):
        session.remove_reference(FIRST)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("size", [480, 24])
def test_a_soft_edge_comes_back_bit_by_bit(tmp_path: Path, network: str, size: int) -> None:
    session, shot = drawn_session(tmp_path, network=network, size=size)
    hero, other = session.add_object("hero"), session.add_object("other")
    noise = np.random.default_rng(0).random(SIZE, np.float32)
    soft = cv2.GaussianBlur(shot.matte(2), (0, 0), 3) * (0.5 + noise / 2)
    session.set_reference(FIRST + 2, {hero: soft})
    session.set_reference(FIRST + 4, {other: EMPTY})
    results: dict[int, FrameResult] = {}
    session.propagate(on_frame=lambda result: results.setdefault(result.frame, result))
    for given in (results[FIRST + 2].mattes[hero], session.matte(FIRST + 2, hero)):
        assert given.dtype == np.float32
        assert np.array_equal(given, soft)
    assert results[FIRST + 2].painted == {hero}
    assert results[FIRST + 2].confidence[hero] == 1
    assert not results[FIRST + 4].mattes[other].any()
    assert results[FIRST + 3].painted == frozenset()


def test_every_result_but_the_painted_comes_back_to_16_bits(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path)
    results: dict[int, FrameResult] = {}
    session.propagate(on_frame=lambda result: results.setdefault(result.frame, result))
    for frame, result in results.items():
        assert session.matte(frame, 1) == pytest.approx(result.mattes[1], abs=0.51 / 65535)
        assert dict(session.confidence(frame)) == result.confidence


def test_only_what_changed_is_encoded_again(tmp_path: Path) -> None:
    session, shot = painted_session(tmp_path, at=(0, 3, 5))
    with mock.patch.object(
        session.tracker, "add_reference", wraps=session.tracker.add_reference
    ) as encoded:
        session.propagate()
        assert [call.args[0] for call in encoded.call_args_list] == [FIRST, FIRST + 3, FIRST + 5]
        encoded.reset_mock()
        session.propagate()
        encoded.assert_not_called()
        session.set_reference(FIRST + 3, {1: shot.matte(3) * 0.5})
        session.propagate()
        assert [call.args[0] for call in encoded.call_args_list] == [FIRST + 3]
        encoded.reset_mock()
        session.remove_reference(FIRST)
        session.propagate()
        encoded.assert_not_called()
    assert set(session.tracker.memory.permanent.frames) == {FIRST + 3, FIRST + 5}


@pytest.mark.parametrize("network", NETWORKS)
def test_changes_end_where_a_fresh_session_would(tmp_path: Path, network: str) -> None:
    """Updating and removing references in any order leaves no trace of the old ones."""
    edited, shot = painted_session(tmp_path / "a", at=(0, 2, 5), network=network)
    edited.propagate()
    edited.set_reference(FIRST + 2, {1: EMPTY})
    edited.propagate(direction="backward")
    edited.remove_reference(FIRST)
    edited.set_reference(FIRST + 2, {1: shot.matte(2)})
    edited.propagate()
    fresh, _ = painted_session(tmp_path / "b", shot, at=(2, 5), network=network)
    fresh.propagate()
    for frame in fresh.plate.frames:
        assert edited.matte(frame, 1) == pytest.approx(fresh.matte(frame, 1), abs=2e-3)


@pytest.mark.parametrize("network", NETWORKS)
def test_not_told_is_not_the_same_as_not_seen(tmp_path: Path, network: str) -> None:
    shot = draw_shot(objects=2)
    session, _ = painted_session(tmp_path, shot, objects=(1, 2), network=network)
    told: dict[int, list[int]] = {}
    real = session.tracker.add_reference

    def spy(frame: int, picture: Any, mattes: dict[int, Any]) -> None:
        told[frame] = sorted(mattes)
        real(frame, picture, mattes)

    session.set_reference(FIRST + 2, {1: shot.matte(2)})
    session.set_reference(FIRST + 4, {1: shot.matte(4), 2: EMPTY})
    results: dict[int, FrameResult] = {}
    with mock.patch.object(session.tracker, "add_reference", spy):
        session.propagate(on_frame=lambda result: results.setdefault(result.frame, result))
    assert told == {FIRST: [1, 2], FIRST + 2: [1], FIRST + 4: [1, 2]}
    assert results[FIRST + 2].painted == {1}
    assert results[FIRST + 2].mattes[2].any()
    assert results[FIRST + 4].painted == {1, 2}
    assert not results[FIRST + 4].mattes[2].any()


@pytest.mark.parametrize("network", NETWORKS)
def test_an_object_may_be_told_late(tmp_path: Path, network: str) -> None:
    shot = draw_shot(objects=2)
    session, _ = painted_session(tmp_path, shot, network=network)
    session.propagate()
    late = session.add_object("late")
    session.set_reference(FIRST + 5, {late: shot.matte(5, 2)})
    report = session.propagate()
    assert report.done == list(session.plate.frames)
    assert session.matte(FIRST, late).shape == SIZE
    assert np.array_equal(session.matte(FIRST + 5, late), shot.matte(5, 2))
    assert np.array_equal(session.matte(FIRST, 1), shot.matte(0))
