# SPDX-License-Identifier: Apache-2.0
"""Time and memory per frame of a long shot: both must stay flat.

    python -m benchmarks.long_run [--frames 1000] [--height 180 --width 320] [--threads 1]
                                  [-o docs/pictures/long_run.png] [--csv FILE]

A shot of two objects, drawn frame by frame, goes through a `Session` as any other, three of
its frames painted. ``xmem`` has stand-in weights (its cost does not depend on them) and all
its memories: working memory is compressed every 50 frames, and long-term memory grows.
Each network runs in a process of its own. Linux: resident memory is read from /proc.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.drawn import DrawnShot
from engine_server import FrameResult, Session
from engine_server.media import Plate, ViewTransform
from tests.parity.parity_checks import stand_in

MODELS = ("xmem", "lite")
PAINTED = (0.0, 0.3, 0.7)  # of the shot
SHARE = 5  # the first and the last fifth are compared


@dataclass(frozen=True)
class Sample:
    """What one frame took.

    Attributes:
        frame: its number.
        seconds: of wall clock.
        processor_seconds: of all threads.
        megabytes: resident when it was done.
    """

    frame: int
    seconds: float
    processor_seconds: float
    megabytes: float


class DrawnPlate(Plate):
    """A drawn shot as a plate."""

    def __init__(self, shot: DrawnShot, frames: int) -> None:
        size = (shot.height, shot.width)
        super().__init__(name="drawn", frames=tuple(range(frames)), size=size, view=ViewTransform())
        self._shot = shot

    def stem(self, frame: int) -> str:
        """As a file of it would be named."""
        return f"drawn.{frame:04d}"

    def path(self, frame: int) -> Path:
        """There is none; where one would be."""
        return Path(f"{self.stem(frame)}.png")

    def _load(self, frame: int) -> tuple[NDArray[Any], str]:
        return self._shot.frame(frame)[0], "srgb"


def run(model: str, frames: int, size: tuple[int, int], threads: int) -> list[Sample]:
    """Propagates over the shot and measures each frame."""
    torch.set_num_threads(threads)
    shot = DrawnShot(*size, objects=2)
    with tempfile.TemporaryDirectory() as folder:
        weights = _stand_in_weights(Path(folder)) if model == "xmem" else model
        session = Session(DrawnPlate(shot, frames), model=weights, device="cpu", size=min(size))
    with session:
        for name in ("one", "two"):
            session.add_object(name)
        for share in PAINTED:
            frame = int(share * frames)
            session.set_reference(frame, shot.frame(frame)[1])
        watch = Watch()
        session.propagate(on_frame=watch)
    return watch.samples


class Watch:
    """Notes what each frame took since the one before."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._last = time.perf_counter(), time.process_time()

    def __call__(self, result: FrameResult) -> None:
        """Called with each finished frame."""
        now = time.perf_counter(), time.process_time()
        wall, cpu = (after - before for after, before in zip(now, self._last, strict=True))
        self.samples.append(Sample(result.frame, wall, cpu, resident()))
        self._last = now


def resident() -> float:
    """Megabytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _stand_in_weights(folder: Path) -> Path:
    path = folder / "stand_in.pth"
    torch.save(stand_in(), path)
    return path


def summary(model: str, samples: Sequence[Sample]) -> str:
    """A row of a Markdown table: medians of the first and the last fifth, and their ratio."""
    part = max(1, len(samples) // SHARE)
    ends = samples[:part], samples[-part:]
    cells = [model, str(len(samples))]
    for name, digits in (("seconds", 3), ("processor_seconds", 3), ("megabytes", 0)):
        first, last = (statistics.median(getattr(s, name) for s in end) for end in ends)
        cells += [f"{first:.{digits}f}", f"{last:.{digits}f}", f"{last / first:.2f}"]
    return f"| {' | '.join(cells)} |"


def table(runs: dict[str, list[Sample]]) -> str:
    """Markdown."""
    columns = ("s a frame", "processor s", "MB resident")
    head = " | ".join(f"{name}, first fifth | last | ratio" for name in columns)
    lines = [f"| network | frames | {head} |", "|---|--:" + "|--:" * 9 + "|"]
    return "\n".join([*lines, *(summary(model, samples) for model, samples in runs.items())])


def plot(runs: dict[str, list[Sample]], path: Path) -> None:
    """A picture of processor time and memory over the frames."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (above, below) = pyplot.subplots(2, 1, sharex=True, figsize=(9, 6))
    for model, samples in runs.items():
        frames = [s.frame for s in samples]
        seconds = np.array([s.processor_seconds for s in samples])
        (line,) = above.plot(frames, seconds, lw=0.4, alpha=0.5)
        above.plot(frames, _smooth(seconds), color=line.get_color(), label=model)
        below.plot(frames, [s.megabytes for s in samples], label=model)
    above.set(ylabel="processor seconds a frame", yscale="log")
    below.set(ylabel="resident memory, MB", xlabel="frame", ylim=(0, None))
    for axes in (above, below):
        axes.grid(alpha=0.3)
        axes.legend(loc="center right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def _smooth(values: NDArray[np.float64], width: int = 21) -> NDArray[np.float64]:
    """Running median."""
    padded = np.pad(values, width // 2, mode="edge")
    smooth: NDArray[np.float64] = np.median(
        np.lib.stride_tricks.sliding_window_view(padded, width), 1
    )
    return smooth


def write_csv(runs: dict[str, list[Sample]], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["network", "frame", "seconds", "processor_seconds", "megabytes"])
        for model, samples in runs.items():
            for s in samples:
                numbers = f"{s.seconds:.4f}", f"{s.processor_seconds:.4f}", f"{s.megabytes:.1f}"
                writer.writerow([model, s.frame, *numbers])


def main(words: list[str] | None = None) -> None:
    """Run, print, draw."""
    arguments = _parse(words)
    size = (arguments.height, arguments.width)
    runs = {}
    for model in arguments.models:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            job = process.submit(run, model, arguments.frames, size, arguments.threads)
            runs[model] = job.result()
    print(table(runs))
    plot(runs, arguments.output)
    if arguments.csv:
        write_csv(runs, arguments.csv)


def _parse(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time and memory per frame of a long shot.")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS, help="(both)")
    parser.add_argument("--frames", type=int, default=1000, help="of the shot (1000)")
    parser.add_argument("--height", type=int, default=180, help="of the picture (180)")
    parser.add_argument("--width", type=int, default=320, help="of the picture (320)")
    parser.add_argument("--threads", type=int, default=1, help="of the processor (1)")
    picture = Path("docs/pictures/long_run.png")
    parser.add_argument("-o", "--output", type=Path, default=picture, help=f"plot ({picture})")
    parser.add_argument("--csv", type=Path, help="also write the numbers to this file")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
