# SPDX-License-Identifier: Apache-2.0
"""Convolutions in eight bits are those in float32, to within their steps."""

from __future__ import annotations

from unittest import mock

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from engine_server.network import eight_bits
from engine_server.network.eight_bits import EightBitConv, Scale, _whole, bytes_multiply
from engine_server.network.precision import rounded

multiplies = pytest.mark.skipif(not bytes_multiply(), reason="no processor that multiplies bytes")
AT, TO = Scale(1 / 64, 100), Scale(1 / 16, 128)


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_a_scale_holds_its_range_and_nothing_exactly(one: float, other: float) -> None:
    low, high = sorted((one, other))
    scale = Scale.of(low, high)
    assert 0 <= scale.zero <= 255
    numbers = torch.tensor([low, 0.0, high]).view(1, 3, 1, 1)
    back = scale.reals_of(scale.bytes_of(numbers))
    assert (back - numbers).abs().max() <= scale.step * 1.01 + 1e-4
    assert back.flatten()[1] == 0


def test_what_does_not_fit_is_cut_off() -> None:
    scale = Scale.of(-1, 1)
    found = scale.bytes_of(torch.tensor([-9.0, 9.0]).view(1, 2, 1, 1))
    assert found.flatten().tolist() == [0, 255]
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_negative_bytes_become_those_of_nothing() -> None:
    assert AT.relu(torch.tensor([0, 99, 100, 255], dtype=torch.uint8)).tolist() == [100] * 3 + [255]


def convolution(groups: int = 1, stride: int = 1) -> nn.Conv2d:
    torch.manual_seed(1)
    return nn.Conv2d(16, 16, 3, stride, 1, groups=groups).requires_grad_(False)


def picture() -> torch.Tensor:
    torch.manual_seed(2)
    smooth = F.interpolate(torch.randn(2, 16, 4, 5), (24, 30), mode="bilinear")
    return AT.bytes_of(smooth / 2)


@multiplies
@pytest.mark.parametrize(("groups", "stride"), [(1, 1), (1, 2), (16, 1), (16, 2)])
@pytest.mark.parametrize("relu", [False, True])
@torch.inference_mode()
def test_a_convolution_is_the_same(groups: int, stride: int, *, relu: bool) -> None:
    conv, x = convolution(groups, stride), picture()
    wanted = conv(AT.reals_of(x))
    wanted = wanted.relu() if relu else wanted
    real = EightBitConv(conv, AT, relu=relu)(x)
    assert real.dtype is torch.float32
    torch.testing.assert_close(real, wanted, atol=0.03, rtol=0.0)
    found = EightBitConv(conv, AT, TO, relu=relu)(x)
    assert found.dtype is torch.uint8
    torch.testing.assert_close(TO.reals_of(found), real, atol=TO.step / 2 + 1e-4, rtol=0.0)


@multiplies
@torch.inference_mode()
def test_a_sum_is_rounded_once() -> None:
    conv, x = convolution(), picture()
    total, scale = TO.bytes_of(torch.randn(2, 16, 24, 30)), TO
    wanted = scale.reals_of(total) + EightBitConv(conv, AT)(x)
    found = EightBitConv(conv, AT, TO).onto(total, scale, x)
    torch.testing.assert_close(TO.reals_of(found), wanted, atol=TO.step / 2 + 1e-4, rtol=0.0)
    with pytest.raises(ValueError, match="not added"):
        EightBitConv(conv, AT).onto(total, scale, x)


@pytest.mark.parametrize("wrong", [RuntimeError, TypeError, AttributeError, None])
def test_where_another_torch_computes_otherwise_it_is_not_used(
    monkeypatch: pytest.MonkeyPatch, wrong: type[Exception] | None
) -> None:
    class Other:
        def __init__(self, *_: object) -> None:
            if wrong is not None:
                raise wrong

        def __call__(self, x: torch.Tensor) -> torch.Tensor:
            return torch.zeros(1, 16, 6, 5, dtype=torch.uint8)

        def onto(self, total: torch.Tensor, *_: object) -> torch.Tensor:
            return total

    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: True, raising=False)
    monkeypatch.setattr(eight_bits, "EightBitConv", Other)
    assert not bytes_multiply.__wrapped__()


def test_without_the_instructions_it_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    for feature in ("vnni", "avx2"):
        monkeypatch.setattr(torch.cpu, f"_is_{feature}_supported", lambda: False, raising=False)
    with mock.patch.object(eight_bits, "_convolves") as tried:
        assert not bytes_multiply.__wrapped__()
    assert not tried.called


@pytest.mark.parametrize("most", [63, 127])
@pytest.mark.parametrize("shape", [(8, 40, 3, 3), (16, 1, 5, 5), (3, 200, 1, 1)])
def test_errors_of_weights_are_carried_on(shape: tuple[int, ...], most: int) -> None:
    """All at once gives what one after the other does, but for ties."""
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    steps = weight / weight.flatten(1).abs().amax(1).view(-1, 1, 1, 1) * most
    whole = _whole(steps, most)
    assert whole.dtype is torch.int8
    assert whole.float().abs().max() <= most
    one_by_one = rounded(steps, lambda w: w.round().clamp_(-most, most))
    assert (whole != one_by_one).float().mean() < 1e-3


@multiplies
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("narrow", [False, True])
@torch.inference_mode()
def test_the_largest_numbers_do_not_overflow(
    monkeypatch: pytest.MonkeyPatch, sign: int, *, narrow: bool
) -> None:
    """A processor with AVX2 alone adds up pairs of products in 16 bits."""
    if narrow:
        monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: False, raising=False)
    conv = convolution()
    conv.weight.fill_(sign)
    x = torch.full((1, 16, 6, 6), 255, dtype=torch.uint8)
    x = x.contiguous(memory_format=torch.channels_last)
    wanted = conv(AT.reals_of(x))
    torch.testing.assert_close(EightBitConv(conv, AT)(x), wanted, atol=1e-2, rtol=1e-4)
