# SPDX-License-Identifier: Apache-2.0
"""Names of layers: what compositing programs accept as it is, and no two the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.layers import layer_names

ACCEPTED = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("hero", "hero"),
        ("object 1", "object_1"),
        ("01_hero", "object_01_hero"),
        ("hero-left.v2", "hero_left_v2"),
        ("Héros", "Heros"),
        ("車", "object_7"),
        ("mask", "mask_2"),
        ("RGBA", "RGBA_2"),
        ("Left", "Left_2"),
        ("_x_", "x"),
    ],
)
def test_a_name(name: str, layer: str) -> None:
    assert layer_names({7: name}) == {7: layer}


def test_two_that_become_one() -> None:
    names = {3: "hero 1", 1: "hero.1", 2: "Hero_1", 4: "hero_1_2"}
    assert layer_names(names) == {1: "hero_1", 2: "Hero_1_2", 3: "hero_1_3", 4: "hero_1_2_2"}


@given(st.dictionaries(st.integers(1, 255), st.text(min_size=1, max_size=80), max_size=8))
def test_any_names(names: dict[int, str]) -> None:
    layers = layer_names(names)
    assert layers.keys() == names.keys()
    assert all(ACCEPTED.fullmatch(layer) for layer in layers.values())
    assert len({layer.lower() for layer in layers.values()}) == len(names)


def test_a_layer_stays_when_a_later_object_comes() -> None:
    assert layer_names({1: "a", 2: "a b"})[2] == layer_names({1: "a", 2: "a b", 3: "a-b"})[2]
