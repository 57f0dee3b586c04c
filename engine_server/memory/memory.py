# SPDX-License-Identifier: Apache-2.0
"""The memory as a whole: what is kept where, and one read-out over all of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..network.config import MemoryConfig
from .reading import Reading
from .stores import LongTermMemory, PermanentMemory, WorkingMemory, consolidate
from .tokens import Tokens

__all__ = ["Memory", "MemorySizes"]


@dataclass(frozen=True)
class MemorySizes:
    """Tokens in each store."""

    working: int
    permanent: int
    long_term: int


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
        self._reading: Reading | None = None
        self.forget_predictions()

    def forget_predictions(self) -> None:
        """Empties working and long-term memory; the references stay."""
        self.working = WorkingMemory(self.config)
        self.long_term = LongTermMemory(self.config)
        self._reading = None

    @property
    def sizes(self) -> MemorySizes:
        """Tokens in each store."""
        return MemorySizes(len(self.working), len(self.permanent), len(self.long_term))

    def put_reference(self, frame: int, tokens: Tokens) -> None:
        """Adds or replaces a reference."""
        self.permanent.put(frame, self._cast(tokens))
        self._reading = None

    def remove_reference(self, frame: int) -> None:
        """Removes a reference; ``KeyError`` if there is none at that frame."""
        self.permanent.remove(frame)
        self._reading = None

    def add_prediction(self, tokens: Tokens) -> None:
        """Memorises a predicted frame; a full working memory is compressed."""
        self.working.add(self._cast(tokens))
        if self.working.full:
            gone, usage = self.working.give_up()
            self.long_term.add(consolidate(gone, usage, self.config.prototypes))
        self._reading = None

    def reading(self) -> Reading:
        """What is held now; it stays so, whatever is added or forgotten later."""
        if self._reading is None:
            parts = [*self.long_term.parts(), *self.working.parts(), *self.permanent.parts()]
            self._reading = Reading(parts, self.config, self.dtype)
        return self._reading

    def read(self, key: Tensor, selection: Tensor, objects: list[int]) -> Tensor:
        """Reads what is held now and counts the usage; arguments and result as `Reading.read`."""
        reading = self.reading()
        read, usage = reading.read(key, selection, objects)
        self.count(reading, usage)
        return read

    def count(self, reading: Reading, usage: Tensor | None) -> None:
        """Counts what was read; nothing where memory has changed since that reading was made."""
        if usage is None or reading is not self._reading:
            return
        long_term, working = len(self.long_term), len(self.working)
        self.long_term.count(usage[:long_term])
        self.working.count(usage[long_term : long_term + working])

    def _cast(self, tokens: Tokens) -> Tokens:
        values = {i: value.to(self.dtype) for i, value in tokens.values.items()}
        return Tokens(tokens.key, tokens.shrinkage, tokens.selection, values, tokens.told)
