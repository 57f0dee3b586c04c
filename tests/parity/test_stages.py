# SPDX-License-Identifier: Apache-2.0
"""Each stage of the network, on two frames of the clip."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from engine_server.network import XMem
from engine_server.network.weights import load_state
from tests.parity.parity_checks import (
    PUBLISHED,
    STAGE_TOLERANCE,
    manifest,
    settings,
    stage_error,
    stage_numbers,
    stages,
    stand_in,
)

COMPUTED = sorted(set(stage_numbers()) - {"hidden_in"})


@pytest.fixture(scope="module")
def ours(network: XMem) -> dict[str, Tensor]:
    return dict(stages(network))


def test_every_array_is_compared(ours: dict[str, Tensor]) -> None:
    assert sorted(ours) == COMPUTED


@pytest.mark.parametrize("name", COMPUTED)
def test_stage(name: str, ours: dict[str, Tensor]) -> None:
    assert stage_error(name, ours[name]) < STAGE_TOLERANCE


def test_parameter_names_and_shapes_are_the_published_ones(network: XMem) -> None:
    found = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert found == manifest()


@pytest.mark.parametrize("change", ["missing", "more"])
def test_a_state_with_other_names_is_not_loaded(change: str, network: XMem) -> None:
    state = dict(stand_in())
    if change == "missing":
        del state["key_proj.d_proj.bias"]
    else:
        state["key_proj.f_proj.bias"] = torch.zeros(1)
    with pytest.raises(RuntimeError, match="key_proj"):
        network.load_state_dict(state, strict=True)


def test_published_settings() -> None:
    assert settings() == PUBLISHED


def test_a_single_object_file_gets_zeros_for_the_other_objects(network: XMem) -> None:
    state = dict(stand_in())
    stem = state["value_encoder.conv1.weight"]
    state["value_encoder.conv1.weight"] = stem[:, :4].clone()
    single = copy.deepcopy(network)
    load_state(single, state)
    loaded = single.value_encoder.conv1.weight
    assert torch.equal(loaded[:, :4], stem[:, :4])
    assert loaded[:, 4].abs().max() == 0
