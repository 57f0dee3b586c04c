# SPDX-License-Identifier: Apache-2.0
"""Edits that follow the undo of a host, with a small engine that has a history."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.client import Client
from shared.codec import Envelope
from shared.connection import read_connection
from shared.errors import BadMask, NoReferences, UsageError
from shared.messages import (
    GetSession,
    JobDone,
    LockFrames,
    Propagate,
    Reply,
)
from shared.steps import SteppedShot
from shared.tick import tick

from .pumping import QUICK
from .router import Router, state
from .stepped import Desk, Engine, SteppedHost


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    router = Router(tmp_path)
    engine, host = Engine(router), SteppedHost()
    with Client(lambda: read_connection(tmp_path / "connection.json"), timing=QUICK) as client:
        shot = SteppedShot(client, host)
        shot.open()
        desk = Desk(host, shot, client, engine)
        desk.until(lambda: shot.state is not None and client.idle)
        yield desk
    router.stop()


def test_edits_go_back_and_come_again(desk: Desk) -> None:
    one, two, three = desk.lock(), desk.lock(), desk.lock()
    desk.go(-2)  # nothing of it was answered yet
    desk.settle()
    assert (desk.engine.done, desk.engine.undone) == ([one], [three, two])
    desk.go(1)
    desk.settle()
    assert desk.engine.done == [one, two]
    four = desk.lock()
    desk.settle()
    assert desk.engine.done == [one, two, four]
    desk.go(-3)
    desk.settle()
    assert desk.engine.done == []
    assert not desk.host.errors


def test_other_steps_of_the_host_are_not_the_engines(desk: Desk) -> None:
    desk.host.push()
    desk.lock()
    desk.host.push()
    desk.settle()
    words = [*desk.engine.router.types()]
    desk.go(-1)
    desk.go(1)
    desk.settle()
    assert desk.engine.router.types() == words


def test_an_edit_that_fails_is_no_step(desk: Desk) -> None:
    def wrong(_: Envelope) -> Reply:
        raise BadMask("It is upside down.")

    one, right = desk.lock(), desk.engine.router.answers[LockFrames]
    desk.settle()
    desk.engine.router.answers[LockFrames] = wrong
    desk.lock()
    desk.settle()
    desk.engine.router.answers[LockFrames] = right
    desk.go(-1)
    desk.settle()
    assert desk.engine.done == [one]
    desk.go(-1)
    desk.settle()
    assert desk.engine.done == []
    desk.go(2)
    desk.settle()
    assert desk.engine.done == [one]
    assert len(desk.host.errors) == 1


def test_what_is_still_made_is_waited_for(desk: Desk) -> None:
    said: list[str] = []

    def prepare() -> Callable[[], object]:
        return lambda: said.append("made")

    step = desk.shot.begin(prepare, lambda: said.append("gone"))
    desk.host.push()
    two = desk.lock()
    desk.go(-2)
    for _ in range(20):
        tick(desk.client, [desk.shot], 0.002)
    assert not desk.engine.done
    assert not desk.shot.settled
    desk.shot.give(step, LockFrames(((1001, 1001),)))
    desk.settle()
    assert desk.engine.undone == [two, step.token]
    desk.go(1)
    desk.settle()
    assert desk.engine.done == [step.token]
    assert said == ["made", "gone", "made"]
    left = desk.shot.begin()
    desk.host.push()
    desk.shot.leave(left)
    desk.go(-1)
    desk.settle()
    assert desk.engine.done == [step.token]


def test_what_was_undone_before_it_was_known_is_begun_anew(desk: Desk) -> None:
    step = desk.shot.begin()
    desk.host.push()

    def again() -> None:
        assert desk.shot.is_there(step)
        desk.shot.give(step, LockFrames(((1001, 1001),)))

    assert desk.shot.is_there(step)
    desk.go(-1)
    assert not desk.shot.is_there(step)
    desk.shot.put_off(step, again)
    desk.settle()
    assert not desk.engine.words
    for _ in range(2):  # once it is asked for, it goes and comes as any other
        desk.go(1)
        desk.settle()
        assert desk.engine.done == [step.token]
        desk.go(-1)
        desk.settle()
        assert desk.engine.undone == [step.token]
    assert len(desk.engine.words) == 4


def test_what_others_did_stays(desk: Desk) -> None:
    """A sentence tells so, once; what is done from there on goes back as always."""
    one = desk.lock()
    desk.settle()
    desk.engine.done.append("theirs")
    desk.go(-1)
    desk.settle()
    assert desk.engine.done == [one, "theirs"]
    assert "Something else" in str(desk.host.errors.pop())
    for by in (1, -1, 1):
        desk.go(by)
        desk.settle()
    two = desk.lock()
    desk.settle()
    assert desk.engine.done == [one, "theirs", two]
    desk.go(-1)
    desk.settle()
    desk.go(-1)
    desk.settle()
    assert desk.engine.done == [one, "theirs"]
    assert not desk.host.errors


def test_what_waits_as_others_are_in_the_way_is_still_done(desk: Desk) -> None:
    """Such as when the host does an edit again with another value."""
    one = desk.lock()
    desk.settle()
    desk.engine.done.append("theirs")
    desk.go(-1)
    two = desk.lock()
    desk.settle()
    assert desk.engine.done == [one, "theirs", two]
    assert len(desk.host.errors) == 1
    desk.go(-1)
    desk.settle()
    assert desk.engine.done == [one, "theirs"]


def test_undo_in_the_engine_does_not_confuse_it(desk: Desk) -> None:
    one, two = desk.lock(), desk.lock()
    desk.settle()
    desk.shot.undo()
    desk.settle()
    assert desk.engine.done == [one]
    desk.go(-1)
    desk.settle()
    assert desk.engine.done == [one]
    desk.go(-1)
    desk.settle()
    assert desk.engine.done == []
    desk.go(2)
    desk.settle()
    assert desk.engine.done == [one, two]
    assert not desk.host.errors


def test_a_running_job_is_ended_first(desk: Desk) -> None:
    desk.shot.propagate()
    desk.host.push()
    with pytest.raises(UsageError, match="running"):
        desk.shot.propagate()
    desk.until(lambda: desk.shot.job is not None and desk.shot.job.job != "")
    job = desk.host.step[:16]
    desk.go(-1)
    desk.until(lambda: "cancel" in desk.engine.words)
    desk.shot.propagate(Propagate(direction="backward"))  # adjusted: it waits for that
    desk.host.push()
    with pytest.raises(UsageError, match="running"):
        desk.shot.propagate()
    for _ in range(20):
        tick(desk.client, [desk.shot], 0.002)
    assert desk.engine.words == ["propagate", "cancel"]
    desk.engine.router.tell(JobDone(job, "propagate", (), cancelled=True))
    desk.until(lambda: desk.engine.words[2:] == ["undo", "propagate"])
    assert desk.engine.done == [desk.host.step]
    desk.until(lambda: desk.shot.job is not None and desk.shot.job.job == desk.host.step[:16])


def unpainted(desk: Desk) -> None:
    """Nothing was given yet."""
    desk.engine.router.answers[GetSession] = lambda _: state()
    assert desk.shot.state is not None
    desk.shot.state = dataclasses.replace(desk.shot.state, references=())


def test_a_job_waits_for_the_first_reference(desk: Desk) -> None:
    """While it is made, and until the session is known to have it; not once it is undone."""
    unpainted(desk)
    step = desk.shot.begin(paints=True)
    desk.host.push()
    desk.go(-1)
    for begin in (desk.shot.propagate, desk.shot.suggest):
        with pytest.raises(NoReferences, match="Nothing is painted yet"):
            begin()
    desk.go(1)
    desk.shot.propagate()
    desk.host.push()
    for _ in range(20):
        tick(desk.client, [desk.shot], 0.002)
    assert not desk.engine.done
    desk.shot.give(step, LockFrames(((1001, 1001),)))
    desk.until(lambda: desk.engine.done == [step.token, desk.host.step])
    assert not desk.host.errors


@pytest.mark.parametrize("by_engine", [False, True])
def test_a_job_ends_with_the_reference_that_it_waited_for(desk: Desk, *, by_engine: bool) -> None:
    """The sentence that tells why is not replaced by another."""

    def wrong(_: Envelope) -> Reply:
        raise BadMask("It is upside down.")

    unpainted(desk)
    step = desk.shot.begin(paints=True)
    desk.host.push()
    desk.shot.suggest()
    desk.host.push()
    if by_engine:
        desk.engine.router.answers[LockFrames] = wrong
        desk.shot.give(step, LockFrames(((1001, 1001),)))
    else:
        desk.shot.leave(step)
    desk.settle()
    assert not desk.engine.words
    assert "suggest" not in desk.engine.router.types()
    assert desk.shot.job is None
    assert [str(error) for error in desk.host.errors] == ["It is upside down."] * by_engine
    desk.go(-2)
    desk.go(2)
    desk.settle()
    assert not desk.engine.done


def test_a_job_comes_again_with_the_reference_that_it_waited_for(desk: Desk) -> None:
    """Both were undone before it was known what to give."""
    unpainted(desk)
    step = desk.shot.begin(paints=True)
    desk.host.push()
    desk.shot.propagate()
    desk.host.push()
    desk.go(-2)
    desk.shot.put_off(step, lambda: desk.shot.give(step, LockFrames(((1001, 1001),))))
    desk.settle()
    assert not desk.engine.words
    desk.go(2)
    desk.until(lambda: desk.engine.done == [step.token, desk.host.step])
    assert not desk.host.errors


def test_candidates_come_and_go_with_their_search(desk: Desk) -> None:
    for found in ((1003,), (1004, 1005)):
        desk.shot.suggest()
        desk.host.push()
        desk.engine.found = found
        desk.until(lambda: desk.shot.job is not None and desk.shot.job.job != "")
        desk.engine.router.tell(JobDone(desk.host.step[:16], "suggest", ()))
        desk.until(lambda found=found: desk.host.markers == found)
    for by, seen in ((-1, (1003,)), (-1, ()), (1, (1003,)), (1, (1004, 1005))):
        desk.go(by)
        desk.settle()
        assert desk.host.markers == seen
    assert "undo" not in desk.engine.words


def test_where_nothing_is_known_nothing_is_done(desk: Desk) -> None:
    """A file that was opened, or a branch of the host's undo that was left."""
    one = desk.lock()
    desk.settle()
    desk.host.step = "ab" * 16
    desk.shot.follow()
    desk.settle()
    assert desk.engine.done == [one]
    desk.host.stack, desk.host.at = [desk.host.step], 0
    two = desk.lock()
    desk.settle()
    desk.go(-1)
    desk.settle()
    assert (desk.engine.done, desk.engine.undone) == ([one], [two])
    desk.host.step = one
    desk.shot.follow()
    desk.settle()
    assert desk.engine.done == [one]


def test_what_waits_is_asked_for_as_the_clip_is_left(desk: Desk) -> None:
    """Nothing that the artist did is lost, and nothing comes of what is not made yet."""
    one = desk.lock()
    desk.shot.begin()
    desk.host.push()
    two = desk.lock()
    desk.go(-1)
    desk.shot.propagate()
    desk.shot.close()
    assert desk.shot.settled
    desk.until(lambda: desk.client.idle)
    assert (desk.engine.done, desk.engine.undone) == ([one], [two])


def test_a_mistake_of_the_host_ends_its_turn(desk: Desk) -> None:
    def made() -> None:
        raise RuntimeError("no screen")

    step = desk.shot.begin(lambda: made)
    desk.host.push()
    desk.shot.give(step, LockFrames(((1001, 1001),)))
    two = desk.lock()
    with pytest.raises(RuntimeError, match="no screen"):
        desk.settle()
    desk.settle()
    assert desk.engine.done == [step.token, two]
    assert step.request is None, "a large one is not kept"
