# SPDX-License-Identifier: Apache-2.0
"""Pictures of training clips, and of what a checkpoint makes of them.

``python -m training.look --data DIR --picture FILE.jpg [--checkpoint FILE]``: one row per
clip; references have a white frame, below each row of targets comes the prediction.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engine_server.network import LITE, XMem, aggregate

from .augment import Image
from .data import load_shots, load_stills, split_shots
from .sampler import Batch, ClipSampler, SamplerConfig
from .step import predict

__all__ = ["main", "sheet"]

_COLOURS = np.array([[230, 40, 40], [40, 220, 60], [60, 90, 255]], np.float32)


def sheet(batch: Batch, model: XMem | None = None) -> Image:
    """All clips of a batch, S x S pixels a frame, as one RGB picture."""
    found = _predictions(batch, model) if model is not None else None
    rows = []
    for clip, (frames, masks) in enumerate(zip(batch.frames, batch.masks, strict=True)):
        tiles = [overlay(frame, mask) for frame, mask in zip(frames, masks, strict=True)]
        for tile in tiles[: batch.references]:
            cv2.rectangle(tile, (0, 0), (tile.shape[1] - 1, tile.shape[0] - 1), (255, 255, 255), 3)
        rows.append(np.hstack([*frames, *tiles]))
        if found is not None:
            shown = [
                overlay(f, m) for f, m in zip(frames[batch.references :], found[clip], strict=True)
            ]
            rows.append(np.hstack([*frames, *frames[: batch.references], *shown]))
    return np.vstack(rows)


def overlay(frame: Image, masks: NDArray[np.uint8]) -> Image:
    """S x S x 3 with N coverages tinted in."""
    picture = frame.astype(np.float32)
    for colour, mask in zip(_COLOURS, masks, strict=False):
        weight = mask[..., None] * np.float32(0.5 / 255)
        picture += weight * (colour - picture)
    return np.ascontiguousarray(picture.astype(np.uint8))


@torch.no_grad()
def _predictions(batch: Batch, model: XMem) -> NDArray[np.uint8]:
    """B x Q x N x S x S coverage."""
    logits = predict(model, batch.frames, batch.masks, batch.references, batch.hints).logits
    prob = aggregate(torch.sigmoid(logits), dim=1)[:, 1:]
    planes = (prob * 255).byte().numpy()
    return np.asarray(planes.reshape(-1, len(batch.frames), *planes.shape[1:]).swapaxes(0, 1))


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.look", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--picture", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    shots = split_shots(load_shots(options.data))[0]
    sampler = ClipSampler(shots, load_stills(options.data), SamplerConfig(clips=8))
    model = None
    if options.checkpoint:
        model = XMem(LITE).eval()
        model.load_state_dict(torch.load(options.checkpoint, weights_only=True)["average"])
    picture = sheet(sampler.batch(np.random.default_rng(options.seed)), model)
    cv2.imwrite(str(options.picture), np.ascontiguousarray(picture[..., ::-1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
