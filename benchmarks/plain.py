# SPDX-License-Identifier: Apache-2.0
"""The plain path: XMem's step as its paper writes it, kept to compare the engine with.

float32, contiguous tensors, batch-norms as they are; the affinity is a dense table of all
memory tokens by all query places, zero but for the 30 best of each place, and the read-out
one matrix product with it.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from engine_server.memory import Tokens
from engine_server.network import Features, XMem, aggregate
from engine_server.network.inference import pad_to_stride, unpad

__all__ = ["PlainPath"]


class PlainPath:
    """One object, carried by the plain path.

    Args:
        network: float32, as its weights were loaded.
        memory: tokens of the frames in memory; they tell of object 1.
    """

    def __init__(self, network: XMem, memory: Iterable[Tokens]) -> None:
        frames = list(memory)
        self.network = network
        self.key = torch.cat([f.key for f in frames]).T.contiguous()[None]  # 1 x C x M
        self.shrinkage = torch.cat([f.shrinkage for f in frames])[None]  # 1 x M x 1
        self.value = torch.cat([f.values[1].float() for f in frames]).T.contiguous()[None]
        self.hidden: Tensor | None = None

    @torch.inference_mode()
    def step(self, picture: Tensor, *, memorise: bool = False) -> Tensor:
        """Picture 3 x H x W in 0..255 -> probabilities 2 x H x W; the memory stays as it is."""
        frame, pad = pad_to_stride(self.network.normalise(picture[None]), 16)
        features = self.network.encode_key(frame)
        h, w = features.key.shape[-2:]
        hidden = self.hidden if self.hidden is not None else self.network.new_hidden(1, 1, h, w)
        readout = (self.value @ self.affinity(features)).view(1, 1, -1, h, w)
        self.hidden, logits = self.network.decode(features, readout, hidden, update=not memorise)
        prob = aggregate(torch.sigmoid(logits[0]), 0)
        if memorise:
            self._memorise(frame, features, prob)
        return unpad(prob, pad)

    def affinity(self, features: Features, top_k: int = 30) -> Tensor:
        """1 x M x Q, each column the softmax over its ``top_k`` largest similarities."""
        query, selection = features.key.flatten(2), features.selection.flatten(2)  # 1 x C x Q
        squares = self.key.square().transpose(1, 2) @ selection
        products = 2 * self.key.transpose(1, 2) @ (query * selection)
        rest = (selection * query.square()).sum(1, keepdim=True)
        table = (products - squares - rest) * self.shrinkage / self.key.shape[1] ** 0.5
        values, index = torch.topk(table, top_k, 1)
        return torch.zeros_like(table).scatter_(1, index, torch.softmax(values, 1))

    def _memorise(self, frame: Tensor, features: Features, prob: Tensor) -> None:
        value, self.hidden = self.network.encode_value(
            frame, features, prob[None, 1:], self.hidden, deep_update=True
        )
        torch.cat([self.key, features.key.flatten(2)], 2)  # what storing it would cost
        torch.cat([self.value, value[0].flatten(2)], 2)
