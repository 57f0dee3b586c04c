# SPDX-License-Identifier: Apache-2.0
"""The candidate selector on a long shot: seconds, pairs compared, memory.

    python -m benchmarks.candidates [--frames 1000] [-k 5] [--threads 2]

The keys are those of a drawn shot at 480p (30 x 54 places): smooth textures that pan and turn
into others over some hundred frames, and a mask that wanders. Encoding the frames is not
counted. On a shorter shot the result is compared with that of comparing everything.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from unittest import mock

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine_server.session import candidates
from engine_server.session.candidates import FrameSketch, choose_candidates, dissimilarity, sketch

CHANNELS, PLACES, SIZE = 64, (30, 54), (480, 854)
TURN = 120  # frames from one set of textures to the next


class DriftingShot:
    """Keys, selections and masks of a shot, drawn by frame number."""

    def __init__(self, places: tuple[int, int] = PLACES, size: tuple[int, int] = SIZE) -> None:
        self.places, self.size = places, size

    def sketch(self, frame: int, *, alpha: float = 0.5) -> FrameSketch:
        """What a session would keep of the frame."""
        channels = self._drifting(frame, 2 * CHANNELS + 1)  # C x h x w
        noise = np.random.default_rng(frame).normal(0, 0.05, channels.shape)
        key, selection, shrinkage = np.split(
            (channels + noise).astype(np.float32), (CHANNELS, 2 * CHANNELS)
        )
        return sketch(
            torch.from_numpy(key),
            torch.from_numpy(shrinkage).square() + 1,
            torch.sigmoid(torch.from_numpy(selection)),
            self._mask(frame),
            alpha=alpha,
            min_presence_percent=0.25,
        )

    def _drifting(self, frame: int, channels: int) -> NDArray[np.float32]:
        """From one texture to the next along a circle, so that the spread stays, in pan."""
        number, part = divmod(frame, TURN)
        angle = np.float32(0.5 * np.pi * part / TURN)
        old, new = (_texture(number + i, channels, self.places) for i in (0, 1))
        return np.roll(np.cos(angle) * old + np.sin(angle) * new, frame // 6, 2)

    def _mask(self, frame: int) -> NDArray[np.float32]:
        height, width = self.size
        centre = [
            round(side * (0.5 + 0.6 * np.sin(frame / period)))
            for side, period in ((width, 57), (height, 83))
        ]
        canvas = np.zeros(self.size, np.uint8)
        cv2.ellipse(canvas, centre, (width // 8, height // 6), frame, 0, 360, 1, -1)
        return canvas.astype(np.float32)


def _texture(seed: int, channels: int, places: tuple[int, int]) -> NDArray[np.float32]:
    """Channels x h x w, smooth, mean 0, deviation 1."""
    rng = np.random.default_rng(seed)
    rough = rng.normal(size=(channels, 8, 14)).astype(np.float32)
    height, width = places
    planes = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_CUBIC) for plane in rough]
    smooth = np.stack(planes)
    return smooth / smooth.std()


def by_comparing_everything(
    frames: Sequence[FrameSketch], previous: Sequence[int], k: int
) -> list[int]:
    """The definition of `choose_candidates`, every frame with every chosen one."""
    chosen = list(previous)
    lowest = [np.inf if frame.present else 0.0 for frame in frames]
    for step in range(len(previous) + k):
        if step >= len(previous):
            best = int(np.argmax([0 if i in chosen else low for i, low in enumerate(lowest)]))
            if lowest[best] == 0 or best in chosen:
                break
            chosen.append(best)
        newest = frames[chosen[step]]
        for i, frame in enumerate(frames):
            if lowest[i] > 0:
                lowest[i] = min(lowest[i], dissimilarity(newest, frame))
    return chosen[len(previous) :]


def held(frame: FrameSketch) -> int:
    """Bytes."""
    parts: list[Tensor] = [frame.key, frame.shrinkage, frame.selection]
    return sum(part.untyped_storage().nbytes() for part in parts)


def main(words: list[str] | None = None) -> None:
    """Measure and print."""
    arguments = _parse(words)
    torch.set_num_threads(arguments.threads)
    count, k = arguments.frames, arguments.k
    shot = DriftingShot()
    frames = [shot.sketch(i) for i in range(count)]
    previous = [0, count // 2, count - 1]
    counted = mock.Mock(side_effect=dissimilarity)
    wall, cpu = time.perf_counter(), time.process_time()
    with mock.patch.object(candidates, "dissimilarity", counted):
        chosen = choose_candidates(frames, previous, k)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    megabytes = sum(map(held, frames)) / 1e6
    print(f"{count} frames, {len(previous)} painted, {k} wanted: {chosen}")
    print(f"{wall:.1f} s, {cpu:.1f} s of processor time on {arguments.threads} threads")
    print(f"{counted.call_count} pairs of {count * (len(previous) + k - 1)} (chosen by frame)")
    print(f"{megabytes:.0f} MB of sketches, {megabytes / count:.2f} MB a frame")
    short = frames[:: max(1, count // arguments.short)][: arguments.short]
    painted = [0, len(short) // 2]
    same = choose_candidates(short, painted, k) == by_comparing_everything(short, painted, k)
    print(f"On {len(short)} frames, the same as by comparing everything: {same}")


def _parse(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time the candidate selector.")
    parser.add_argument("--frames", type=int, default=1000, help="of the shot (1000)")
    parser.add_argument("-k", type=int, default=5, help="candidates wanted (5)")
    parser.add_argument("--threads", type=int, default=2, help="of the processor (2)")
    parser.add_argument("--short", type=int, default=60, help="frames of the comparison (60)")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
