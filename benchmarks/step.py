# SPDX-License-Identifier: Apache-2.0
"""One step of ``xmem``: the engine's path against a plain one, and against the processor.

    python -m benchmarks.step [--threads 2] [--repeats 7] [--height 480 --width 854]

A step is one frame of one object: key encoder, read-out of 15 remembered frames, decoder,
soft aggregation. Every tenth is a memory frame: the value encoder on top, and the memory's
tables built anew. Weights are stand-ins of the published shapes (speed does not depend on
them). Both paths take turns, so that whatever else the machine does meets both; medians
count. Masks are compared on frames that follow the remembered ones, from the same memory.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.drawn import DrawnShot
from benchmarks.plain import PlainPath
from engine_server.memory import Memory, Tokens
from engine_server.network import XMEM, XMem
from engine_server.network.inference import Runtime, pad_to_stride, prepare
from engine_server.session.tracker import Tracker
from tests.parity.parity_checks import stand_in_network

FLOAT32 = Runtime(torch.device("cpu"), torch.float32)
COMPARED = 5  # frames whose masks are compared
PEAK_SIZE = 2048  # of the matrices whose product is the processor's peak


@dataclass
class Times:
    """Seconds of wall clock and of processor by what took them, one number per repetition."""

    wall: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    cpu: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def take(self, name: str, call: Callable[[], object]) -> None:
        """Runs ``call`` and notes its time."""
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        self.wall[name].append(time.perf_counter() - wall)
        self.cpu[name].append(time.process_time() - cpu)


class EnginePath:
    """The engine as it is called by a session: one tracker that memorises, one that does not."""

    def __init__(self, network: XMem, runtime: Runtime, memory: list[Tokens]) -> None:
        self.tracker = Tracker(network, runtime, [1])
        often = replace(XMEM.memory, memory_every=1)
        self.memorising = Tracker(network, runtime, [1], config=often)
        for tracker in (self.tracker, self.memorising):
            fill(tracker.memory, memory)

    def restart(self, picture: Tensor) -> None:
        """A first step, not timed: from here on the memory's tables stand."""
        for tracker in (self.tracker, self.memorising):
            tracker.restart()
            tracker.step(picture)

    def memory_frame(self, picture: Tensor) -> None:
        """A memory frame, and a step after it, which builds the tables anew."""
        self.memorising.step(picture)
        self.memorising.step(picture, last=True)


def fill(memory: Memory, tokens: list[Tokens]) -> None:
    for frame, part in enumerate(tokens):
        memory.put_reference(frame, part)


def remembered(network: XMem, shot: DrawnShot, frames: int) -> list[Tokens]:
    """Tokens of the first frames of the shot, in float32."""
    tracker = Tracker(network, FLOAT32, [1])
    for number in range(frames):
        pixels, mattes = shot.frame(number)
        matte = {1: torch.from_numpy(mattes[1])}
        tracker.add_reference(number, as_tensor(pixels), matte)
    return tracker.memory.permanent.parts()


def as_tensor(pixels: object) -> Tensor:
    return torch.as_tensor(pixels).permute(2, 0, 1)


def measure(plain: PlainPath, engine: EnginePath, picture: Tensor, repeats: int) -> Times:
    times = Times()
    matrices = {d: torch.randn(PEAK_SIZE, PEAK_SIZE).to(d) for d in (torch.float32, torch.bfloat16)}
    for repeat in range(repeats + 1):
        if repeat == 1:
            times = Times()  # the first was for warming up
        for dtype, matrix in matrices.items():
            times.take(f"product {dtype}", lambda matrix=matrix: matrix @ matrix)  # type: ignore[misc]
        engine.restart(picture)
        times.take("plain step", lambda: plain.step(picture))
        times.take("engine step", lambda: engine.tracker.step(picture))
        times.take("plain memory frame", lambda: plain.step(picture, memorise=True))
        times.take("engine memory frame and step", lambda: engine.memory_frame(picture))
    return times


def agreement(
    plain: PlainPath, engine: EnginePath, shot: DrawnShot, first: int
) -> list[tuple[float, float]]:
    """Share of pixels with the same label, and share of the object, per frame."""
    found = []
    for number in range(first, first + COMPARED):
        picture = as_tensor(shot.frame(number)[0])
        plain.hidden = None
        engine.tracker.restart()
        ours, theirs = engine.tracker.step(picture).argmax(0), plain.step(picture).argmax(0)
        found.append(((ours == theirs).float().mean().item(), theirs.float().mean().item()))
    return found


