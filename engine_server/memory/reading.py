# SPDX-License-Identifier: Apache-2.0
"""What memory holds at one moment, to be read while more is being added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..network.config import MemoryConfig
from .places import Places
from .readout import memory_side, query_side, read_out
from .tokens import Tokens

__all__ = ["Reading"]


@dataclass(frozen=True)
class _Group:
    """Objects that are told of by the same tokens, ready to be read together.

    Attributes:
        objects: their ids.
        index: numbers of the tokens, or ``None`` for all.
        keys: M x (2C + 1), the tokens' side of the similarity.
        values: M x (objects * V).
    """

    objects: tuple[int, ...]
    index: Tensor | None
    keys: Tensor
    values: Tensor


class Reading:
    """One read-out over all stores, as they were when it was made; for any thread.

    Args:
        parts: tokens of all stores, in an order of their own.
        config: how they are read.
        dtype: of the values; keys stay float32.
    """

    def __init__(self, parts: Sequence[Tokens], config: MemoryConfig, dtype: torch.dtype) -> None:
        self._parts, self._config, self._dtype = list(parts), config, dtype
        self._count = sum(map(len, parts))

    def read(
        self,
        key: Tensor,
        selection: Tensor,
        objects: Sequence[int],
        places: Places | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Reads every object's value for a query frame.

        Args:
            key, selection: C x h x w of the query frame.
            objects: ids, each told of by some token.
            places: which of its places read; all by default.

        Returns:
            N x V x h x w in the dtype of the memory, in the order of ``objects``; and how much
            each token was read, ``None`` where that is not counted. A place that reads for others
            counts once.

        Raises:
            KeyError: an object that no token tells of.
        """
        if missing := set(objects) - {i for part in self._parts for i in part.values}:
            raise KeyError(f"memory tells nothing of objects {sorted(missing)}")
        h, w = key.shape[1:]
        queries = query_side(key.flatten(1).T, selection.flatten(1).T)
        if places is not None:
            queries = queries[places.reading]
        read: dict[int, Tensor] = {}
        usage = queries.new_zeros(self._count) if self._config.working else None
        for group in self._groups:
            mixed = self._of_group(group, queries, usage)
            mixed = mixed if places is None else mixed[places.instead]
            read.update(zip(group.objects, mixed.chunk(len(group.objects), 1), strict=True))
        return torch.stack([_plane(read[i], h, w) for i in objects]), usage

    def _of_group(self, group: _Group, queries: Tensor, usage: Tensor | None) -> Tensor:
        """Q x (objects * V); each group has its share of the usage."""
        used = None if usage is None else queries.new_zeros(len(group.keys))
        mixed = read_out(
            queries.to(group.keys.dtype), group.keys, group.values, self._config.top_k, usage=used
        )
        if usage is not None and used is not None:
            index = slice(None) if group.index is None else group.index
            usage[index] += used / len(self._groups)
        return mixed

    @property
    def _key_dtype(self) -> torch.dtype:
        """Similarities in float32 where the best tokens are chosen by them.

        Where all are read, the sum evens out what a shorter format rounds.
        """
        return self._dtype if self._config.top_k is None else torch.float32

    @cached_property
    def _groups(self) -> list[_Group]:
        tokens = Tokens.concat(self._parts)
        by_told: dict[bytes, list[int]] = {}
        for i, told in tokens.told.items():
            if bool(told.any()):
                by_told.setdefault(told.cpu().numpy().tobytes(), []).append(i)
        return [_group(tokens, objects, self._key_dtype) for objects in by_told.values()]


def _group(tokens: Tokens, objects: list[int], dtype: torch.dtype) -> _Group:
    told = tokens.told[objects[0]]
    keys = memory_side(tokens.key, tokens.shrinkage).to(dtype)
    values = torch.cat([tokens.values[i] for i in objects], 1)
    if bool(told.all()):
        return _Group(tuple(objects), None, keys, values)
    index = told.nonzero()[:, 0]
    return _Group(tuple(objects), index, keys[index], values[index])


def _plane(rows: Tensor, h: int, w: int) -> Tensor:
    """Hw x V -> V x h x w."""
    return rows.T.reshape(-1, h, w)
