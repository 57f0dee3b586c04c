# SPDX-License-Identifier: Apache-2.0
"""The memory as a whole: what is kept where, and one read-out over all of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..network.config import MemoryConfig
from .readout import memory_side, query_side, read_out
from .stores import LongTermMemory, PermanentMemory, WorkingMemory, consolidate
from .tokens import Tokens

__all__ = ["Memory", "MemorySizes"]


@dataclass(frozen=True)
class MemorySizes:
    """Tokens in each store."""

    working: int
    permanent: int
    long_term: int


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


class Memory:
    """Permanent, working and long-term memory of one propagation.

    Args:
        config: sizes and intervals.
        dtype: of the values; keys stay float32.
    """

    def __init__(self, config: MemoryConfig, *, dtype: torch.dtype = torch.float32) -> None:
        self.config = config
        self.dtype = dtype
        self.permanent = PermanentMemory()
        self._groups: list[_Group] | None = None
        self.forget_predictions()

    def forget_predictions(self) -> None:
        """Empties working and long-term memory; the references stay."""
        self.working = WorkingMemory(self.config)
        self.long_term = LongTermMemory(self.config)
        self._groups = None

    @property
    def sizes(self) -> MemorySizes:
        """Tokens in each store."""
        return MemorySizes(len(self.working), len(self.permanent), len(self.long_term))

    def put_reference(self, frame: int, tokens: Tokens) -> None:
        """Adds or replaces a reference."""
        self.permanent.put(frame, self._cast(tokens))
        self._groups = None

    def remove_reference(self, frame: int) -> None:
        """Removes a reference; ``KeyError`` if there is none at that frame."""
        self.permanent.remove(frame)
        self._groups = None

    def add_prediction(self, tokens: Tokens) -> None:
        """Memorises a predicted frame; a full working memory is compressed."""
        self.working.add(self._cast(tokens))
        if self.working.full(len(tokens)):
            gone, usage = self.working.give_up(len(tokens))
            self.long_term.add(consolidate(gone, usage, self.config.prototypes))
        self._groups = None

    def read(self, key: Tensor, selection: Tensor, objects: list[int]) -> Tensor:
        """Reads every object's value for a query frame, and counts the usage.

        Args:
            key, selection: C x h x w of the query frame.
            objects: ids, each told of by some token.

        Returns:
            N x V x h x w in the dtype of the memory, in the order of ``objects``.

        Raises:
            KeyError: an object that no token tells of.
        """
        if missing := set(objects) - {i for part in self._parts() for i in part.values}:
            raise KeyError(f"memory tells nothing of objects {sorted(missing)}")
        h, w = key.shape[1:]
        queries = query_side(key.flatten(1).T, selection.flatten(1).T)
        read: dict[int, Tensor] = {}
        usage = queries.new_zeros(sum(map(len, self._parts())))
        groups = self._grouped()
        for group in groups:
            used = queries.new_zeros(len(group.keys)) if self.config.working else None
            # mixed is Q x (objects * V)
            mixed = read_out(
                queries.to(group.keys.dtype), group.keys, group.values, self.config.top_k,
                usage=used,
            )  # fmt: skip
            if used is not None:
                usage[slice(None) if group.index is None else group.index] += used / len(groups)
            read.update(zip(group.objects, mixed.chunk(len(group.objects), 1), strict=True))
        self._count(usage)
        return torch.stack([_plane(read[i], h, w) for i in objects])

    def _count(self, usage: Tensor) -> None:
        long_term, working = len(self.long_term), len(self.working)
        self.long_term.count(usage[:long_term])
        self.working.count(usage[long_term : long_term + working])

    def _parts(self) -> list[Tokens]:
        return [*self.long_term.parts(), *self.working.parts(), *self.permanent.parts()]

    def _cast(self, tokens: Tokens) -> Tokens:
        values = {i: value.to(self.dtype) for i, value in tokens.values.items()}
        return Tokens(tokens.key, tokens.shrinkage, tokens.selection, values, tokens.told)

    @property
    def _key_dtype(self) -> torch.dtype:
        """Similarities in float32 where the best tokens are chosen by them.

        Where all are read, the sum evens out what a shorter format rounds.
        """
        return self.dtype if self.config.top_k is None else torch.float32

    def _grouped(self) -> list[_Group]:
        """What is read, built anew only after a change (not at every frame)."""
        if self._groups is None:
            tokens = Tokens.concat(self._parts())
            by_told: dict[bytes, list[int]] = {}
            for i, told in tokens.told.items():
                if bool(told.any()):
                    by_told.setdefault(told.cpu().numpy().tobytes(), []).append(i)
            self._groups = [
                _group(tokens, objects, self._key_dtype) for objects in by_told.values()
            ]
        return self._groups


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
