# SPDX-License-Identifier: Apache-2.0
"""Adapting to a shot: what helps is taken, what harms is refused and leaves no trace."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from engine_server import Session
from engine_server.network import XMem
from engine_server.network.eight_bits import bytes_multiply
from engine_server.network.inference import Runtime
from engine_server.session import Adaptation, Budget, Preparation, adapt
from engine_server.session.project import Project
from engine_server.session.pupil import Pupil, Recipe
from shared.errors import NoReferences, UsageError
from tests.drawn import damage, draw_shot
from tests.unit.sessions import FIRST, painted_session

STEPS = Budget(1, steps=8)
AT = (0, 3, 5)
GENTLE = Recipe(parts=("pred",), rate=0.1, side=48)
HARMFUL = Recipe(rate=10.0, side=48)


def fitting_with(recipe: Recipe) -> object:
    return mock.patch(
        "engine_server.session.propagator.fit", functools.partial(adapt.fit, recipe=recipe)
    )


def painted(
    folder: Path, *, at: tuple[int, ...] = AT, dull: float = 0.0, network: str = "lite"
) -> Session:
    """A session; with ``dull`` its network finds objects everywhere or nowhere."""
    session, _ = painted_session(folder, draw_shot(), at=at, network=network)
    propagator = session._propagator
    load = propagator._load

    def dulled() -> XMem:
        loaded = load()
        loaded.decoder.pred.bias.data += dull
        return loaded

    propagator._load = dulled
    propagator._begin((Runtime(torch.device("cpu"), torch.float32), 48))
    return session


@pytest.mark.skipif(not bytes_multiply(), reason="no processor that multiplies bytes")
def test_what_was_learnt_counts_in_eight_bits_too(tmp_path: Path) -> None:
    session = painted(tmp_path, dull=4.0)
    session._propagator._begin((Runtime(torch.device("cpu"), torch.float32, eight_bits=True), 48))
    before = mattes(session)
    assert run(session).accepted
    assert session.tracker.network.takes_bytes
    assert np.abs(mattes(session) - before).max() > 0.1


def mattes(session: Session) -> np.ndarray:
    session.propagate(flow=False)
    return np.stack([session.matte(frame, 1) for frame in session.plate.frames])


def numbers(session: Session) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in session.tracker.network.decoder.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def run(session: Session, recipe: Recipe = GENTLE, budget: Budget = STEPS) -> Adaptation:
    with fitting_with(recipe):  # type: ignore[attr-defined]
        adaptation = session.adapt(budget)
    assert adaptation is not None
    return adaptation


def test_what_helps_is_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    session, shot = painted(tmp_path, dull=4.0), draw_shot()
    truth = np.stack([shot.matte(i) for i in range(6)])
    before = np.abs(mattes(session) - truth).mean()
    tokens = session.tracker.memory.permanent.parts()
    with caplog.at_level(logging.INFO):
        adaptation = run(session)
    assert adaptation.accepted
    assert "adapted: references left out" in caplog.text
    assert set(adaptation.before) == set(adaptation.after) == {FIRST + i for i in AT}
    assert np.mean(list(adaptation.after.values())) > np.mean(list(adaptation.before.values()))
    assert adaptation.steps == 8
    assert np.abs(mattes(session) - truth).mean() < before
    assert session.tracker.memory.permanent.parts() == tokens  # not encoded again


def test_what_harms_is_refused_without_a_trace(tmp_path: Path) -> None:
    session = painted(tmp_path)
    before, network = mattes(session), session.tracker.network
    adaptation = run(session, HARMFUL)
    assert not adaptation.accepted
    assert "not better" in adaptation.reason
    assert session.tracker.network is network
    assert np.array_equal(mattes(session), before)


def test_an_adaptation_begins_from_the_weights_file(tmp_path: Path) -> None:
    session = painted(tmp_path, dull=4.0)
    before = numbers(session)
    assert run(session).accepted
    first = numbers(session)
    assert not same(first, before)
    assert run(session).accepted
    assert same(numbers(session), first)
    assert not run(session, HARMFUL).accepted
    assert same(numbers(session), before)


def test_it_goes_along_to_another_device(tmp_path: Path) -> None:
    session = painted(tmp_path, dull=4.0)
    run(session)
    adapted = numbers(session)
    session._propagator._begin((Runtime(torch.device("cpu"), torch.float32), 40))
    assert same(numbers(session), adapted)


def test_the_seed_decides(tmp_path: Path) -> None:
    states = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        session = painted(tmp_path / name, dull=4.0)
        torch.rand(7)  # what others draw does not matter
        assert run(session, budget=Budget(1, steps=8, seed=seed)).accepted
        states.append(numbers(session))
    assert same(states[0], states[1])
    assert not same(states[0], states[2])


def test_a_reference_is_judged_by_networks_that_never_saw_it(tmp_path: Path) -> None:
    session, seen = painted(tmp_path, dull=4.0), set()
    learn, score, checked = Pupil.learn, Pupil.score, []

    def spy_learn(self: Pupil, known: list[int], *rest: int) -> Iterator[int]:
        seen.clear()
        for frame in learn(self, known, *rest):
            seen.add(frame)
            yield frame

    def spy_score(self: Pupil, frame: int, known: list[int]) -> float | None:
        assert frame not in known
        assert frame not in seen
        checked.append(frame)
        return score(self, frame, known)

    with mock.patch.multiple(Pupil, learn=spy_learn, score=spy_score):
        run(session)
    assert sorted(checked) == sorted(2 * [FIRST + i for i in AT])
    assert seen == {FIRST + i for i in AT}  # in the end it learns from all


def test_one_reference_can_not_be_checked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    session = painted(tmp_path, at=(0,))
    with caplog.at_level(logging.INFO):
        adaptation = session.adapt(Budget(30))
    assert adaptation == Adaptation(False, adaptation.reason)
    assert "not adapted: it takes two references" in caplog.text
    with pytest.raises(NoReferences):
        painted(tmp_path / "nothing", at=()).adapt(STEPS)


def test_references_of_different_objects_tell_nothing_of_each_other(tmp_path: Path) -> None:
    session, shot = painted_session(tmp_path, draw_shot(objects=2), at=(), objects=(1, 2))
    for index, obj in ((0, 1), (5, 2)):
        session.set_reference(FIRST + index, {obj: shot.matte(index, obj)})
    assert "no reference tells" in run(session).reason


def test_objects_painted_on_some_frames_only(tmp_path: Path) -> None:
    session, shot = painted_session(tmp_path, draw_shot(objects=2), at=AT, objects=(1, 2))
    session.set_reference(FIRST + 3, {1: shot.matte(3, 1)})
    assert len(run(session, budget=Budget(1, steps=3)).after) == 3


def test_a_reference_whose_picture_is_damaged_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session = painted(tmp_path, at=(0, 5))
    damage(session.plate.path(FIRST + 5))
    assert "two references" in run(session).reason
    assert f"frame {FIRST + 5} can't be used" in caplog.text


@pytest.mark.parametrize("stage", ["references", "flow", "adapt"])
def test_cancelling_changes_nothing(tmp_path: Path, stage: str) -> None:
    session = painted(tmp_path, dull=4.0)
    before, network, told = mattes(session), session.tracker.network, []

    def cancelled() -> bool:
        return bool(told) and told[-1].stage == stage

    with fitting_with(GENTLE):  # type: ignore[attr-defined]
        assert session.adapt(STEPS, on_preparation=told.append, cancelled=cancelled) is None
    assert told[-1].stage == stage
    assert session.tracker.network is network
    assert np.array_equal(mattes(session), before)


def test_all_work_is_told_of(tmp_path: Path) -> None:
    session, told = painted(tmp_path, dull=4.0), list[Preparation]()
    with fitting_with(GENTLE):  # type: ignore[attr-defined]
        session.adapt(STEPS, on_preparation=told.append)
    steps = [work for work in told if work.stage == "adapt"]
    assert [work.done for work in steps] == list(range(1, 33))  # three folds and the whole
    assert {work.total for work in steps} == {32}
    assert {work.stage for work in told} == {"references", "flow", "adapt"}


def test_time_is_kept(tmp_path: Path) -> None:
    """By a clock on which each look at it is a second later."""
    session = painted(tmp_path, dull=4.0)
    now = [0.0]

    def later() -> float:
        now[0] += 1
        return now[0]

    with mock.patch.object(adapt.time, "monotonic", later):
        adaptation = run(session, budget=Budget(50))
        assert adapt.LEAST_STEPS <= adaptation.steps < 50
        assert adaptation.seconds <= 55  # what is done after the last look takes some, too
        hurried = run(session, budget=Budget(12))
    assert "not enough time" in hurried.reason
    assert (hurried.after, hurried.steps) == ({}, 0)


def test_of_many_references_an_even_choice_is_looked_at(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path, draw_shot(30), at=range(0, 30, 2))
    found = adapt._examples(session.plate, session.scaling, session.references)
    frames = [example.frame for example in found]
    assert len(frames) == adapt.MAX_REFERENCES
    assert (frames[0], frames[-1]) == (FIRST, FIRST + 28)
    assert set(np.diff(frames)) <= {2, 4}


def test_time_that_is_over_is_a_refusal_before_and_after_a_fit(tmp_path: Path) -> None:
    session = painted(tmp_path, dull=4.0)
    assert "is not enough time" in run(session, budget=Budget(1e-6)).reason
    left = mock.PropertyMock(side_effect=[30.0] * 14 + [-1.0] * 99)
    with mock.patch.object(adapt._Clock, "left", left):
        adaptation = run(session, budget=Budget(30))
    assert "was not enough time" in adaptation.reason
    assert not adaptation.accepted
    assert adaptation.steps


def test_a_project_keeps_to_the_network_that_its_recipes_name() -> None:
    with pytest.raises(UsageError, match="project"):
        Project.adapt(mock.Mock(), STEPS)


def test_a_network_with_memories_of_all_kinds_can_be_fitted(tmp_path: Path) -> None:
    session = painted(tmp_path, network="tiny")
    adaptation = run(session)
    assert len(adaptation.after) == 3
    assert all(0 <= score <= 1 for score in adaptation.after.values())


def test_too_little_memory_is_a_refusal(tmp_path: Path) -> None:
    session = painted(tmp_path)
    broken = mock.patch.object(Pupil, "score", side_effect=MemoryError)
    with broken:
        assert "not enough memory" in run(session).reason
    broken = mock.patch.object(Pupil, "score", side_effect=RuntimeError("shapes differ"))
    with broken, pytest.raises(RuntimeError, match="shapes differ"):
        run(session)
    assert session.propagate(flow=False).done  # the session can go on


@pytest.mark.parametrize(
    ("gains", "beside", "accepted"),
    [
        ([0.02, 0.01, 0.015], 0.006, True),
        ([0.02, 0.01, 0.015], 0.004, False),  # what is easy gains too little
        ([0.02, 0.01, 0.015], -0.002, False),  # or gets worse
        ([0.03], 0.01, True),
        ([-0.02, -0.01], 0.01, False),
        ([0.001, 0.001, 0.001], 0.01, False),  # too little
        ([0.10, -0.05, -0.03], 0.01, False),  # one of them is not all
        ([math.nan, 0.1], 0.01, False),
        ([0.1, 0.1], math.nan, False),
    ],
)
def test_what_counts_as_better(gains: list[float], beside: float, accepted: bool) -> None:
    frames = range(len(gains))
    before = adapt.Scores(dict.fromkeys(frames, 0.8), dict.fromkeys(frames, 0.9))
    far = {frame: 0.8 + gain for frame, gain in enumerate(gains)}
    after = adapt.Scores(far, dict.fromkeys(frames, 0.9 + beside))
    assert adapt.verdict(before, after)[0] is accepted


@pytest.mark.parametrize(("seconds", "steps"), [(0, None), (math.inf, None), (1, 0)])
def test_a_budget_that_is_none(seconds: float, steps: int | None) -> None:
    with pytest.raises(UsageError):
        Budget(seconds, steps)
