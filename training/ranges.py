# SPDX-License-Identifier: Apache-2.0
"""How large numbers get in a network: ``python -m training.ranges WEIGHTS.safetensors --data DIR``.

Runs the network over clips like those it was trained on, and writes into the weights file what goes
in and out of its layers. With that it can compute in eight bits.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from engine_server.network import LITE, XMem
from engine_server.network.blocks import ResBlock
from engine_server.network.state import load_model
from engine_server.network.trunks import InvertedResidual
from shared.errors import UsageError

from .data import HELD_OUT, load_shots, load_stills, split_shots
from .sampler import ClipSampler, SamplerConfig
from .step import predict

__all__ = ["main", "noted", "write_ranges"]

OUTLIERS = 1e-4  # share of the numbers of a layer, at each end, that may be cut off
SAMPLE = 200_000  # numbers of a layer that are looked at, each time
KINDS = {
    "key_encoder.stages": InvertedResidual,
    "key_encoder.norms": nn.BatchNorm2d,
    "value_encoder": (ResBlock, nn.Conv2d),
    "decoder": (ResBlock, nn.Conv2d),
}

Ranges = dict[str, tuple[float, float]]


@contextmanager
def noted(network: XMem) -> Iterator[Ranges]:
    """While it lasts, between what lies that goes in and out of layers is noted, by name."""
    seen: Ranges = {}
    generator = torch.Generator().manual_seed(0)
    layers = {
        f"{part}.{name}": layer
        for part, kinds in KINDS.items()
        for name, layer in network.get_submodule(part).named_modules()
        if isinstance(layer, kinds)
    }
    handles = [
        layer.register_forward_hook(_noting(seen, name, generator))
        for name, layer in layers.items()
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _noting(seen: Ranges, name: str, generator: torch.Generator) -> Callable[..., None]:
    def note(layer: nn.Module, given: tuple[Tensor, ...], found: Tensor) -> None:
        for end, x in ((f"{name}:in", given[0]), (f"{name}:out", found)):
            low, high = _ends(x.detach(), generator)
            before = seen.get(end, (0.0, 0.0))
            seen[end] = (min(low, before[0]), max(high, before[1]))

    return note


def _ends(x: Tensor, generator: torch.Generator) -> tuple[float, float]:
    """Between which all but the outliers of some of the numbers lie."""
    x = x.float().flatten()
    if len(x) > SAMPLE:
        x = x[torch.randint(0, len(x), (SAMPLE,), generator=generator)]
    low, high = torch.quantile(x, torch.tensor([OUTLIERS, 1 - OUTLIERS])).tolist()
    return low, high


def write_ranges(weights: Path, ranges: Ranges) -> None:
    """Adds ranges to what a weights file says of itself."""
    with safe_open(weights, framework="pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = dict(file.metadata() or {})
    short = {name: [round(end, 3) for end in ends] for name, ends in sorted(ranges.items())}
    part = weights.with_suffix(".part")
    save_file(state, part, {**metadata, "ranges": json.dumps(short)})
    part.chmod(0o644)  # safetensors makes it private; it is to be packaged
    part.replace(weights)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    network = load_model(options.weights)
    if network.config != LITE:
        raise UsageError(f"Only lite computes in eight bits, which {options.weights} is not for.")
    rng = np.random.default_rng(options.seed)
    shots, _ = split_shots(load_shots(options.data, licence=options.licence), HELD_OUT)
    stills = load_stills(options.data, licence=options.licence)
    sampler = ClipSampler(shots, stills, SamplerConfig(size=options.size))
    with noted(network) as seen, torch.inference_mode():
        for _ in range(options.batches):
            batch = sampler.batch(rng)
            predict(network, batch.frames, batch.masks, batch.references, batch.hints)
    write_ranges(options.weights, seen)
    sys.stdout.write(f"{options.weights}: {len(seen)} ranges\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.ranges", description=__doc__)
    parser.add_argument("weights", type=Path, help="a safetensors file, which is changed")
    parser.add_argument("--data", type=Path, required=True, help="as for training.train")
    parser.add_argument("--licence", choices=("any", "permissive"), default="any")
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--size", type=int, default=320, help="of the crops, pixels")
    parser.add_argument("--seed", type=int, default=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
