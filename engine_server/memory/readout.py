# SPDX-License-Identifier: Apache-2.0
"""Reading from memory: anisotropic similarity, softmax, weighted values.

The similarity of XMem (section 3.2, equation 2) between a memory token and a query is
``-s * sum_c e_c (k_c - q_c)^2 / sqrt(C)`` with the token's key k and shrinkage s, the
query's key q and selection e. Multiplied out it is one inner product of 2C + 1 numbers
per side, so one matrix product gives the whole table:

    token [s k^2, s k, s] / sqrt(C)        query [-e, 2 e q, -sum_c e_c q_c^2]
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "Weights",
    "memory_side",
    "query_side",
    "read_out",
    "read_weights",
    "similarity",
    "weighted_values",
]

BLOCK = 16  # tokens whose maximum stands for them in the first pass of the top-k
CHUNK = 1 << 23  # similarities computed at a time (32 MB in float32), to choose the best of
CHUNK_OF_ALL = 1 << 20  # where all are read; they stay in the cache
TILE = 1024  # tokens of one matrix product on the CPU: its result stays in the cache


def memory_side(key: Tensor, shrinkage: Tensor) -> Tensor:
    """Token side of the similarity.

    Args:
        key: M x C.
        shrinkage: M x 1.

    Returns:
        M x (2C + 1), float32.
    """
    scaled = shrinkage / key.shape[1] ** 0.5
    return torch.cat([key.square() * scaled, key * scaled, scaled], 1)


def query_side(key: Tensor, selection: Tensor) -> Tensor:
    """Query side of the similarity: keys and selections Q x C -> Q x (2C + 1)."""
    weighted = selection * key
    return torch.cat([-selection, 2 * weighted, -(weighted * key).sum(1, keepdim=True)], 1)


def similarity(query: Tensor, memory: Tensor) -> Tensor:
    """Q x (2C + 1) and M x (2C + 1) -> Q x M, at most 0 but for rounding."""
    return query @ memory.T


@dataclass(frozen=True)
class Weights:
    """What each query takes from which token.

    Attributes:
        index: Q x k token numbers, or ``None`` where every token is read.
        weight: Q x k (or Q x M), each row sums to 1.
    """

    index: Tensor | None
    weight: Tensor

    def usage(self, tokens: int) -> Tensor:
        """How much each of M tokens was read in all, M floats."""
        if self.index is None:
            return self.weight.sum(0)
        usage = self.weight.new_zeros(tokens)
        return usage.index_add_(0, self.index.flatten(), self.weight.flatten())


def read_weights(query: Tensor, memory: Tensor, top_k: int | None) -> Weights:
    """Softmax of the similarity over the ``top_k`` best tokens of each query.

    Args:
        query: Q x (2C + 1), from `query_side`.
        memory: M x (2C + 1), from `memory_side`.
        top_k: tokens read per query; ``None`` or more than M reads all.
    """
    if top_k is None or top_k >= len(memory):
        return Weights(None, torch.softmax(similarity(query, memory), 1))
    values, index = _best(_table(query, memory), top_k)
    return Weights(index, torch.softmax(values, 1))


def read_out(
    query: Tensor, memory: Tensor, values: Tensor, top_k: int | None, *,
    usage: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """What each query reads.

    Queries are taken in chunks, so that the table of all similarities never exists.

    Args:
        query, memory, top_k: as for `read_weights`.
        values: M x V.
        usage: M floats, to which is added how much each token was read in all.

    Returns:
        Q x V in the dtype of ``values``.
    """
    mixed = []
    chunk = CHUNK if top_k else CHUNK_OF_ALL
    for part in torch.split(query, max(1, chunk // len(memory))):
        weights = read_weights(part, memory, top_k)
        mixed.append(weighted_values(weights, values))
        if usage is not None:
            usage += weights.usage(len(memory))
    return torch.cat(mixed)


def _table(query: Tensor, memory: Tensor) -> Tensor:
    """`similarity`, on the CPU tile by tile: Q x M, without gradients.

    The products are short (2C + 1 numbers) and their results large: written to a tile
    first, they take two thirds of the time.
    """
    if query.device.type != "cpu":
        return similarity(query, memory)
    table = query.new_empty(len(query), len(memory))
    for start in range(0, len(memory), TILE):
        tile = slice(start, start + TILE)
        table[:, tile] = similarity(query, memory[tile])
    return table


def _best(table: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of each row, exactly, and where they are.

    A row's k largest lie in the k blocks with the largest maxima, so only these are
    looked into: several times quicker than a top-k over the whole row. Block b is every
    so-many-th column from b, so that the maxima of all blocks are computed side by side.
    """
    columns = table.shape[1]
    blocks = -(-columns // BLOCK)
    if blocks <= 2 * k or table.device.type != "cpu":
        values, index = torch.topk(table, k, 1)
        return values, index
    whole = columns // blocks * blocks
    maxima = table[:, :whole].view(len(table), -1, blocks).amax(1)
    rest = table[:, whole:]  # what the first blocks have in excess of the others
    maxima[:, : columns - whole] = torch.maximum(maxima[:, : columns - whole], rest)
    chosen = torch.topk(maxima, k, 1, sorted=False).indices  # rows x k
    index = (chosen[:, None] + torch.arange(0, columns, blocks)[:, None]).flatten(1)
    inside = table.gather(1, index.clamp(max=columns - 1))  # rows x BLOCK*k
    values, at = torch.topk(inside.masked_fill_(index >= columns, float("-inf")), k, 1)
    return values, index.gather(1, at)


def weighted_values(weights: Weights, values: Tensor) -> Tensor:
    """Mixes the tokens' values: M x V -> Q x V, in the dtype of ``values``."""
    if weights.index is None:
        return weights.weight.to(values.dtype) @ values
    weight = weights.weight.to(values.dtype)
    if _has_bags(values.device):
        return F.embedding_bag(weights.index, values, per_sample_weights=weight, mode="sum")
    return (weight[..., None] * values[weights.index]).sum(1)


def _has_bags(device: torch.device) -> bool:
    """Older versions of torch have none for Apple's GPUs."""
    return device.type != "mps"
