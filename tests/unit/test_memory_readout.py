# SPDX-License-Identifier: Apache-2.0
"""Reading: the similarity against its formula, the quick top-k against the plain one."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from engine_server.memory import readout
from engine_server.memory.readout import (
    Weights,
    memory_side,
    query_side,
    read_out,
    read_weights,
    similarity,
    weighted_values,
)

SEEDS = st.integers(0, 1 << 30)


def table_of(seed: int, queries: int, tokens: int, *, levels: int) -> Tensor:
    """Q x M numbers of few different levels, so that there are ties."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(levels, (queries, tokens), generator=rng).float()


def weights_of(table: Tensor, k: int | None) -> Weights:
    """`read_weights` where the similarities are the table itself."""
    return read_weights(torch.eye(len(table)), table.T.contiguous(), k)


def dense(weights: Weights, tokens: int) -> Tensor:
    """Q x M weights, zero where nothing is read."""
    if weights.index is None:
        return weights.weight
    empty = torch.zeros(len(weights.weight), tokens)
    return empty.scatter_(1, weights.index, weights.weight)


@given(SEEDS, st.integers(1, 70), st.integers(1, 9), st.integers(1, 9))
def test_similarity_is_the_papers_formula(
    seed: int, channels: int, queries: int, tokens: int
) -> None:
    rng = torch.Generator().manual_seed(seed)
    mk, qk = (torch.randn(n, channels, generator=rng) for n in (tokens, queries))
    ms = 1 + torch.rand(tokens, 1, generator=rng)
    qe = torch.rand(queries, channels, generator=rng)
    distance = (qe[:, None] * (mk[None] - qk[:, None]).square()).sum(2)
    expected = -ms.T * distance / channels**0.5
    found = similarity(query_side(qk, qe), memory_side(mk, ms))
    assert found == pytest.approx(expected, abs=1e-4)


def test_a_token_is_most_similar_to_itself() -> None:
    key = torch.randn(5, 8, generator=torch.Generator().manual_seed(1))
    table = similarity(query_side(key, torch.ones(5, 8)), memory_side(key, torch.ones(5, 1)))
    assert table.diagonal().abs().max() < 1e-5
    assert table.argmax(1).tolist() == [0, 1, 2, 3, 4]


@given(SEEDS, st.integers(1, 4), st.integers(1, 700), st.integers(1, 40), st.integers(1, 50))
def test_weights_are_those_of_the_plain_top_k(
    seed: int, queries: int, tokens: int, k: int, levels: int
) -> None:
    table = table_of(seed, queries, tokens, levels=levels)
    weights = weights_of(table, k)
    if k >= tokens:
        assert weights.index is None
        torch.testing.assert_close(weights.weight, torch.softmax(table, 1))
        return
    assert weights.index is not None
    best = torch.topk(table, k, 1).values
    assert torch.equal(table.gather(1, weights.index), best)
    assert all(len(set(row)) == k for row in weights.index.tolist())
    torch.testing.assert_close(weights.weight, torch.softmax(best, 1))


