# SPDX-License-Identifier: Apache-2.0
"""Which places read from memory."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from engine_server.memory import Places


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**31))
def test_near_places_read_for_themselves_and_others_for_four(h: int, w: int, seed: int) -> None:
    near = torch.rand(h, w, generator=torch.Generator().manual_seed(seed)) < 0.3
    places = Places.around(near)
    read_for = places.reading[places.instead].view(h, w)
    for y in range(h):
        for x in range(w):
            wanted = y * w + x if near[y, x] else y // 2 * 2 * w + x // 2 * 2
            assert read_for[y, x] == wanted
    assert len(places.reading) == len(set(places.reading.tolist()))


def test_where_all_is_near_all_read() -> None:
    places = Places.around(torch.ones(3, 5, dtype=torch.bool))
    assert torch.equal(places.reading[places.instead], torch.arange(15))


def test_far_from_everything_a_quarter_reads() -> None:
    assert len(Places.around(torch.zeros(8, 6, dtype=torch.bool)).reading) == 12
