# SPDX-License-Identifier: Apache-2.0
"""Parts of the network that the parity numbers do not fix: batches, aggregation, padding, norms."""

from __future__ import annotations

import copy
import functools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from engine_server.network import (
    LITE,
    XMEM,
    MemoryConfig,
    XMem,
    aggregate,
    aggregate_logits,
    config_named,
)
from engine_server.network.blocks import gated_update
from engine_server.network.encoders import other_masks
from engine_server.network.inference import Runtime, pad_to_stride, prepare, unpad
from engine_server.network.trunks import SamePadConv
from tests.unit.tiny import WITH_HIDDEN, built, disc, picture

CONFIGS = {"lite": LITE, "tiny": WITH_HIDDEN}
BOTH = pytest.mark.parametrize("name", list(CONFIGS))
PROBABILITIES = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=5)


@functools.cache
def network(name: str) -> XMem:
    return built(CONFIGS[name])


def pictures(*frames: int) -> Tensor:
    return torch.stack([picture(frame)[:, :48, :64] for frame in frames])


def masks(*places: tuple[int, int]) -> Tensor:
    """One row per picture, one matte per object."""
    return torch.stack([torch.stack([disc(x, y)[:48, :64] for x in place]) for *place, y in places])


def everything(model: XMem, rgb: Tensor, mattes: Tensor) -> dict[str, Tensor]:
    """What each part of a network says of pictures and mattes, hidden states included."""
    frame = model.normalise(rgb)
    features = model.encode_key(frame)
    hidden = model.new_hidden(*mattes.shape[:2], *features.key.shape[2:])
    value, hidden = model.encode_value(frame, features, mattes, hidden, deep_update=True)
    deep = hidden
    hidden, logits = model.decode(features, value, hidden)
    found = {"key": features.key, "value": value, "logits": logits}
    return found if hidden is None else {**found, "deep": deep, "hidden": hidden}  # type: ignore[dict-item]


@BOTH
def test_pictures_of_a_batch_do_not_mix(name: str) -> None:
    rgb, mattes = pictures(1, 2), masks((10, 40, 20), (30, 50, 30))
    both = everything(network(name), rgb, mattes)
    for i in range(2):
        alone = everything(network(name), rgb[i : i + 1], mattes[i : i + 1])
        for part, numbers in both.items():
            torch.testing.assert_close(numbers[i : i + 1], alone[part], atol=1e-4, rtol=1e-4)


@BOTH
def test_objects_know_of_each_other_only_by_the_sum_of_the_others(name: str) -> None:
    rgb, mattes = pictures(1), masks((10, 30, 50, 20))
    found = everything(network(name), rgb, mattes)
    swapped = everything(network(name), rgb, mattes[:, [0, 2, 1]])
    for part in found.keys() - {"key"}:
        torch.testing.assert_close(found[part], swapped[part][:, [0, 2, 1]], atol=1e-4, rtol=1e-4)


@BOTH
def test_folded_norms_change_nothing(name: str) -> None:
    rgb, mattes = pictures(3), masks((10, 40, 20))
    plain = everything(network(name), rgb, mattes)
    folded = copy.deepcopy(network(name))
    prepare(folded, Runtime(torch.device("cpu"), torch.float32))
    assert len(norms(folded)) == 4  # of the levels that leave the trunk
    assert len(norms(network(name))) == 37
    for part, numbers in everything(folded, rgb, mattes).items():
        assert (numbers - plain[part]).abs().max() < 1e-4 * plain[part].std(), part


def norms(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]


def test_all_norms_of_the_published_network_are_folded() -> None:
    with torch.device("meta"):
        published = XMem(XMEM)
    runtime = Runtime(torch.device("meta"), torch.bfloat16)
    assert len(norms(published)) > 50
    assert norms(prepare(published, runtime)) == []
    assert {p.dtype for p in published.parameters()} == {torch.bfloat16}
    assert published.offset.dtype == torch.float32
    assert not published.training
    assert not any(parameter.requires_grad for parameter in published.parameters())


@BOTH
def test_without_an_update_the_hidden_state_stays(name: str) -> None:
    model = network(name)
    frame = model.normalise(pictures(1))
    features = model.encode_key(frame)
    hidden = model.new_hidden(1, 2, 3, 4)
    value, kept = model.encode_value(frame, features, masks((10, 40, 20)), hidden)
    after, logits = model.decode(features, value, hidden, update=False)
    assert logits.shape == (1, 2, 48, 64)
    assert kept is hidden
    if hidden is None:
        assert name == "lite"
        assert after is None
    else:
        assert after is not None
        assert torch.equal(after, hidden)
        assert not torch.equal(model.decode(features, value, hidden)[0], hidden)  # type: ignore[arg-type]


def test_pictures_of_any_type_are_normalised_alike() -> None:
    model, rgb = network("lite"), pictures(1)
    assert torch.equal(model.normalise(rgb), model.normalise(rgb.double()))
    assert model.normalise(rgb).dtype == torch.float32
    grey = torch.full((1, 3, 1, 1), 127.0)
    assert model.normalise(grey).abs().max() < 1e-6
    assert model.normalise(grey + 128) == pytest.approx(torch.ones(1, 3, 1, 1))


