# SPDX-License-Identifier: Apache-2.0
"""Small stand-ins for tests of memory and tracker: random tokens, a narrow network, pictures."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from engine_server.memory import Tokens
from engine_server.network import LITE, MemoryConfig, NetworkConfig, XMem
from engine_server.network.inference import Runtime, prepare
from engine_server.session.tracker import Tracker
from tests.parity.data.stand_in_weights import stand_in_state

KEY, VALUE = 6, 5
HEIGHT, WIDTH = 60, 70  # padded to 64 x 80: 20 tokens
TOKENS = 20

WITH_HIDDEN = NetworkConfig(
    name="tiny",
    trunk="lite0",
    value_trunk="folded",
    attention="cbam",
    feature_dims={16: 112, 8: 40, 4: 24},
    key_dim=16,
    value_dim=32,
    hidden_dim=8,
    value_trunk_dim=32,
    up="published",
    hints=0,
    close_up=False,
    decoder_dims=(32, 24, 16),
    mean=LITE.mean,
    std=LITE.std,
    memory=MemoryConfig(
        memory_every=2, min_frames=1, max_frames=3, prototypes=8, max_long_term=20, top_k=12
    ),
)


def random_tokens(seed: int, count: int, told: dict[int, Iterable[bool]] | Iterable[int]) -> Tokens:
    """Tokens with random numbers; ``told`` by object and token, or objects told everywhere."""
    rng = torch.Generator().manual_seed(seed)
    if not isinstance(told, dict):
        told = {obj: [True] * count for obj in told}
    flags = {obj: torch.tensor(list(row), dtype=torch.bool) for obj, row in told.items()}
    values = {
        obj: torch.randn(count, VALUE, generator=rng) * row[:, None] for obj, row in flags.items()
    }
    key = torch.randn(count, KEY, generator=rng)
    shrinkage = 1 + torch.rand(count, 1, generator=rng)
    return Tokens(key, shrinkage, torch.rand(count, KEY, generator=rng), values, flags)


def random_query(seed: int, height: int = 2, width: int = 3) -> tuple[Tensor, Tensor]:
    """Key and selection of a query frame, C x h x w."""
    rng = torch.Generator().manual_seed(seed)
    key = torch.randn(KEY, height, width, generator=rng)
    return key, torch.rand(KEY, height, width, generator=rng)


def built(config: NetworkConfig) -> XMem:
    """A network with stand-in weights, its logits on both sides of zero."""
    network = XMem(config).eval().requires_grad_(False)
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    state = {name: torch.from_numpy(np.array(a)) for name, a in stand_in_state(shapes).items()}
    network.load_state_dict(state)
    features = network.encode_key(network.normalise(picture(0)[None, :, :48, :64]))
    value, hidden = network.encode_value(
        torch.zeros(1, 3, 48, 64), features, torch.zeros(1, 1, 48, 64)
    )
    hidden = network.new_hidden(1, 1, 3, 4)
    logits = network.decode(features, value, hidden)[1]
    network.decoder.pred.bias -= logits.median()
    return network


@functools.cache
def _prepared(name: str, dtype: torch.dtype) -> tuple[XMem, Runtime]:
    runtime = Runtime(torch.device("cpu"), dtype)
    return prepare(built({"tiny": WITH_HIDDEN, "lite": LITE}[name]), runtime), runtime


def prepared(config: NetworkConfig, dtype: torch.dtype = torch.float32) -> tuple[XMem, Runtime]:
    """The same, ready to run on the CPU; made once."""
    return _prepared(config.name, dtype)


def tracker(
    config: NetworkConfig = WITH_HIDDEN,
    objects: tuple[int, ...] = (1, 2),
    *,
    dtype: torch.dtype = torch.float32,
    memory: MemoryConfig | None = None,
) -> Tracker:
    """A tracker that has seen nothing yet."""
    network, runtime = prepared(config, dtype)
    return Tracker(network, runtime, objects, config=memory)


def picture(frame: int) -> Tensor:
    """A picture of its own for each frame number: 3 x H x W, uint8."""
    rng = torch.Generator().manual_seed(1000 + frame)
    coarse = torch.rand(1, 3, 8, 9, generator=rng)
    size = (HEIGHT, WIDTH)
    smooth = torch.nn.functional.interpolate(coarse, size, mode="bilinear", align_corners=False)
    return (smooth[0] * 255).to(torch.uint8)


def disc(x: float, y: float, radius: float = 12, *, soft: float = 0) -> Tensor:
    """Matte of a disc, H x W, with an edge ``soft`` pixels wide."""
    rows, columns = torch.meshgrid(
        torch.arange(float(HEIGHT)), torch.arange(float(WIDTH)), indexing="ij"
    )
    inside = radius - torch.hypot(columns - x, rows - y)
    return (inside / soft + 0.5).clamp(0, 1) if soft else (inside > 0).float()


def mattes(frame: int, objects: Iterable[int] = (1, 2), *, soft: float = 0) -> dict[int, Tensor]:
    """Painted mattes of a frame: discs that move."""
    return {
        obj: disc(15 + 20 * (obj - 1) + frame, 30 - frame % 7, 9 + obj, soft=soft)
        for obj in objects
    }
