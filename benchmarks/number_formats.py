# SPDX-License-Identifier: Apache-2.0
"""`lite` in each number format: how long its parts take, and how far off they are.

    python -m benchmarks.number_formats [--height 480 --width 864 --threads 1 --repeats 9]

Formats take turns in one run; medians. Distances are of keys, values and logits from float32, as a
ratio of signal to error in decibels, on a drawn picture (10 times closer is 20 dB more).
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor

from engine_server.network import XMem
from engine_server.network.inference import Runtime, network_input, precision_of, prepare
from engine_server.network.state import load_model
from engine_server.network.weights import resolve
from tests.drawn import texture

PARTS = ("key", "value", "decoder")


@dataclass(frozen=True)
class Format:
    """The network in one number format, and a frame as it takes it."""

    name: str
    network: XMem
    frame: Tensor

    def run(self, mask: Tensor, hints: Tensor) -> tuple[dict[str, float], tuple[Tensor, ...]]:
        """Seconds by part, and keys, values and logits."""
        seconds: dict[str, float] = {}

        def timed(part: str, call: Callable[[], Any]) -> Any:
            start = time.perf_counter()
            found = call()
            seconds[part] = time.perf_counter() - start
            return found

        features = timed("key", lambda: self.network.encode_key(self.frame))
        values, _ = timed("value", lambda: self.network.encode_value(self.frame, features, mask))
        _, logits = timed("decoder", lambda: self.network.decode(features, values, None, hints))
        return seconds, (features.key, values, logits)


def formats(size: tuple[int, int]) -> list[Format]:
    """float32 first."""
    picture = torch.from_numpy(texture(*size, 3, colour=(90, 120, 60))).permute(2, 0, 1)
    found = []
    for precision in ("float32", "bfloat16", "auto"):
        runtime = Runtime.choose("cpu", precision=precision)
        network = prepare(load_model(resolve("lite")), runtime)
        frame, _ = network_input(network, picture, runtime)
        found.append(Format(precision_of(network, runtime), network, frame))
    return found


def decibels(found: Tensor, wanted: Tensor) -> float:
    """Signal to error."""
    error = (found.float() - wanted).square().mean()
    return 10 * math.log10(float(wanted.square().mean() / error.clamp_min(1e-30)))


@torch.inference_mode()
def main() -> None:
    """Runs all formats by turns and prints a table."""
    options = _parse()
    torch.set_num_threads(options.threads)
    size = options.height, options.width
    mask, hints = torch.zeros(1, 1, *size), torch.zeros(1, 1, 4, *size, dtype=torch.uint8)
    mask[..., size[0] // 4 : size[0] // 2, size[1] // 4 : size[1] // 2] = 1
    runs = {f.name: (f, [f.run(mask, hints) for _ in range(2)]) for f in formats(size)}
    for _ in range(options.repeats):
        for one, done in runs.values():
            done.append(one.run(mask, hints))
    plain = runs["float32"][1][-1][1]
    print("| | key, ms | value, ms | decoder, ms | dB: keys | values | logits |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    for name, (_, done) in runs.items():
        spans = [f"{1e3 * median(s[part] for s, _ in done[2:]):.0f}" for part in PARTS]
        off = [f"{decibels(a, b):.0f}" for a, b in zip(done[-1][1], plain, strict=True)]
        print(f"| {name} | {' | '.join(spans + (off if name != 'float32' else [''] * 3))} |")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="lite in each number format.")
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--width", type=int, default=864)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=9)
    return parser.parse_args()


if __name__ == "__main__":
    main()
