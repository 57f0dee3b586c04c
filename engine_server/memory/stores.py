# SPDX-License-Identifier: Apache-2.0
"""The three stores of XMem++: permanent, working, long-term memory."""

from __future__ import annotations

import torch
from torch import Tensor

from ..network.config import MemoryConfig
from .readout import memory_side, query_side, similarity
from .tokens import Tokens

__all__ = ["LongTermMemory", "PermanentMemory", "WorkingMemory", "consolidate"]


class PermanentMemory:
    """All references, by frame number: never counted, never given up, readable from any frame."""

    def __init__(self) -> None:
        self._frames: dict[int, Tokens] = {}

    def __len__(self) -> int:
        return sum(map(len, self._frames.values()))

    @property
    def frames(self) -> tuple[int, ...]:
        """Frame numbers of the references, in the order of their adding."""
        return tuple(self._frames)

    def put(self, frame: int, tokens: Tokens) -> None:
        """Adds the reference of a frame, or replaces the one that is there."""
        self._frames[frame] = tokens

    def remove(self, frame: int) -> None:
        """Forgets the reference of a frame.

        Raises:
            KeyError: the frame has none.
        """
        del self._frames[frame]

    def parts(self) -> list[Tokens]:
        """The references' tokens, one entry per reference."""
        return list(self._frames.values())


class _Counted:
    """Tokens with their usage: how much they were read per reading since they came."""

    def __init__(self) -> None:
        self.tokens: Tokens | None = None
        self._use = torch.zeros(0)
        self._life = torch.zeros(0)

    def __len__(self) -> int:
        return 0 if self.tokens is None else len(self.tokens)

    def parts(self) -> list[Tokens]:
        """The tokens as a list of one entry, or none."""
        return [] if self.tokens is None else [self.tokens]

    def count(self, usage: Tensor) -> None:
        """Notes one reading; ``usage`` has one number per token."""
        if len(self):
            self._use += usage
            self._life += 1

    def usage(self) -> Tensor:
        """Mean read-out weight per reading, one number per token."""
        return self._use / self._life

    def _append(self, tokens: Tokens) -> None:
        fresh = tokens.key.new_zeros(len(tokens))
        old = self.parts()
        self.tokens = Tokens.concat([*old, tokens]) if old else tokens
        self._use = torch.cat([self._use.to(fresh), fresh])
        self._life = torch.cat([self._life.to(fresh), fresh + 1e-7])

    def _keep(self, tokens: Tokens, index: Tensor) -> None:
        self.tokens = tokens.take(index)
        self._use, self._life = self._use[index], self._life[index]


class WorkingMemory(_Counted):
    """Predicted frames of the near past, as they were memorised."""

    def __init__(self, config: MemoryConfig) -> None:
        super().__init__()
        self.config = config
        self._frames: list[int] = []  # tokens of each

    def add(self, tokens: Tokens) -> None:
        """Memorises one frame, of any number of tokens."""
        self._append(tokens)
        self._frames.append(len(tokens))

    @property
    def full(self) -> bool:
        """Whether it holds as many frames as it may."""
        return len(self._frames) >= self.config.max_frames

    def give_up(self) -> tuple[Tokens, Tensor]:
        """Takes out what goes to long-term memory, with its usage.

        The last ``min_frames`` stay (XMem, section 3.3).
        """
        if self.tokens is None:
            raise ValueError("working memory is empty")
        self._frames = self._frames[-self.config.min_frames :]
        at = torch.arange(len(self), device=self.tokens.key.device)
        leave = at < len(self) - sum(self._frames)
        gone, usage = self.tokens.take(leave), self.usage()[leave]
        self._keep(self.tokens, ~leave)
        return gone, usage


class LongTermMemory(_Counted):
    """Prototypes of the far past; the least used are forgotten when it is full."""

    def __init__(self, config: MemoryConfig) -> None:
        super().__init__()
        self.config = config

    def add(self, prototypes: Tokens) -> None:
        """Adds prototypes, after making room for them."""
        room = self.config.max_long_term - self.config.prototypes
        if self.tokens is not None and len(self) >= room:
            best = torch.topk(self.usage(), room).indices.sort().values
            self._keep(self.tokens, best)
        self._append(prototypes)


def consolidate(tokens: Tokens, usage: Tensor, prototypes: int) -> Tokens:
    """Prototypes of many tokens: the most used keys, values gathered around them.

    XMem, section 3.3 (prototype selection and memory potentiation). An object's value is
    gathered only from tokens that tell of it.

    Args:
        tokens: the candidates.
        usage: one number per candidate.
        prototypes: how many are made; all candidates if there are fewer.
    """
    chosen = torch.topk(usage, min(prototypes, len(tokens))).indices
    picked = tokens.take(chosen)
    queries = query_side(picked.key, picked.selection)
    table = similarity(queries, memory_side(tokens.key, tokens.shrinkage))  # P x M
    values = {i: _gather(table, tokens, i) * picked.told[i][:, None] for i in tokens.values}
    shrinkage = torch.softmax(table, 1) @ tokens.shrinkage
    return Tokens(picked.key, shrinkage, picked.selection, values, picked.told)


def _gather(table: Tensor, tokens: Tokens, obj: int) -> Tensor:
    """P x M similarities -> P x V values of one object, zero where it is told nowhere."""
    told = tokens.told[obj]
    if not bool(told.any()):
        return tokens.values[obj].new_zeros(len(table), tokens.values[obj].shape[1])
    weight = torch.softmax(table.masked_fill(~told, float("-inf")), 1)
    return weight.to(tokens.values[obj].dtype) @ tokens.values[obj]
