# SPDX-License-Identifier: Apache-2.0
"""Rounding to bfloat16: errors cancel, and a stage of the trunk stays the function it was."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from engine_server.network import XMEM
from engine_server.network.precision import SEGMENT, WideStage, lower, rounded
from engine_server.network.trunks import ResNet50Trunk
from tests.parity.parity_checks import stand_in_network

BFLOAT16 = torch.bfloat16


def in_bfloat16(weight: torch.Tensor) -> torch.Tensor:
    return weight.bfloat16().float()


@pytest.mark.parametrize("shape", [(3, 64, 3, 3), (2, 5), (1, 257, 1, 1), (4, 1, 3, 3)])
def test_rounded_numbers_stay_close_and_their_sums_closer(shape: tuple[int, ...]) -> None:
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    ours = rounded(weight, in_bfloat16)
    assert ours.shape == weight.shape
    assert torch.equal(ours, in_bfloat16(ours))
    unit = 2.0 ** (weight.abs().max().log2().floor().item() - 7)
    assert (ours - weight).abs().max() <= unit
    pieces = (ours - weight).flatten(1).split(SEGMENT, 1)
    assert all(piece.sum(1).abs().max() <= unit / 2 + 1e-5 for piece in pieces)


def test_what_can_be_said_exactly_is_not_changed() -> None:
    weight = torch.tensor([[1.0, -0.5, 0.0, 3.0]])
    assert torch.equal(rounded(weight, in_bfloat16), weight)


@torch.inference_mode()
def test_a_wide_stage_is_the_stage() -> None:
    stage = copy.deepcopy(ResNet50Trunk().eval().layer2)
    for parameter in stage.parameters():
        nn.init.normal_(parameter, std=0.05)
    for block in stage:
        for name in ("bn1", "bn2", "bn3"):
            setattr(block, name, nn.Identity())
        if block.downsample is not None:
            block.downsample[1] = nn.Identity()
    x = torch.randn(1, 256, 8, 6)
    before = x.clone()
    expected = stage(x)
    torch.testing.assert_close(WideStage(*stage)(x), expected, atol=1e-4, rtol=1e-4)
    assert torch.equal(x, before)


def test_all_of_a_network_is_lowered_but_its_normalisation() -> None:
    network = stand_in_network()
    names = list(network.state_dict())
    lower(network, BFLOAT16)
    assert {p.dtype for p in network.parameters()} == {BFLOAT16}
    assert network.offset.dtype is torch.float32
    assert isinstance(network.key_encoder.layer3, WideStage)
    assert list(network.state_dict()) == names
    assert network.config is XMEM
