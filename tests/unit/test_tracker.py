# SPDX-License-Identifier: Apache-2.0
"""The tracker with narrow networks: what it returns, when it memorises, what it depends on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor

from engine_server.memory import MemorySizes
from engine_server.network import LITE, MemoryConfig, NetworkConfig, XMem, aggregate
from engine_server.session.extent import Extent
from engine_server.session.tracker import Tracker
from tests.unit.tiny import (
    HEIGHT,
    TOKENS,
    WIDTH,
    WITH_HIDDEN,
    mattes,
    picture,
    prepared,
    tracker,
)

BOTH = pytest.mark.parametrize("config", [LITE, WITH_HIDDEN], ids=lambda config: config.name)
REFERENCES = (0, 4)


ALONE = MemoryConfig(working=False, top_k=None)


def with_references(config: NetworkConfig = WITH_HIDDEN, **options: Any) -> Tracker:
    """A tracker that has two references of two objects."""
    made = tracker(config, **options)
    for frame in REFERENCES:
        made.add_reference(frame, picture(frame), mattes(frame))
    return made


def sweep(made: Tracker, frames: Iterable[int], *, painted: Iterable[int] = REFERENCES) -> Tensor:
    """Probabilities of some frames, frame after frame."""
    made.restart()
    return torch.stack([made.step(picture(i), mattes(i) if i in painted else None) for i in frames])


@BOTH
def test_probabilities_have_the_pictures_size_and_sum_to_one(config: NetworkConfig) -> None:
    made = with_references(config).step(picture(1))
    assert made.shape == (3, HEIGHT, WIDTH)
    assert made.dtype == torch.float32
    assert made.min() >= 0
    assert (made.sum(0) - 1).abs().max() < 1e-5
    assert made[1:].std() > 0.01  # the test would see nothing in a flat picture


@BOTH
@pytest.mark.parametrize("soft", [0, 6])
def test_a_reference_frame_returns_what_is_painted(config: NetworkConfig, soft: float) -> None:
    painted = mattes(0, soft=soft)
    found = with_references(config).step(picture(0), painted)
    assert torch.equal(found, aggregate(torch.stack([painted[1], painted[2]]), 0))


@BOTH
def test_a_partly_told_reference_keeps_what_is_painted(config: NetworkConfig) -> None:
    painted = mattes(0, (2,), soft=6)
    free = with_references(config).step(picture(1))
    found = with_references(config).step(picture(1), painted)
    assert (found[2] - painted[2]).abs().max() < 0.51  # aggregation pulls at soft places only
    certain = (painted[2] == 0) | (painted[2] == 1)
    assert (found[2] - painted[2])[certain].abs().max() < 1e-4
    assert found[1][painted[2] == 1].max() < 1e-4
    outside = painted[2] == 0
    assert found[1][outside] == pytest.approx(found[1][outside], abs=1)
    assert (found[1][outside] > 0.01).any() == (free[1][outside] > 0.01).any()


@BOTH
def test_what_is_not_painted_is_predicted_beside_what_is(config: NetworkConfig) -> None:
    network, _ = prepared(config)
    painted = mattes(1, (2,))
    seen: list[Tensor] = []
    made = with_references(config)
    decode = network.decode

    def listening(*args: Any, **flags: Any) -> Any:
        hidden, logits = decode(*args, **flags)
        seen.append(torch.sigmoid(logits[0]))
        return hidden, logits

    made.network = _Other(network, decode=listening)  # type: ignore[assignment]
    found = made.step(picture(1), painted)
    top, left = (64 - HEIGHT) // 2, (80 - WIDTH) // 2
    predicted = seen[0][0, top : top + HEIGHT, left : left + WIDTH]
    expected = aggregate(torch.stack([predicted * (1 - painted[2]), painted[2]]), 0)
    torch.testing.assert_close(found, expected)


class _Other:
    """A network with some methods exchanged."""

    def __init__(self, network: XMem, **methods: Any) -> None:
        self._network = network
        self.__dict__.update(methods)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)


def test_painted_overlaps_leave_nothing_for_others() -> None:
    both = {obj: torch.full((HEIGHT, WIDTH), 0.75) for obj in (1, 2)}
    made = tracker(objects=(1, 2, 3))
    made.add_reference(0, picture(0), {**both, 3: mattes(0, (3,))[3]})
    nothing = torch.zeros(HEIGHT, WIDTH)
    expected = aggregate(torch.stack([both[1], both[2], nothing]), 0)
    torch.testing.assert_close(made.step(picture(1), both), expected)


@BOTH
def test_an_object_painted_as_absent_is_absent_there(config: NetworkConfig) -> None:
    nothing = torch.zeros(HEIGHT, WIDTH)
    found = with_references(config).step(picture(1), {1: nothing})
    assert found[1].max() < 1e-4


@BOTH
def test_planes_come_in_the_order_of_the_objects(config: NetworkConfig) -> None:
    forward = sweep(with_references(config, objects=(1, 2)), range(4))
    backward = sweep(with_references(config, objects=(2, 1)), range(4))
    torch.testing.assert_close(forward, backward[:, [0, 2, 1]], atol=1e-4, rtol=0)


@BOTH
def test_mattes_of_other_objects_are_not_looked_at(config: NetworkConfig) -> None:
    plain, more = tracker(config), tracker(config)
    plain.add_reference(0, picture(0), mattes(0))
    more.add_reference(0, picture(0), mattes(0, (9, 2, 1)))
    assert torch.equal(plain.step(picture(1)), more.step(picture(1), mattes(1, (9,))))
    assert plain.memory.sizes == more.memory.sizes


@BOTH
def test_a_restarted_sweep_gives_the_same_again(config: NetworkConfig) -> None:
    made = with_references(config)
    first = sweep(made, range(9))
    assert torch.equal(first, sweep(made, range(9)))
    assert made.memory.sizes.permanent == 2 * TOKENS


def test_with_permanent_memory_alone_frames_do_not_depend_on_each_other() -> None:
    made = with_references(LITE, memory=ALONE)
    frames = sweep(made, range(6))
    shuffled = sweep(made, (5, 2, 0, 4, 1, 3))
    assert torch.equal(frames[[5, 2, 0, 4, 1, 3]], shuffled)
    assert made.memory.sizes == MemorySizes(0, 2 * TOKENS, 0)


def test_hints_of_any_size_are_shown() -> None:
    made = with_references(LITE)
    plain = made.step(picture(5))
    made.restart()
    hints = torch.zeros(2, 4, HEIGHT, WIDTH)
    torch.testing.assert_close(made.step(picture(5), None, hints), plain)
    made.restart()
    hints[0, :2] = 1
    shown = made.step(picture(5), None, hints)
    assert shown.shape == plain.shape
    assert (shown - plain).abs().max() > 1e-4


def test_with_permanent_memory_alone_a_painted_frame_is_not_encoded() -> None:
    made = with_references(LITE, memory=ALONE)
    made.network = _Other(made.network, encode_key=None)  # type: ignore[assignment]
    assert made.step(picture(0), mattes(0)).shape == (3, HEIGHT, WIDTH)


def test_frames_with_a_hidden_state_depend_on_each_other() -> None:
    made = with_references()
    assert not torch.equal(sweep(made, [1, 2, 3])[2], sweep(made, [2, 1, 3])[2])


@pytest.mark.parametrize(
    ("every", "painted", "memorised"),
    [
        (1, (0,), (1, 2, 3, 4, 5)),
        (2, (0,), (2, 4, 6)),
        (3, (0,), (3, 6)),
        (3, (0, 4), (3, 7)),
        (2, (), (2, 4, 6)),
        (2, (3,), (2, 5, 7)),
    ],
)
@BOTH
def test_frames_are_memorised_at_intervals_since_the_last(
    config: NetworkConfig, every: int, painted: tuple[int, ...], memorised: tuple[int, ...]
) -> None:
    settings = MemoryConfig(memory_every=every, max_frames=60)
    made, written = with_references(config, memory=settings), []
    made.restart()
    for frame in range(max(memorised) + 1):
        before = made.memory.sizes.working
        made.step(picture(frame), mattes(frame) if frame in painted else None)
        written += [frame] if made.memory.sizes.working > before else []
    assert tuple(written) == memorised
    assert made.memory.sizes == MemorySizes(TOKENS * len(memorised), 2 * TOKENS, 0)


def test_the_last_frame_is_not_memorised() -> None:
    made = with_references(memory=MemoryConfig(memory_every=1))
    made.step(picture(0))
    made.step(picture(1), last=True)
    assert made.memory.sizes.working == 0


def test_last_changes_nothing_of_the_frame_itself() -> None:
    one, other = with_references(), with_references()
    for frame in range(3):
        assert torch.equal(one.step(picture(frame), last=frame == 2), other.step(picture(frame)))


def test_a_partly_told_reference_is_not_memorised_as_a_prediction() -> None:
    made = with_references(memory=MemoryConfig(memory_every=1))
    made.step(picture(0))
    made.step(picture(1), mattes(1, (1,)))
    assert made.memory.sizes.working == 0
    made.step(picture(2))
    assert made.memory.sizes.working == TOKENS


def test_an_object_without_any_reference_is_not_invented() -> None:
    made = tracker()
    made.add_reference(0, picture(0), mattes(0, (1,)))
    with pytest.raises(KeyError):
        made.step(picture(1))


@BOTH
def test_bfloat16_runs_and_agrees_roughly(config: NetworkConfig) -> None:
    exact = sweep(with_references(config), range(6))
    rough = sweep(with_references(config, dtype=torch.bfloat16), range(6))
    assert rough.dtype == torch.float32
    assert rough.isfinite().all()
    assert (rough - exact).abs().mean() < 0.05


@BOTH
def test_features_are_those_of_the_padded_picture(config: NetworkConfig) -> None:
    made = with_references(config)
    features = made.features(picture(0))
    assert features.key.shape == (1, config.key_dim, 4, 5)
    stored = made.memory.permanent.parts()[0]
    assert torch.equal(features.key[0].flatten(1).T, stored.key)
    assert torch.equal(features.shrinkage[0].flatten(1).T, stored.shrinkage)
    assert torch.equal(features.selection[0].flatten(1).T, stored.selection)


def test_cost_of_memory_is_bounded_over_a_long_sweep() -> None:
    made = with_references()
    sweep(made, range(30))
    assert made.memory.sizes.working < 3 * TOKENS
    assert made.memory.sizes.long_term <= WITH_HIDDEN.memory.max_long_term


def test_a_tracker_alone_has_no_size_to_choose() -> None:
    assert tracker(LITE).aim(Extent.of({0: {1: mattes(0)[1].numpy()}})) is False


def test_a_sweep_goes_on_unless_it_is_said_to_end() -> None:
    made = with_references(LITE)
    plan = made.plan()
    assert plan.memorise or plan.update
    plan = made.plan(last=True)
    assert not plan.memorise
    assert not plan.update


@pytest.mark.parametrize("working", [True, False])
@BOTH
def test_what_depends_on_the_past(config: NetworkConfig, working: bool) -> None:
    made = tracker(config, memory=MemoryConfig(working=working, top_k=None))
    assert made.depends_on_past is (working or config.recurrent)


def test_all_of_a_reference_is_remembered_near_objects_and_a_quarter_elsewhere() -> None:
    made, near = tracker(WITH_HIDDEN), torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    near[:16, :32] = True  # the upper left; the picture is padded to 4 x 5 places, 2 above
    made.add_reference(0, picture(0), mattes(0), near)
    made.add_reference(1, picture(1), mattes(1))
    counts = [len(tokens) for tokens in made.memory.permanent.parts()]
    assert counts[1] == TOKENS
    assert TOKENS // 4 < counts[0] < TOKENS


def test_with_every_place_near_nothing_is_left_out() -> None:
    thinned, whole = tracker(WITH_HIDDEN), tracker(WITH_HIDDEN)
    thinned.add_reference(0, picture(0), mattes(0), torch.ones(HEIGHT, WIDTH, dtype=torch.bool))
    whole.add_reference(0, picture(0), mattes(0))
    assert torch.equal(thinned.step(picture(1)), whole.step(picture(1)))


def test_predictions_are_memorised_at_fewer_places_far_from_objects() -> None:
    made = with_references()
    made.restart()
    counts = []
    for near in (None, torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)):
        plan = dataclasses.replace(made.plan(), memorise=True)
        found = made.see(picture(1), None, None, plan, near)
        assert found.tokens is not None
        counts.append(len(found.tokens))
    assert counts == [TOKENS, 6]  # of 4 x 5 places
