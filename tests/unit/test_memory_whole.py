# SPDX-License-Identifier: Apache-2.0
"""The memory as a whole: counts after any edits, and reading only what tells of an object."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from engine_server.memory import Memory, MemorySizes, Tokens
from engine_server.memory.readout import memory_side, query_side, similarity
from engine_server.memory.stores import LongTermMemory, WorkingMemory
from engine_server.network import MemoryConfig
from tests.unit.tiny import KEY, VALUE, random_query, random_tokens

PER_FRAME = 4
SMALL = MemoryConfig(min_frames=2, max_frames=4, prototypes=3, max_long_term=8, top_k=5)

FRAMES = st.integers(1, 5)
OBJECT_IDS = (1, 2, 3)
OBJECTS = st.sets(st.sampled_from(OBJECT_IDS), min_size=1)
EDITS = st.one_of(
    st.tuples(st.just("put"), FRAMES, OBJECTS),
    st.tuples(st.just("remove"), FRAMES),
    st.tuples(st.just("predict"), st.integers(1, 6)),
    st.tuples(st.just("forget_predictions")),
)


@dataclass
class Model:
    """How many tokens there must be."""

    references: dict[int, set[int]] = field(default_factory=dict)
    working: int = 0  # frames
    long_term: int = 0

    def predict(self) -> None:
        self.working += 1
        if self.working < SMALL.max_frames:
            return
        gone = (self.working - SMALL.min_frames) * PER_FRAME
        room = SMALL.max_long_term - SMALL.prototypes
        self.long_term = min(self.long_term, room) + min(SMALL.prototypes, gone)
        self.working = SMALL.min_frames

    @property
    def sizes(self) -> MemorySizes:
        permanent = PER_FRAME * len(self.references)
        return MemorySizes(self.working * PER_FRAME, permanent, self.long_term)


def tokens(seed: int, *objects: int) -> Tokens:
    return random_tokens(seed, PER_FRAME, objects)


@given(st.lists(EDITS, max_size=20))
def test_token_counts_after_any_edits(edits: list[Any]) -> None:
    memory, model = Memory(SMALL), Model()
    for number, (what, *rest) in enumerate(edits):
        if what == "put":
            memory.put_reference(rest[0], tokens(number, *sorted(rest[1])))
            model.references[rest[0]] = rest[1]
        elif what == "remove" and rest[0] in model.references:
            memory.remove_reference(rest[0])
            del model.references[rest[0]]
        elif what == "predict":
            for i in range(rest[0]):
                memory.add_prediction(tokens(100 * number + i, *OBJECT_IDS))
                model.predict()
        elif what == "forget_predictions":
            memory.forget_predictions()
            model.working = model.long_term = 0
        assert memory.sizes == model.sizes
        predicted = set(OBJECT_IDS) if model.working else set()
        _read_once(memory, sorted(predicted.union(*model.references.values())))


def _read_once(memory: Memory, objects: list[int]) -> None:
    if objects:
        found = memory.read(*random_query(1), objects)
        assert found.shape == (len(objects), VALUE, 2, 3)
        assert found.isfinite().all()


def test_a_reference_that_is_not_there_cannot_be_removed() -> None:
    memory = Memory(SMALL)
    memory.put_reference(1, tokens(1, 1))
    with pytest.raises(KeyError):
        memory.remove_reference(2)
    assert memory.sizes.permanent == PER_FRAME


def direct(parts: list[Tokens], obj: int, key: Tensor, selection: Tensor, top_k: int) -> Tensor:
    """V x h x w of one object, read from the parts that tell of it and nothing else."""
    told = [p.take(p.told[obj]) for p in parts if obj in p.told]
    keys = torch.cat([memory_side(p.key, p.shrinkage) for p in told])
    values = torch.cat([p.values[obj] for p in told])
    table = similarity(query_side(key.flatten(1).T, selection.flatten(1).T), keys)
    best, index = torch.topk(table, min(top_k, len(keys)), 1)
    mixed = (torch.softmax(best, 1)[..., None] * values[index]).sum(1)
    return mixed.T.reshape(-1, *key.shape[1:])


@given(st.lists(OBJECTS, min_size=1, max_size=5), st.integers(0, 99), st.integers(1, 30))
def test_an_object_is_read_only_from_tokens_that_tell_of_it(
    told: list[set[int]], seed: int, top_k: int
) -> None:
    memory = Memory(MemoryConfig(top_k=top_k))
    parts = [tokens(seed + frame, *sorted(objects)) for frame, objects in enumerate(told)]
    for frame, part in enumerate(parts):
        memory.put_reference(frame, part)
    objects = sorted(set().union(*told), reverse=True)
    query = random_query(seed)
    found = memory.read(*query, objects)
    for obj, plane in zip(objects, found, strict=True):
        torch.testing.assert_close(plane, direct(parts, obj, *query, top_k))


def test_working_and_long_term_memory_are_read_with_the_references() -> None:
    memory, query = Memory(SMALL), random_query(1)
    memory.put_reference(7, tokens(1, 1))
    for i in range(6):
        memory.add_prediction(tokens(10 + i, 1))
        memory.read(*query, [1])
    assert memory.sizes == MemorySizes(8, 4, 6)
    parts = [*memory.permanent.parts(), *memory.working.parts(), *memory.long_term.parts()]
    torch.testing.assert_close(memory.read(*query, [1])[0], direct(parts, 1, *query, 5))


@given(st.lists(OBJECTS, min_size=1, max_size=3), st.integers(1, 6))
def test_usage_of_a_reading_is_one_per_query(told: list[set[int]], readings: int) -> None:
    memory = Memory(MemoryConfig(max_frames=9, top_k=5))
    for number, objects in enumerate(told):
        memory.add_prediction(tokens(number, *sorted(objects)))
    for seed in range(readings):
        memory.read(*random_query(seed), sorted(told[0]))
    assert memory.working.usage().sum().item() == pytest.approx(6, abs=1e-3)  # 2 x 3 queries


def test_references_are_not_counted() -> None:
    memory, query = Memory(SMALL), random_query(1)
    memory.add_prediction(tokens(1, 1))
    memory.read(*query, [1])
    alone = memory.working.usage().sum()
    memory.forget_predictions()
    memory.add_prediction(tokens(1, 1))
    memory.put_reference(1, tokens(2, 1))
    memory.put_reference(2, tokens(3, 1))
    memory.read(*query, [1])
    assert 0 < memory.working.usage().sum() < alone
    assert memory.working.usage().shape == (PER_FRAME,)


def test_compression_goes_by_what_was_read() -> None:
    memory = Memory(MemoryConfig(min_frames=1, max_frames=2, prototypes=2, top_k=1))
    frame = tokens(1, 1)
    memory.add_prediction(frame)
    for wanted in (2, 0, 2):
        key = frame.key[wanted][:, None, None]
        memory.read(key, torch.ones(KEY, 1, 1), [1])
    memory.add_prediction(tokens(2, 1))
    assert torch.equal(memory.long_term.parts()[0].key, frame.key[[2, 0]])


def test_a_reading_stays_as_it_was() -> None:
    memory, query = Memory(SMALL), random_query(1)
    memory.put_reference(1, tokens(1, 1))
    memory.add_prediction(tokens(2, 1))
    kept, before = memory.reading(), memory.reading().read(*query, [1])[0]
    assert memory.reading() is kept  # nothing is put together twice
    for change in (
        lambda: memory.add_prediction(tokens(3, 1)),
        lambda: memory.put_reference(9, tokens(4, 1)),
        lambda: memory.remove_reference(1),
        memory.forget_predictions,
    ):
        change()
        assert memory.reading() is not kept
        assert torch.equal(kept.read(*query, [1])[0], before)


def test_what_was_read_of_an_older_memory_is_not_counted() -> None:
    memory, query = Memory(MemoryConfig(max_frames=9)), random_query(1)
    memory.add_prediction(tokens(1, 1))
    older = memory.reading()
    memory.count(older, older.read(*query, [1])[1])
    counted = memory.working.usage()
    assert counted.sum() > 0
    memory.add_prediction(tokens(2, 1))
    memory.count(older, older.read(*query, [1])[1])
    assert torch.equal(memory.working.usage()[:PER_FRAME], counted)


def test_an_object_told_nowhere_cannot_be_read() -> None:
    memory = Memory(SMALL)
    memory.put_reference(1, tokens(1, 1))
    with pytest.raises(KeyError):
        memory.read(*random_query(1), [1, 2])


def test_an_empty_memory_cannot_be_read() -> None:
    with pytest.raises(KeyError):
        Memory(SMALL).read(*random_query(1), [1])


def test_an_empty_painted_matte_is_told() -> None:
    memory = Memory(SMALL)
    seen = tokens(1, 1, 2)
    absent = {2: torch.zeros(PER_FRAME, VALUE)}
    unseen = Tokens(seen.key, seen.shrinkage, seen.selection, absent, {2: seen.told[2]})
    memory.put_reference(1, seen)
    before = memory.read(*random_query(1), [1, 2])
    memory.put_reference(2, unseen)
    after = memory.read(*random_query(1), [1, 2])
    assert memory.sizes.permanent == 2 * PER_FRAME
    assert torch.equal(before[0], after[0])
    assert after[1].norm() < before[1].norm()


def test_values_are_kept_in_the_memorys_number_format() -> None:
    memory = Memory(SMALL, dtype=torch.bfloat16)
    memory.put_reference(1, tokens(1, 1))
    memory.add_prediction(tokens(2, 1))
    parts = [*memory.permanent.parts(), *memory.working.parts()]
    assert {part.values[1].dtype for part in parts} == {torch.bfloat16}
    assert {part.key.dtype for part in parts} == {torch.float32}
    assert memory.read(*random_query(1), [1]).dtype == torch.bfloat16


class OneDevice(TorchDispatchMode):
    """Refuses what a graphics card refuses: one operation on tensors of two devices.

    Numbers without dimensions may come from the processor, and a copy is what it is.
    """

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        devices = {t.device.type for t in tensors if t.dim() or t.device.type != "cpu"}
        if len(devices) > 1 and "copy" not in str(func):
            raise AssertionError(f"{func} mixes {sorted(devices)}")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("store", [WorkingMemory, LongTermMemory])
def test_counting_does_not_mix_devices(store: type[WorkingMemory | LongTermMemory]) -> None:
    """The meta device stands for a graphics card; the stores are empty at first."""
    counted = store(SMALL)
    with OneDevice():
        counted.count(torch.zeros(0, device="meta"))
        planes = [torch.empty(4, width, device="meta") for width in (KEY, 1, KEY)]
        counted.add(Tokens(*planes, {}, {}))
        counted.count(torch.zeros(4, device="meta"))
        assert counted.usage().device.type == "meta"


@pytest.mark.parametrize(
    "settings",
    [
        {"memory_every": 0},
        {"prototypes": 0},
        {"min_frames": 0},
        {"min_frames": 10},
        {"max_long_term": 127},
        {"top_k": 0},
    ],
)
def test_senseless_settings_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        MemoryConfig(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"memory_every": 1},
        {"prototypes": 1},
        {"min_frames": 1},
        {"min_frames": 9},
        {"max_long_term": 128},
        {"top_k": 1},
        {"top_k": None},
    ],
)
def test_settings_at_the_edge_of_sense_are_taken(settings: dict[str, int]) -> None:
    assert MemoryConfig(**settings)


@pytest.mark.parametrize(("top_k", "rounded"), [(None, True), (5, False)])
def test_only_where_all_tokens_are_read_are_similarities_rounded(
    top_k: int | None, *, rounded: bool
) -> None:
    given, (key, selection) = tokens(3, 1), random_query(4)
    memory = Memory(MemoryConfig(top_k=top_k), dtype=torch.bfloat16)
    memory.put_reference(1, given)
    table = query_side(key.flatten(1).T, selection.flatten(1).T)
    stored = memory_side(given.key, given.shrinkage)
    if rounded:
        table, stored = table.bfloat16(), stored.bfloat16()
    weights = torch.softmax(similarity(table, stored), 1).bfloat16()
    expected = (weights @ given.values[1].bfloat16()).T.reshape(1, VALUE, *key.shape[1:])
    assert torch.equal(memory.read(key, selection, [1]), expected)
