# SPDX-License-Identifier: Apache-2.0
"""`lite` in eight bits says what it says in float32."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from engine_server.network import XMem
from engine_server.network.eight_bits import bytes_multiply
from engine_server.network.inference import Runtime, network_input, precision_of, prepare
from engine_server.network.lite_eight_bits import _folded, _for_folded, _unfolded
from engine_server.network.state import load_model, read_state, verify
from engine_server.network.weights import resolve
from shared.errors import BadWeights, UsageError
from tests.drawn import texture

CPU = torch.device("cpu")
PLAIN = Runtime(CPU, torch.float32)
EIGHT = Runtime(CPU, torch.float32, eight_bits=True)
SIZE = (96, 160)

multiplies = pytest.mark.skipif(not bytes_multiply(), reason="no processor that multiplies bytes")


@pytest.fixture(scope="module", params=["lite", "lite-permissive"])
def both(request: pytest.FixtureRequest) -> tuple[XMem, XMem]:
    path = resolve(request.param)
    return prepare(load_model(path), PLAIN), prepare(load_model(path), EIGHT)


def picture() -> Tensor:
    scene = texture(*SIZE, 3, colour=(90, 120, 60))
    scene[20:70, 40:90] = texture(50, 50, 5, colour=(200, 80, 60))
    return torch.from_numpy(scene).permute(2, 0, 1)


def masks() -> Tensor:
    planes = torch.zeros(1, 2, *SIZE)
    planes[0, 0, 20:70, 40:90] = 1
    planes[0, 1, 30:60, 100:140] = 0.6
    return planes


def error(found: Tensor, wanted: Tensor) -> float:
    """Of all numbers together, as a share of their size."""
    return float((found.float() - wanted).norm() / wanted.norm())


@multiplies
@torch.inference_mode()
def test_keys_values_and_logits_are_nearly_the_same(both: tuple[XMem, XMem]) -> None:
    told = (masks()[0] * 255).byte()
    hints = torch.stack([told, told.clamp(max=1) * 200] * 2, 1)[None]
    said = []
    for network, runtime in zip(both, (PLAIN, EIGHT), strict=True):
        image, _ = network_input(network, picture(), runtime)
        features = network.encode_key(image)
        values, _ = network.encode_value(image, features, masks())
        readout = said[0][2] if said else values
        _, logits = network.decode(features, readout, None, hints)
        _, alone = network.decode(features, readout, None, None)
        said.append((features.key, features.selection, values, logits, alone))
    for wanted, found, most in zip(*said, (0.15, 0.1, 0.15, 0.1, 0.1), strict=True):
        assert found.shape == wanted.shape
        assert error(found, wanted) < most
    assert ((said[0][3] > 0) == (said[1][3] > 0)).float().mean() > 0.995


@multiplies
@torch.inference_mode()
def test_calls_leave_what_they_are_given(both: tuple[XMem, XMem]) -> None:
    network = both[1]
    image, _ = network_input(network, picture(), EIGHT)
    before = image.clone()
    features = network.encode_key(image)
    maps = {stride: level.clone() for stride, level in features.maps.items()}
    values, _ = network.encode_value(image, features, masks())
    first = network.decode(features, values, None, None)[1]
    assert torch.equal(network.decode(features, values, None, None)[1], first)
    assert torch.equal(image, before)
    assert all(torch.equal(features.maps[stride], level) for stride, level in maps.items())


@multiplies
@torch.inference_mode()
def test_each_object_is_decoded_as_if_alone(both: tuple[XMem, XMem]) -> None:
    network = both[1]
    image, _ = network_input(network, picture(), EIGHT)
    features = network.encode_key(image)
    values, _ = network.encode_value(image, features, masks())
    together = network.decode(features, values, None, None)[1]
    for i in range(2):
        alone = network.decode(features, values[:, i : i + 1], None, None)[1]
        torch.testing.assert_close(together[:, i : i + 1], alone)


def test_what_is_around_a_picture_is_of_the_mean_colour() -> None:
    network = prepare(load_model(resolve("lite")), PLAIN)
    odd = picture()[:, :90, :150]
    image, pad = network_input(network, odd, PLAIN)
    assert image.shape == (1, 3, *SIZE)
    assert pad == (5, 5, 3, 3)
    assert image[0, :, 0].abs().max() == 0
    network.takes_bytes = True
    image, _ = network_input(network, odd, EIGHT)
    assert image.dtype is torch.uint8
    assert set(image[0, :, 0].flatten().tolist()) == {127}
    assert torch.equal(image[0, :, 3:93, 5:155], odd)


@pytest.mark.parametrize("side", [2, 4])
def test_blocks_become_channels(side: int) -> None:
    x = torch.randint(0, 255, (1, 3, 16, 24), dtype=torch.uint8)
    weight = torch.randn(5, 3 * side**2, 1, 1)
    wanted = F.conv2d(F.pixel_unshuffle(x.float(), side), weight)
    blocks = torch.from_numpy(_folded(x[0].permute(1, 2, 0).contiguous().numpy(), side))
    found = F.conv2d(blocks.permute(2, 0, 1)[None].float(), _for_folded(weight, side))
    torch.testing.assert_close(found, wanted, atol=1e-2, rtol=1e-5)


def test_channels_become_pixels() -> None:
    x = torch.randn(2, 4, 6, 10).contiguous(memory_format=torch.channels_last)
    assert torch.equal(_unfolded(x), F.pixel_shuffle(x, 2))


def test_without_ranges_it_stays_as_it_is() -> None:
    network = load_model(resolve("lite"))
    network.ranges = {}
    assert not prepare(network, EIGHT).takes_bytes
    assert precision_of(network, EIGHT) == "float32"
    asked = Runtime(CPU, torch.float32, eight_bits=True, precision="int8")
    with pytest.raises(UsageError, match="no ranges"):
        prepare(network, asked)


@multiplies
def test_what_it_computes_in_is_told() -> None:
    network = prepare(load_model(resolve("lite")), EIGHT)
    assert precision_of(network, EIGHT) == "int8"
    wide = Runtime(CPU, torch.bfloat16)
    assert precision_of(prepare(load_model(resolve("lite")), wide), wide) == "bfloat16"


def test_a_missing_range_is_named() -> None:
    network = load_model(resolve("lite"))
    network.ranges = {name: ends for name, ends in network.ranges.items() if "up_8_4" not in name}
    with pytest.raises(BadWeights, match=r"none of decoder\.up_8_4"):
        prepare(network, EIGHT)


@pytest.mark.parametrize(
    "told",
    ['{"a": [0, 1e400]}', '{"a": [NaN, 1]}', '{"a": [5, -5]}', '{"a": "12"}', '{"a": [1]}',
     '{"a": [0, 1, 2]}', '[1, 2]', "[" * 100_000, "no", '{"a": [null, 1]}'],
)  # fmt: skip
def test_ranges_that_can_not_be_are_refused(tmp_path: Path, told: str) -> None:
    path = tmp_path / "odd.safetensors"
    save_file(read_state(resolve("lite")), path, {"architecture": "lite", "ranges": told})
    for read in (load_model, verify):
        with pytest.raises(BadWeights, match="ranges that can't be read"):
            read(path)
