# SPDX-License-Identifier: Apache-2.0
"""Which frames to paint next: the quick way against the definition, and the edges of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine_server.session.candidates import (
    STRIP,
    FrameSketch,
    choose_candidates,
    dissimilarity,
    sketch,
)

C, H, W = 4, 3, 5


def drawn_sketch(
    seed: int, *, alpha: float = 0.5, covered: float = 0.5, min_presence: float = 0.25
) -> FrameSketch:
    rng = torch.Generator().manual_seed(seed)
    matte = np.zeros((H * 16, W * 16), np.float32)
    matte[: round(covered * H * 16)] = 1
    return sketch(
        torch.randn(C, H, W, generator=rng),
        1 + torch.rand(1, H, W, generator=rng),
        torch.rand(C, H, W, generator=rng),
        matte,
        alpha=alpha,
        min_presence_percent=min_presence,
    )


def plain_similarity(a: FrameSketch, b: FrameSketch) -> torch.Tensor:
    return a.memory.double() @ b.query.double().T


def plain_dissimilarity(a: FrameSketch, b: FrameSketch) -> float:
    cycle = plain_similarity(a, b) - plain_similarity(b, a)
    return float(cycle.clamp(min=0).mean())


def plain_choice(frames: Sequence[FrameSketch], previous: Sequence[int], k: int) -> list[int]:
    """The definition: all minima anew at every step, the first maximum."""
    chosen = list(previous)
    for _ in range(k):
        lowest = [
            min(dissimilarity(frames[j], frame) for j in chosen) if frame.present else 0.0
            for frame in frames
        ]
        best = max(range(len(frames)), key=lambda i: (lowest[i] if i not in chosen else 0.0, -i))
        if lowest[best] <= 0 or best in chosen:
            break
        chosen.append(best)
    return chosen[len(previous) :]


def test_dissimilarity_is_the_papers() -> None:
    a, b = drawn_sketch(1), drawn_sketch(2)
    assert dissimilarity(a, b) == pytest.approx(plain_dissimilarity(a, b), rel=1e-4)
    assert dissimilarity(a, a) == pytest.approx(0, abs=1e-5)


def test_tables_larger_than_a_strip_are_compared_as_a_whole() -> None:
    rng = torch.Generator().manual_seed(0)
    a, b = (
        FrameSketch(*(torch.rand(STRIP + 7, width, generator=rng) for width in (C, 1, C)), True)
        for _ in range(2)
    )
    assert dissimilarity(a, b) == pytest.approx(plain_dissimilarity(a, b), rel=1e-4)


@given(
    st.integers(2, 9),
    st.integers(0, 10**6),
    st.integers(1, 6),
    st.data(),
)
def test_the_quick_way_chooses_as_the_definition_does(
    count: int, seed: int, k: int, data: st.DataObject
) -> None:
    covers = data.draw(st.lists(st.sampled_from([0.0, 0.3, 1.0]), min_size=count, max_size=count))
    frames = [drawn_sketch(seed + i, covered=cover) for i, cover in enumerate(covers)]
    previous = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=3, unique=True))
    assert choose_candidates(frames, previous, k) == plain_choice(frames, previous, k)


def test_no_candidate_is_painted_and_none_comes_twice() -> None:
    frames = [drawn_sketch(i) for i in range(8)]
    chosen = choose_candidates(frames, [2, 5], 100)
    assert sorted(chosen) == [0, 1, 3, 4, 6, 7]


def test_fewer_are_wanted_first_ones_stay_the_same() -> None:
    frames = [drawn_sketch(i) for i in range(8)]
    every = choose_candidates(frames, [0], 7)
    assert choose_candidates(frames, [0], 3) == every[:3]


def test_frames_without_enough_of_the_object_are_passed_over() -> None:
    frames = [drawn_sketch(0), drawn_sketch(1, covered=0), drawn_sketch(2)]
    assert [frame.present for frame in frames] == [True, False, True]
    assert choose_candidates(frames, [0], 5) == [2]
    assert choose_candidates(frames, [1], 1) != []  # a painted one may be empty


def test_of_equals_the_earlier_frame_is_chosen() -> None:
    twin = drawn_sketch(1)
    assert choose_candidates([twin, drawn_sketch(0), twin, twin], [1], 1) == [0]


def test_frames_like_a_painted_one_are_not_worth_painting() -> None:
    still = FrameSketch(torch.ones(6, C), torch.ones(6, 1), torch.ones(6, C), True)
    assert choose_candidates([still] * 5, [0], 3) == []


@pytest.mark.parametrize(("cover", "present"), [(0.0025, True), (0.0024, False), (0.0, False)])
def test_presence_is_in_percent_of_the_picture(cover: float, present: bool) -> None:
    matte = np.zeros((100, 100), np.float32)
    matte.ravel()[: round(cover * matte.size)] = 1
    ones = torch.ones(C, H, W)
    found = sketch(ones, ones[:1], ones, matte, alpha=0.5, min_presence_percent=0.25)
    assert found.present is present


def test_alpha_weighs_the_object_against_the_whole_frame() -> None:
    key = torch.ones(C, H, W)
    matte = np.zeros((H, W), np.float32)
    matte[0, 0] = 1

    def weights(alpha: float) -> list[float]:
        found = sketch(key, key[:1], key, matte, alpha=alpha, min_presence_percent=0)
        return sorted(found.memory[:, :C].abs().mean(1).unique().tolist())

    assert len(weights(0.0)) == 1
    assert len(weights(0.5)) == 2
    assert weights(1.0)[0] == 0