@given(SEEDS, st.integers(700, 1500))
def test_without_ties_the_same_tokens_are_read(seed: int, tokens: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    table = torch.stack([torch.randperm(tokens, generator=rng) for _ in range(3)]).float() / 100
    index = weights_of(table, 30).index
    assert index is not None
    assert torch.equal(index, torch.topk(table, 30, 1).indices)


def test_the_best_tokens_may_all_lie_in_the_last_partial_block() -> None:
    table = torch.arange(1003.0)[None] - 2000
    index = weights_of(table, 30).index
    assert index is not None
    assert index[0].tolist() == list(range(1002, 972, -1))


def test_the_last_token_is_read_as_what_it_is() -> None:
    table = -torch.arange(1.0, 1001)[None]
    table[0, 999], table[0, 55] = 2.0, 1.0  # 55's block would go on to a 1001st token
    weights = weights_of(table, 5)
    assert weights.index is not None
    assert weights.index[0].tolist() == [999, 55, 0, 1, 2]
    expected = torch.softmax(torch.tensor([2.0, 1.0, -1.0, -2.0, -3.0]), 0)
    assert torch.allclose(weights.weight[0], expected)


def test_none_reads_every_token() -> None:
    weights = weights_of(table_of(1, 3, 100, levels=5), None)
    assert weights.index is None
    assert weights.weight.shape == (3, 100)


@pytest.mark.parametrize("chunk", [1, 700, 2000, 1 << 23])
@pytest.mark.parametrize("top_k", [None, 9])
def test_chunks_change_no_result(
    chunk: int, top_k: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = table_of(3, 7, 701, levels=10_000)
    values = torch.randn(701, 5, generator=torch.Generator().manual_seed(1))
    whole = read_weights(torch.eye(7), table.T.contiguous(), top_k)
    monkeypatch.setattr(readout, "CHUNK", chunk)
    usage = torch.zeros(701)
    mixed = read_out(torch.eye(7), table.T.contiguous(), values, top_k, usage=usage)
    assert torch.allclose(mixed, weighted_values(whole, values), atol=1e-5)
    assert torch.allclose(usage, whole.usage(701), atol=1e-5)


@pytest.mark.parametrize("block", [1, 5, 16, 64])
def test_blocks_change_no_result(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(3, 7, 701, levels=10_000)
    expected = torch.topk(table, 9, 1).values
    monkeypatch.setattr(readout, "BLOCK", block)
    index = weights_of(table, 9).index
    assert index is not None
    assert torch.equal(table.gather(1, index), expected)


def test_a_long_row_is_never_sorted_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    widths = []
    plain = torch.topk

    def watched(table: Tensor, *args: object, **flags: object) -> object:
        widths.append(table.shape[1])
        return plain(table, *args, **flags)

    monkeypatch.setattr(torch, "topk", watched)
    weights_of(table_of(1, 2, 16 * 500 - 3, levels=100), 30)
    assert widths == [500, 16 * 30]


def test_the_table_of_all_similarities_is_never_computed_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    monkeypatch.setattr(readout, "CHUNK", 1000)
    monkeypatch.setattr(readout, "CHUNK_OF_ALL", 1000)
    monkeypatch.setattr(
        readout, "similarity", lambda query, memory: seen.append(len(query)) or query @ memory.T
    )
    for top_k in (30, None):
        table = table_of(3, 20, 300, levels=10)
        read_out(torch.eye(20), table.T.contiguous(), torch.ones(300, 2), top_k)
    assert seen == [3, 3, 3, 3, 3, 3, 2] * 2


@given(SEEDS, st.integers(1, 6), st.integers(1, 90), st.sampled_from([None, 1, 7, 30]))
def test_usage_is_what_the_queries_took(
    seed: int, queries: int, tokens: int, k: int | None
) -> None:
    weights = weights_of(table_of(seed, queries, tokens, levels=9), k)
    usage = weights.usage(tokens)
    torch.testing.assert_close(usage, dense(weights, tokens).sum(0))
    assert usage.sum().item() == pytest.approx(queries, abs=1e-4)


@pytest.mark.parametrize("bags", [True, False])
def test_devices_without_bags_mix_the_same(monkeypatch: pytest.MonkeyPatch, *, bags: bool) -> None:
    monkeypatch.setattr(readout, "_has_bags", lambda device: bags)
    weights = weights_of(table_of(2, 5, 80, levels=9), 7)
    values = torch.randn(80, 11, generator=torch.Generator().manual_seed(2))
    mixed = weighted_values(weights, values)
    torch.testing.assert_close(mixed, dense(weights, 80) @ values)


def test_apples_devices_are_not_asked_for_bags() -> None:
    has = {name: readout._has_bags(torch.device(name)) for name in ("cpu", "cuda", "mps")}
    assert has == {"cpu": True, "cuda": True, "mps": False}


@given(SEEDS, st.integers(1, 6), st.integers(1, 90), st.sampled_from([None, 1, 7, 30]))
def test_values_are_mixed_by_weight(seed: int, queries: int, tokens: int, k: int | None) -> None:
    weights = weights_of(table_of(seed, queries, tokens, levels=9), k)
    values = torch.randn(tokens, 11, generator=torch.Generator().manual_seed(seed))
    mixed = weighted_values(weights, values)
    torch.testing.assert_close(mixed, dense(weights, tokens) @ values)


@pytest.mark.parametrize("k", [None, 5])
def test_mixed_values_keep_their_number_format(k: int | None) -> None:
    weights = weights_of(table_of(2, 4, 40, levels=9), k)
    values = torch.randn(40, 16).to(torch.bfloat16)
    mixed = weighted_values(weights, values)
    assert mixed.dtype == torch.bfloat16
    torch.testing.assert_close(
        mixed.float(), dense(weights, 40) @ values.float(), atol=0.03, rtol=0.02
    )
