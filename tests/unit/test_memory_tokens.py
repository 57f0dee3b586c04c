# SPDX-License-Identifier: Apache-2.0
"""Tokens: rows of planes, joined and picked."""

from __future__ import annotations

import torch

from engine_server.memory import Tokens
from tests.unit.tiny import VALUE, random_tokens


def test_a_frame_gives_one_token_per_place_row_by_row() -> None:
    key = torch.arange(2.0 * 3 * 4).view(2, 3, 4)
    value = torch.arange(5.0 * 3 * 4).view(5, 3, 4)
    tokens = Tokens.of_frame(key, key[:1] + 1, key + 2, {7: value})
    assert len(tokens) == 12
    assert torch.equal(tokens.key[5], key[:, 1, 1])
    assert torch.equal(tokens.shrinkage[5], key[:1, 1, 1] + 1)
    assert torch.equal(tokens.selection[5], key[:, 1, 1] + 2)
    assert torch.equal(tokens.values[7][5], value[:, 1, 1])
    assert tokens.told[7].all()


def test_joined_tokens_keep_their_order_and_say_who_tells_of_what() -> None:
    first, second = random_tokens(1, 3, (1,)), random_tokens(2, 2, (2, 1))
    both = Tokens.concat([first, second])
    assert list(both.values) == list(both.told) == [1, 2]
    assert torch.equal(both.key, torch.cat([first.key, second.key]))
    assert torch.equal(both.shrinkage, torch.cat([first.shrinkage, second.shrinkage]))
    assert torch.equal(both.selection, torch.cat([first.selection, second.selection]))
    assert torch.equal(both.values[1], torch.cat([first.values[1], second.values[1]]))
    assert both.told[1].tolist() == [True] * 5
    assert both.told[2].tolist() == [False] * 3 + [True] * 2
    assert torch.equal(both.values[2], torch.cat([torch.zeros(3, VALUE), second.values[2]]))


def test_tokens_are_taken_by_number_or_by_flag() -> None:
    tokens = random_tokens(1, 4, {1: [True, False, True, True], 2: [False, True, True, False]})
    some = tokens.take(torch.tensor([3, 1]))
    flags = tokens.take(torch.tensor([False, True, False, True]))
    for name in ("key", "shrinkage", "selection"):
        plane = getattr(tokens, name)
        assert torch.equal(getattr(some, name), plane[[3, 1]])
        assert torch.equal(getattr(flags, name), plane[[1, 3]])
    assert some.told[1].tolist() == [True, False]
    assert flags.told[2].tolist() == [True, False]
    assert torch.equal(some.values[2], tokens.values[2][[3, 1]])
