# SPDX-License-Identifier: Apache-2.0
"""Each stage of the network, on two frames of the clip."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine_server.network import XMEM, XMem
from tests.parity.parity_checks import (
    STAGE_TOLERANCE,
    manifest,
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


def test_published_sizes() -> None:
    assert (XMEM.key_dim, XMEM.value_dim, XMEM.hidden_dim) == (64, 512, 64)
    assert XMEM.feature_dims == {16: 1024, 8: 512, 4: 256}
    assert XMEM.stride == 16


def test_published_memory_settings() -> None:
    memory = XMEM.memory
    assert memory.working
    assert (memory.memory_every, memory.min_frames, memory.max_frames) == (10, 5, 10)
    assert (memory.prototypes, memory.max_long_term, memory.top_k) == (128, 10_000, 30)
