# SPDX-License-Identifier: Apache-2.0
"""The three stores, each against a simple model of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from engine_server.memory import Tokens
from engine_server.memory.readout import memory_side, query_side, similarity
from engine_server.memory.stores import (
    LongTermMemory,
    PermanentMemory,
    WorkingMemory,
    consolidate,
)
from engine_server.network import MemoryConfig
from tests.unit.tiny import random_tokens

FRAMES = st.integers(1, 4)
OBJECTS = st.sets(st.integers(1, 3), min_size=1)
EDITS = st.one_of(
    st.tuples(st.just("put"), FRAMES, OBJECTS, st.integers(1, 5)),
    st.tuples(st.just("remove"), FRAMES),
)


def same(ours: Tokens, theirs: Tokens) -> bool:
    """Equal in every number."""
    plain = all(
        torch.equal(getattr(ours, name), getattr(theirs, name))
        for name in ("key", "shrinkage", "selection")
    )
    return plain and all(
        mine.keys() == other.keys() and all(torch.equal(mine[i], other[i]) for i in mine)
        for mine, other in ((ours.values, theirs.values), (ours.told, theirs.told))
    )


@given(st.lists(EDITS, max_size=12))
def test_references_are_what_was_put_last_and_not_removed(edits: list[Any]) -> None:
    store, model = PermanentMemory(), {}
    for number, (what, *rest) in enumerate(edits):
        if what == "put":
            frame, objects, count = rest
            model[frame] = random_tokens(number, count, sorted(objects))
            store.put(frame, model[frame])
        elif rest[0] in model:
            store.remove(rest[0])
            del model[rest[0]]
        else:
            with pytest.raises(KeyError):
                store.remove(rest[0])
    assert store.frames == tuple(model)
    assert len(store) == sum(map(len, model.values()))
    assert all(same(a, b) for a, b in zip(store.parts(), model.values(), strict=True))


def test_nothing_is_in_a_new_store() -> None:
    config = MemoryConfig()
    for store in (PermanentMemory(), WorkingMemory(config), LongTermMemory(config)):
        assert len(store) == 0
        assert store.parts() == []


def working(**settings: int) -> WorkingMemory:
    return WorkingMemory(MemoryConfig(**settings))


def test_working_memory_is_full_at_max_frames_exactly() -> None:
    store = working(min_frames=1, max_frames=3)
    for frame, full in enumerate([False, False, True]):
        store.add(random_tokens(frame, 4, (1,)))
        assert store.full is full


@given(st.integers(1, 3), st.lists(st.integers(1, 4), min_size=4, max_size=6))
def test_the_last_frames_stay_and_the_rest_goes(least: int, tokens: list[int]) -> None:
    """However many tokens each of them has."""
    store = working(min_frames=least, max_frames=len(tokens))
    frames = [random_tokens(i, count, (1, 2)) for i, count in enumerate(tokens)]
    more, leaving = len(tokens) - least, sum(tokens[:-least])
    for number, frame in enumerate(frames):
        store.add(frame)
        store.count(torch.arange(float(len(store))) + number)
    before = store.usage()
    assert store.full
    gone, usage = store.give_up()
    assert not store.full
    assert same(gone, Tokens.concat(frames[:more]))
    assert store.tokens is not None
    assert same(store.tokens, Tokens.concat(frames[more:]))
    assert torch.equal(usage, before[:leaving])
    assert torch.equal(store.usage(), before[leaving:])


def test_an_empty_working_memory_has_nothing_to_give() -> None:
    with pytest.raises(ValueError, match="empty"):
        working().give_up()


def test_usage_is_the_mean_since_a_token_came() -> None:
    store = working()
    store.add(random_tokens(1, 1, (1,)))
    store.count(torch.tensor([4.0]))
    store.add(random_tokens(2, 1, (1,)))
    store.count(torch.tensor([1.0, 3.0]))
    store.count(torch.tensor([1.0, 5.0]))
    assert store.usage().tolist() == pytest.approx([2, 4], rel=1e-6)


def test_what_was_never_read_has_no_usage() -> None:
    store = working()
    store.add(random_tokens(1, 2, (1,)))
    assert store.usage().tolist() == [0, 0]


def long_term(kept: list[float], *, room: int, prototypes: int = 2) -> LongTermMemory:
    """Tokens of which each was read so much."""
    config = MemoryConfig(prototypes=prototypes, max_long_term=room + prototypes)
    store = LongTermMemory(config)
    store.add(random_tokens(1, len(kept), (1,)))
    store.count(torch.tensor(kept))
    return store


def test_a_full_long_term_memory_forgets_the_least_used() -> None:
    store = long_term([0.5, 0.1, 0.9, 0.3, 0.7], room=3)
    old, fresh = store.parts()[0], random_tokens(2, 2, (1,))
    store.add(fresh)
    assert same(store.parts()[0], Tokens.concat([old.take(torch.tensor([0, 2, 4])), fresh]))
    assert store.usage().tolist() == pytest.approx([0.5, 0.9, 0.7, 0, 0], rel=1e-5)


@pytest.mark.parametrize(("tokens", "after"), [(2, 4), (3, 5), (4, 5), (5, 5)])
def test_room_is_made_only_where_it_is_needed(tokens: int, after: int) -> None:
    store = long_term([1.0] * tokens, room=3)
    store.add(random_tokens(2, 2, (1,)))
    assert len(store) == after


def test_a_long_term_memory_of_one_set_of_prototypes_holds_the_newest() -> None:
    store = long_term([1.0, 2.0], room=0)
    fresh = random_tokens(2, 2, (1,))
    store.add(fresh)
    assert same(store.parts()[0], fresh)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=9), st.integers(1, 6))
def test_long_term_memory_keeps_the_most_used_in_their_order(used: list[int], room: int) -> None:
    kept = [use + i / 100 for i, use in enumerate(used)]  # no ties
    store = long_term(kept, room=room, prototypes=1)
    old = store.parts()[0]
    store.add(random_tokens(2, 1, (1,)))
    best = sorted(sorted(range(len(kept)), key=lambda i: -kept[i])[:room])
    assert torch.equal(store.parts()[0].key[:-1], old.key[best])


def weights_among(tokens: Tokens, chosen: Tensor, among: Tensor) -> Tensor:
    """P x M softmax weights of the chosen tokens over some of the tokens, zero elsewhere."""
    queries = query_side(tokens.key[chosen], tokens.selection[chosen])
    table = similarity(queries, memory_side(tokens.key, tokens.shrinkage))
    exponent = table.double().exp() * among
    return (exponent / exponent.sum(1, keepdim=True)).float()


@given(
    st.integers(0, 1 << 20),
    st.lists(st.booleans(), min_size=1, max_size=8),
    st.integers(1, 9),
)
def test_prototypes_gather_values_from_tokens_that_tell(
    seed: int, told: list[bool], prototypes: int
) -> None:
    tokens = random_tokens(seed, len(told), {1: [True] * len(told), 2: told})
    usage = torch.randperm(len(told), generator=torch.Generator().manual_seed(seed)).float()
    made = consolidate(tokens, usage, prototypes)
    chosen = usage.argsort(descending=True)[:prototypes]
    everywhere = torch.ones(len(told), dtype=torch.bool)
    weights = weights_among(tokens, chosen, everywhere)
    assert len(made) == min(prototypes, len(told))
    assert torch.equal(made.key, tokens.key[chosen])
    assert torch.equal(made.selection, tokens.selection[chosen])
    assert torch.equal(made.told[2], tokens.told[2][chosen])
    torch.testing.assert_close(made.shrinkage, weights @ tokens.shrinkage)
    torch.testing.assert_close(made.values[1], weights @ tokens.values[1])
    flags = made.told[2]
    if flags.any():
        partial = weights_among(tokens, chosen, tokens.told[2]) @ tokens.values[2]
        torch.testing.assert_close(made.values[2][flags], partial[flags])


def test_a_prototype_that_is_not_told_of_an_object_has_no_value_of_it() -> None:
    tokens = random_tokens(1, 4, {1: [True] * 4, 2: [True, False, True, False]})
    made = consolidate(tokens, torch.tensor([1.0, 4.0, 3.0, 2.0]), 3)
    assert made.told[2].tolist() == [False, True, False]
    assert made.values[2][~made.told[2]].abs().max() == 0


def test_prototypes_of_an_object_told_nowhere_are_zero() -> None:
    tokens = random_tokens(1, 3, {1: [True] * 3, 2: [False] * 3})
    made = consolidate(tokens, torch.ones(3), 2)
    assert made.values[2].abs().max() == 0
    assert made.values[2].shape == (2, tokens.values[2].shape[1])
    assert not made.told[2].any()


def test_values_keep_their_number_format() -> None:
    tokens = random_tokens(1, 3, (1,))
    half = {1: tokens.values[1].to(torch.bfloat16)}
    narrow = Tokens(tokens.key, tokens.shrinkage, tokens.selection, half, tokens.told)
    assert consolidate(narrow, torch.ones(3), 2).values[1].dtype == torch.bfloat16
