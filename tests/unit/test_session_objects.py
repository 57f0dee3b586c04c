# SPDX-License-Identifier: Apache-2.0
"""Objects of a session: ids, names, coming and going."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine_server import Session
from shared.errors import NoReferences, UnknownFrame, UnknownObject, UsageError
from tests.drawn import draw_shot
from tests.unit.sessions import FIRST, NETWORKS, drawn_session, painted_session


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return drawn_session(tmp_path)[0]


def test_ids_are_the_lowest_free_ones_or_those_asked_for(session: Session) -> None:
    assert session.add_object("hero") == 1
    assert session.add_object("sword", obj=3) == 3
    assert session.add_object("cape") == 2
    assert session.add_object("horse") == 4
    assert dict(session.objects) == {1: "hero", 3: "sword", 2: "cape", 4: "horse"}


def test_a_free_id_is_given_again(session: Session) -> None:
    session.add_object("hero")
    session.add_object("sword")
    session.remove_object(1)
    assert session.add_object("cape") == 1


@pytest.mark.parametrize("obj", [0, -1, 256, 1])
def test_ids_out_of_range_or_taken_are_refused(session: Session, obj: int) -> None:
    session.add_object("hero")
    with pytest.raises(UsageError, match=f"id {obj} "):
        session.add_object("sword", obj=obj)
    assert list(session.objects) == [1]


def test_there_are_255_ids(session: Session) -> None:
    for i in range(1, 256):
        assert session.add_object(f"object {i}") == i
    with pytest.raises(UsageError):
        session.add_object("one too many")


@pytest.mark.parametrize("name", ["", "  ", "hero"])
def test_names_are_unique_and_not_empty(session: Session, name: str) -> None:
    session.add_object("hero")
    other = session.add_object("sword")
    with pytest.raises(UsageError, match="name"):
        session.add_object(name)
    with pytest.raises(UsageError, match="name"):
        session.rename_object(other, name)
    assert dict(session.objects) == {1: "hero", 2: "sword"}


def test_renaming_keeps_the_id(session: Session) -> None:
    hero = session.add_object("hero")
    session.rename_object(hero, "hero")
    session.rename_object(hero, "Held, 日本")
    assert dict(session.objects) == {hero: "Held, 日本"}
    assert session.add_object("hero") == 2


def test_unknown_objects_are_named(session: Session) -> None:
    for call in (
        lambda: session.remove_object(7),
        lambda: session.rename_object(7, "x"),
        lambda: session.matte(FIRST, 7),
    ):
        with pytest.raises(UnknownObject, match="7"):
            call()


def test_objects_can_only_be_changed_by_the_session(session: Session) -> None:
    with pytest.raises(TypeError):
        session.objects[1] = "hero"  # type: ignore[index]


@pytest.mark.parametrize("network", ["lite", "tiny"])
def test_removing_an_object_keeps_the_others(tmp_path: Path, network: str) -> None:
    shot = draw_shot(objects=2)
    session, _ = painted_session(tmp_path, shot, objects=(1, 2), network=network)
    session.set_reference(FIRST + 3, {1: shot.matte(3)})
    session.propagate()
    kept = session.matte(FIRST + 2, 2)
    session.remove_object(1)
    assert dict(session.objects) == {2: "object 2"}
    assert {frame: list(told) for frame, told in session.references.items()} == {FIRST: [2]}
    assert np.array_equal(session.matte(FIRST + 2, 2), kept)
    assert list(session.confidence(FIRST + 2)) == [2]
    seen = []
    session.propagate(on_frame=lambda result: seen.append(list(result.mattes)))
    assert seen == [[2]] * 6


@pytest.mark.parametrize("network", NETWORKS)
def test_a_removed_object_is_as_if_never_painted(tmp_path: Path, network: str) -> None:
    """Its neighbours' values saw it among the other objects: they are encoded anew."""
    shot = draw_shot(objects=2)
    session, _ = painted_session(tmp_path / "a", shot, at=(0, 5), objects=(1, 2), network=network)
    session.propagate()
    session.remove_object(1)
    session.propagate()
    never, _ = painted_session(tmp_path / "b", shot, at=(0, 5), objects=(2,), network=network)
    never.propagate()
    assert session.tracker.memory.sizes == never.tracker.memory.sizes
    for frame in session.plate.frames:
        assert np.array_equal(session.matte(frame, 2), never.matte(frame, 2))


def test_a_removed_object_leaves_nothing_to_a_new_one_of_its_id(tmp_path: Path) -> None:
    session, shot = painted_session(tmp_path, objects=(1,))
    session.propagate()
    session.remove_object(1)
    session.add_object("another", obj=1)
    with pytest.raises(UnknownFrame):
        session.matte(FIRST + 1, 1)
    with pytest.raises(NoReferences):
        session.propagate()
    session.set_reference(FIRST + 5, {1: shot.matte(5)})
    assert session.candidates(3) == []  # no other frame has a matte any more
