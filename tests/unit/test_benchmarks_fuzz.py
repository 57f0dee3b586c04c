# SPDX-License-Identifier: Apache-2.0
"""What the fuzzer begins from is read without an error, and so are some changes of it."""

from __future__ import annotations

import random

import pytest

from benchmarks.fuzz import TARGETS, seeds


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_seeds_and_changes_of_them(name: str) -> None:
    drawn = random.Random(0)
    for seed in seeds(name):
        TARGETS[name](seed)
        for _ in range(20):
            TARGETS[name](seed[: drawn.randrange(len(seed) + 1)] + drawn.randbytes(12))
    TARGETS[name](b"")
