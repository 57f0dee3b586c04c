# SPDX-License-Identifier: Apache-2.0
"""Keys kept for candidates, within bounds."""

from __future__ import annotations

import torch

from engine_server.session.keys import FrameKeys, KeyCache


def keys(seed: int) -> FrameKeys:
    """Of a frame of 2 x 3 tokens: 5 x 6 numbers, 120 bytes."""
    rng = torch.Generator().manual_seed(seed)
    return FrameKeys(*(torch.rand(channels, 2, 3, generator=rng) for channels in (2, 1, 2)))


def test_a_full_cache_keeps_what_it_has() -> None:
    cache = KeyCache(250)
    for frame in (-3, 1, 2):
        cache.put(frame, keys(frame))
    assert [frame in cache for frame in (-3, 1, 2)] == [True, True, False]
    assert torch.equal(cache[1].selection, keys(1).selection)


def test_the_same_frame_takes_room_once() -> None:
    cache = KeyCache(250)
    for _ in range(9):
        cache.put(1, keys(1))
    cache.put(2, keys(2))
    assert 2 in cache


def test_keys_are_counted_in_bytes() -> None:
    assert keys(1).nbytes == 120
