# SPDX-License-Identifier: Apache-2.0
"""References may be edited in any order: mistakes of the reference implementation, not made here.

Each test compares a tracker whose references were edited with one that was only ever told
the final state. Equal means equal in every bit.
"""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from engine_server.network import LITE, NetworkConfig
from engine_server.session.tracker import Tracker
from tests.unit.tiny import TOKENS, WITH_HIDDEN, mattes, picture, tracker

pytestmark = pytest.mark.parametrize("config", [LITE, WITH_HIDDEN], ids=lambda config: config.name)


def told(config: NetworkConfig, references: dict[int, int]) -> Tracker:
    """A tracker with references; each is painted as at another frame, to tell versions apart."""
    made = tracker(config)
    for frame, version in references.items():
        made.add_reference(frame, picture(frame), mattes(version))
    return made


def swept(made: Tracker) -> Tensor:
    """Probabilities of some frames, none of them painted."""
    made.restart()
    return torch.stack([made.step(picture(frame)) for frame in range(20, 25)])


@pytest.mark.parametrize("frame", [0, 5, 9])
def test_updating_a_reference_changes_that_one_only(config: NetworkConfig, frame: int) -> None:
    references = {0: 0, 5: 5, 9: 9}
    made = told(config, references)
    before = swept(made)
    made.add_reference(frame, picture(frame), mattes(15))
    after = swept(made)
    assert made.memory.sizes.permanent == 3 * TOKENS
    assert torch.equal(after, swept(told(config, {**references, frame: 15})))
    assert not torch.equal(after, before)


@pytest.mark.parametrize("frame", [0, 5, 9])
def test_a_removed_reference_was_never_there(config: NetworkConfig, frame: int) -> None:
    references = {0: 0, 5: 5, 9: 9}
    made = told(config, references)
    made.memory.remove_reference(frame)
    left = {at: version for at, version in references.items() if at != frame}
    assert made.memory.sizes.permanent == 2 * TOKENS
    assert torch.equal(swept(made), swept(told(config, left)))


@pytest.mark.parametrize(("removed", "updated"), list(itertools.permutations((0, 5, 9), 2)))
def test_after_a_removal_the_others_are_still_found(
    config: NetworkConfig, removed: int, updated: int
) -> None:
    made = told(config, {0: 0, 5: 5, 9: 9})
    made.memory.remove_reference(removed)
    made.add_reference(updated, picture(updated), mattes(15))
    left = {at: 15 if at == updated else at for at in (0, 5, 9) if at != removed}
    assert torch.equal(swept(made), swept(told(config, left)))


def test_a_reference_may_be_edited_during_a_sweep(config: NetworkConfig) -> None:
    made = told(config, {0: 0, 5: 5})
    swept(made)
    made.memory.remove_reference(0)
    made.add_reference(7, picture(7), mattes(7))
    assert torch.equal(swept(made), swept(told(config, {5: 5, 7: 7})))


def test_an_object_may_be_seen_first_in_a_later_reference(config: NetworkConfig) -> None:
    made = tracker(config)
    made.add_reference(0, picture(0), mattes(0, (1,)))
    made.add_reference(5, picture(5), mattes(5, (1, 2)))
    probabilities = swept(made)
    assert probabilities.shape[1] == 3
    assert probabilities.isfinite().all()
    assert made.memory.sizes.permanent == 2 * TOKENS


def test_an_earlier_reference_says_nothing_of_a_later_object(config: NetworkConfig) -> None:
    both, alone = tracker(config, (2,)), tracker(config, (2,))
    made = tracker(config)
    made.add_reference(0, picture(0), mattes(0, (1,)))
    for one in (made, both, alone):
        one.add_reference(5, picture(5), mattes(5, (1, 2)))
    both.memory.put_reference(0, made.memory.permanent.parts()[0])  # tells of object 1 only
    assert torch.equal(swept(both), swept(alone))


def test_not_seen_is_told_and_differs_from_not_told(config: NetworkConfig) -> None:
    silent, empty = tracker(config), tracker(config)
    absent = {**mattes(0, (1,)), 2: torch.zeros_like(mattes(0, (1,))[1])}
    silent.add_reference(0, picture(0), mattes(0, (1,)))
    empty.add_reference(0, picture(0), absent)
    for one in (silent, empty):
        one.add_reference(5, picture(5), mattes(5))
    flags = [one.memory.permanent.parts()[0].told.keys() for one in (silent, empty)]
    assert flags == [{1}, {1, 2}]
    assert silent.memory.sizes == empty.memory.sizes
    assert not torch.equal(swept(silent), swept(empty))


def test_a_soft_edge_is_one_object_and_its_softness_is_used(config: NetworkConfig) -> None:
    soft, hard = tracker(config, (1,)), tracker(config, (1,))
    matte = mattes(0, (1,), soft=8)
    soft.add_reference(0, picture(0), matte)
    hard.add_reference(0, picture(0), {1: (matte[1] > 0.5).float()})
    assert soft.memory.sizes.permanent == TOKENS
    assert swept(soft).shape[1] == 2
    assert not torch.equal(swept(soft), swept(hard))


def test_the_last_of_several_references_of_one_frame_counts(config: NetworkConfig) -> None:
    made = told(config, {3: 3})
    for version in (8, 1, 12):
        made.add_reference(3, picture(3), mattes(version))
    assert made.memory.sizes.permanent == TOKENS
    assert made.memory.permanent.frames == (3,)
    assert torch.equal(swept(made), swept(told(config, {3: 12})))


def test_an_update_may_leave_out_an_object(config: NetworkConfig) -> None:
    made = told(config, {0: 0, 5: 5})
    made.add_reference(5, picture(5), mattes(15, (2,)))
    fresh = told(config, {0: 0})
    fresh.add_reference(5, picture(5), mattes(15, (2,)))
    assert torch.equal(swept(made), swept(fresh))