@torch.no_grad()
def gigaflops(network: XMem, height: int, width: int) -> dict[str, float]:
    """Convolutions and products of each part, multiplication and addition counted apart."""
    frame, _ = pad_to_stride(torch.zeros(1, 3, height, width), 16)
    mask = torch.zeros(1, 1, *frame.shape[-2:])
    features = network.encode_key(frame)
    h, w = features.key.shape[-2:]
    hidden = network.new_hidden(1, 1, h, w)
    value, _ = network.encode_value(frame, features, mask)
    calls: dict[str, Callable[[], object]] = {
        "key encoder": lambda: network.encode_key(frame),
        "decoder": lambda: network.decode(features, value, hidden),
        "value encoder": lambda: network.encode_value(
            frame, features, mask, hidden, deep_update=True
        ),
    }
    return {name: _counted(call) for name, call in calls.items()}


def _counted(call: Callable[[], object]) -> float:
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops() / 1e9


def report(
    times: Times, flops: dict[str, float], masks: list[tuple[float, float]], runtime: Runtime
) -> str:
    """A Markdown table of medians, and what follows from them."""
    wall, cpu = (_medians(column) for column in (times.wall, times.cpu))
    lines = [
        "| | plain, s | engine, s | times faster | plain, processor s | engine | times less |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for what in ("step", "memory frame", "mean of ten"):
        cells = [_compared(column, what) for column in (wall, cpu)]
        lines.append(f"| {what} | {' | '.join(cells)} |")
    counted = ", ".join(f"{name} {value:.0f}" for name, value in flops.items())
    lines += ["", f"GFLOP: {counted}.", ""]
    work = flops["key encoder"] + flops["decoder"]
    for path, dtype in (("plain", torch.float32), ("engine", runtime.dtype)):
        lines += [_share_of_peak(path, dtype, work, wall, cpu), ""]
    same = [share for share, _ in masks]
    lines.append(
        f"Masks agree on {100 * statistics.mean(same):.2f} % of pixels "
        f"({100 * min(same):.2f} at worst of {len(same)} frames; the object covers "
        f"{100 * statistics.mean(share for _, share in masks):.0f} %)."
    )
    return "\n".join(lines)


def _medians(seconds: dict[str, list[float]]) -> dict[str, float]:
    found = {name: statistics.median(values) for name, values in seconds.items()}
    both = found.pop("engine memory frame and step")
    found["engine memory frame"] = both - found["engine step"]
    for path in ("plain", "engine"):
        step, memory = found[f"{path} step"], found[f"{path} memory frame"]
        found[f"{path} mean of ten"] = (9 * step + memory) / 10
    return found


def _compared(seconds: dict[str, float], what: str) -> str:
    plain, engine = seconds[f"plain {what}"], seconds[f"engine {what}"]
    return f"{plain:.2f} | {engine:.2f} | {plain / engine:.2f}"


def _share_of_peak(
    path: str, dtype: torch.dtype, work: float, wall: dict[str, float], cpu: dict[str, float]
) -> str:
    """What a step reaches of the rate of a matrix product, GFLOP/s; ``work`` in GFLOP."""
    product = 2 * PEAK_SIZE**3 / 1e9
    peak, rate = product / wall[f"product {dtype}"], work / wall[f"{path} step"]
    by_cpu = (work / cpu[f"{path} step"]) / (product / cpu[f"product {dtype}"])
    return (
        f"Matrix products in {str(dtype).removeprefix('torch.')} reach {peak:.0f} GFLOP/s, "
        f"the {path} step {rate:.0f}: {100 * rate / peak:.0f} % of the peak "
        f"({100 * by_cpu:.0f} % by processor time)."
    )


def main(words: list[str] | None = None) -> None:
    """Measure and print."""
    arguments = _parse(words)
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    network, runtime = stand_in_network(), Runtime.choose("cpu")
    shot = DrawnShot(arguments.height, arguments.width)
    memory = remembered(network, shot, arguments.frames)
    plain = PlainPath(network, memory)
    engine = EnginePath(prepare(copy.deepcopy(network), runtime), runtime, memory)
    picture = as_tensor(shot.frame(arguments.frames)[0])
    flops = gigaflops(network, arguments.height, arguments.width)
    masks = agreement(plain, engine, shot, arguments.frames)
    times = measure(plain, engine, picture, arguments.repeats)
    print(report(times, flops, masks, runtime))


def _parse(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time one step of xmem.")
    parser.add_argument("--threads", type=int, default=2, help="of the processor (2)")
    parser.add_argument("--repeats", type=int, default=7, help="turns of each path (7)")
    parser.add_argument("--frames", type=int, default=15, help="frames in memory (15)")
    parser.add_argument("--height", type=int, default=480, help="of the picture (480)")
    parser.add_argument("--width", type=int, default=854, help="of the picture (854)")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
