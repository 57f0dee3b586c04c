# SPDX-License-Identifier: Apache-2.0
"""One pass of a batch of clips: references into memory, queries out of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine_server.memory.readout import memory_side, query_side, read_weights, weighted_values
from engine_server.network import Features, XMem, aggregate

__all__ = ["Prediction", "predict"]


@dataclass(frozen=True)
class Prediction:
    """Logits and targets of the queries, both QB x N x S x S (all clips of a query in a row)."""

    logits: Tensor
    targets: Tensor


def predict(
    model: XMem, frames: NDArray[np.uint8], masks: NDArray[np.uint8], references: int,
    hints: NDArray[np.uint8] | None = None, *, memorise: bool = False,
) -> Prediction:  # fmt: skip
    """Segments the queries of every clip from what is in memory.

    Args:
        frames: B x T x H x W x 3 uint8 RGB, sides multiples of 16.
        masks: B x T x N x H x W uint8 coverage.
        references: how many of the first frames are given with their masks.
        hints: B x T x N x 4 x H x W uint8 from optical flow, or ``None``.
        memorise: whether a query, as it was predicted, is in memory for those after it.
    """
    clips, count = len(frames), frames.shape[1]
    given = references * clips
    planes = _time_first(masks).float() / 255  # TB x N x H x W
    told = None if hints is None else _time_first(hints).float() / 255
    pictures = model.normalise(_time_first(frames).permute(0, 3, 1, 2))
    pictures = pictures.contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        features = model.encode_key(pictures)
        known = _part(features, slice(0, given))
        values, _ = model.encode_value(pictures[:given], known, planes[:given])
        logits = []
        for rows in _rounds(references, count, clips, together=not memorise):
            asked = _part(features, rows)
            readout = _read(known, asked, values, clips)
            shown = None if told is None else told[rows]
            _, found = model.decode(asked, readout.to(values.dtype), None, shown)
            logits.append(found)
            if memorise and rows.stop < len(pictures):
                mattes = aggregate(torch.sigmoid(found.detach()), 1)[:, 1:]
                new, _ = model.encode_value(pictures[rows], asked, mattes)
                known, values = _part(features, slice(0, rows.stop)), torch.cat([values, new])
    return Prediction(torch.cat(logits).float(), planes[given:])


def _rounds(references: int, count: int, clips: int, *, together: bool) -> list[slice]:
    """Rows of the queries: all at once, or one frame of every clip after the other."""
    if together:
        return [slice(references * clips, count * clips)]
    return [slice(t * clips, (t + 1) * clips) for t in range(references, count)]


def _time_first(array: NDArray[np.uint8]) -> Tensor:
    """B x T x ... -> TB x ..., so that references of all clips come first."""
    return torch.from_numpy(np.ascontiguousarray(array.swapaxes(0, 1))).flatten(0, 1)


def _part(features: Features, rows: slice) -> Features:
    maps = {stride: level[rows] for stride, level in features.maps.items()}
    return Features(features.key[rows], features.shrinkage[rows], features.selection[rows], maps)


def _read(known: Features, asked: Features, values: Tensor, clips: int) -> Tensor:
    """Read-out QB x N x V x h x w: every clip reads from its own references."""
    h, w = values.shape[-2:]
    with torch.autocast("cpu", enabled=False):
        rows = [_read_clip(known, asked, values.float(), clip, clips) for clip in range(clips)]
        readout = torch.stack(rows, 1).flatten(0, 1)  # QB x hw x NV
    objects, width = values.shape[1:3]
    return readout.transpose(1, 2).reshape(len(readout), objects, width, h, w)


def _read_clip(known: Features, asked: Features, values: Tensor, clip: int, clips: int) -> Tensor:
    """Q x hw x NV of one clip, whose frames are every ``clips``-th row."""
    memory = memory_side(_tokens(known.key[clip::clips]), _tokens(known.shrinkage[clip::clips]))
    query = query_side(_tokens(asked.key[clip::clips]), _tokens(asked.selection[clip::clips]))
    stored = _tokens(values[clip::clips].flatten(1, 2))
    mixed = weighted_values(read_weights(query, memory, None), stored)  # Q*hw x NV
    return mixed.view(len(asked.key[clip::clips]), -1, mixed.shape[1])


def _tokens(planes: Tensor) -> Tensor:
    """F x C x h x w -> F*h*w x C."""
    return planes.flatten(2).transpose(1, 2).flatten(0, 1)