@given(PROBABILITIES)
def test_aggregated_probabilities_sum_to_one(prob: list[float]) -> None:
    found = aggregate(torch.tensor(prob), 0)
    assert found.shape == (len(prob) + 1,)
    assert found.sum().item() == pytest.approx(1, abs=1e-5)
    assert found.argmax() == 0 or prob[int(found.argmax()) - 1] == max(prob)


@given(PROBABILITIES)
def test_aggregation_is_the_softmax_of_clamped_odds(prob: list[float]) -> None:
    numbers = torch.tensor([*prob], dtype=torch.float64)
    planes = torch.cat([(1 - numbers).prod()[None], numbers]).clamp(1e-7, 1 - 1e-7)
    odds = planes / (1 - planes)
    expected = (odds / odds.sum()).float()
    torch.testing.assert_close(aggregate(numbers, 0), expected, atol=2e-6, rtol=1e-3)


def test_certain_mattes_stay_certain() -> None:
    logits = aggregate_logits(torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), 0)
    assert logits.abs().max() < 16.2
    assert logits.isfinite().all()
    prob = torch.softmax(logits, 0)
    assert (prob - torch.eye(3)).abs().max() < 1e-5


def test_other_masks_are_the_sum_of_the_others() -> None:
    mattes = torch.tensor([0.1, 0.2, 0.4]).view(1, 3, 1, 1)
    assert other_masks(mattes).flatten().tolist() == pytest.approx([0.6, 0.5, 0.3])
    assert other_masks(mattes[:, :1]).abs().max() == 0


def test_gates_of_the_hidden_state() -> None:
    forget, update, new = 0.3, -0.4, 0.9
    values = torch.tensor([forget, update, new]).view(1, 3, 1, 1)
    found = gated_update(values, torch.full((1, 1, 1, 1), 0.5))
    sigmoid = torch.sigmoid(torch.tensor([forget, update]))
    expected = sigmoid[0] * 0.5 * (1 - sigmoid[1]) + sigmoid[1] * torch.tanh(torch.tensor(new))
    assert found.item() == pytest.approx(expected.item())


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 2, 16]))
def test_padding_is_even_with_the_odd_pixel_at_the_end(
    height: int, width: int, stride: int
) -> None:
    plane = torch.ones(2, height, width)
    padded, (left, right, top, bottom) = pad_to_stride(plane, stride)
    assert all(0 <= size % stride == 0 for size in padded.shape[1:])
    assert max(left + right, top + bottom) < stride
    assert right - left in (0, 1)
    assert bottom - top in (0, 1)
    assert padded.sum() == plane.sum()
    assert torch.equal(unpad(padded, (left, right, top, bottom)), plane)


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (5, 1), (3, 2), (5, 2)])
def test_convolutions_pad_the_bottom_and_right_more(kernel: int, stride: int) -> None:
    conv = SamePadConv(1, 1, kernel, stride)
    conv.weight.data.fill_(1)
    found = conv(torch.ones(1, 1, 8, 8))
    assert found.shape[2:] == (8 // stride, 8 // stride)
    whole = kernel**2
    before = (kernel - stride) // 2 if stride > 1 else kernel // 2
    assert found[0, 0, 0, 0] == (kernel - before) ** 2
    assert found.max() == whole


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_a_centred_convolution_says_the_same(kernel: int, stride: int) -> None:
    torch.manual_seed(kernel)
    conv = SamePadConv(6, 6, kernel, stride, groups=6)
    planes = torch.randn(1, 6, 32, 48)
    with torch.inference_mode():
        expected = conv(planes)
        conv.centre()
        torch.testing.assert_close(conv(planes), expected, atol=0, rtol=0)
    assert not any(conv.extra), "no picture is copied to be padded"


def test_no_hints_are_hints_that_say_nothing() -> None:
    model, rgb, mattes = network("lite"), pictures(1), masks((10, 30, 20))
    features = model.encode_key(model.normalise(rgb))
    value, _ = model.encode_value(model.normalise(rgb), features, mattes)
    nothing = torch.zeros(1, 2, LITE.hints, 48, 64)
    silent = model.decode(features, value)[1]
    torch.testing.assert_close(silent, model.decode(features, value, None, nothing)[1])
    nothing[:, 0, :2] = 1
    shown = model.decode(features, value, None, nothing)[1]
    assert (shown[:, 0] - silent[:, 0]).abs().max() > 1e-3
    torch.testing.assert_close(shown[:, 1], silent[:, 1])


def test_what_lite_was_trained_and_measured_with() -> None:
    few = MemoryConfig(True, 5, 1, 2, 128, 512, None)
    assert LITE.memory == few
    assert (LITE.hints, XMEM.hints) == (4, 0)


def test_networks_are_found_by_name() -> None:
    assert config_named("xmem") is XMEM
    assert config_named("lite") is LITE
    with pytest.raises(KeyError):
        config_named("other")
