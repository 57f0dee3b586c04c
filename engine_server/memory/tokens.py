# SPDX-License-Identifier: Apache-2.0
"""Memory tokens: one per 16 x 16 pixels of a remembered frame, or fewer far from objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Tokens"]


@dataclass(frozen=True)
class Tokens:
    """M tokens, keys shared by all objects, one value per object that is told of.

    Attributes:
        key: M x C.
        shrinkage: M x 1.
        selection: M x C.
        values: by object id, M x V; rows that are not told are zero.
        told: by object id, M booleans: whether the token says anything of the object.
            "Not seen here" is told (an empty painted matte), "not told" is not.
    """

    key: Tensor
    shrinkage: Tensor
    selection: Tensor
    values: dict[int, Tensor]
    told: dict[int, Tensor]

    def __len__(self) -> int:
        return len(self.key)

    @classmethod
    def of_frame(
        cls, key: Tensor, shrinkage: Tensor, selection: Tensor, values: dict[int, Tensor]
    ) -> Tokens:
        """Tokens of one frame, which tells the same of all its places.

        Args:
            key, selection: C x h x w.
            shrinkage: 1 x h x w.
            values: by object id, V x h x w.
        """
        planes = {i: _rows(value) for i, value in values.items()}
        rows = _rows(key)
        everywhere = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
        told = dict.fromkeys(planes, everywhere)
        return cls(rows, _rows(shrinkage), _rows(selection), planes, told)

    @classmethod
    def concat(cls, parts: Sequence[Tokens]) -> Tokens:
        """All tokens in order; an object missing in a part is not told there."""
        objects = sorted({i for part in parts for i in part.values})
        return cls(
            torch.cat([part.key for part in parts]),
            torch.cat([part.shrinkage for part in parts]),
            torch.cat([part.selection for part in parts]),
            {i: torch.cat(list(_values(parts, i))) for i in objects},
            {i: torch.cat([part._told(i) for part in parts]) for i in objects},
        )

    def take(self, index: Tensor) -> Tokens:
        """The tokens of an index (numbers or booleans)."""
        return Tokens(
            self.key[index],
            self.shrinkage[index],
            self.selection[index],
            {i: value[index] for i, value in self.values.items()},
            {i: told[index] for i, told in self.told.items()},
        )

    def _told(self, obj: int) -> Tensor:
        nowhere = torch.zeros(len(self), dtype=torch.bool, device=self.key.device)
        return self.told.get(obj, nowhere)


def _values(parts: Sequence[Tokens], obj: int) -> Iterable[Tensor]:
    like = next(part.values[obj] for part in parts if obj in part.values)
    for part in parts:
        yield part.values[obj] if obj in part.values else like.new_zeros(len(part), like.shape[1])


def _rows(plane: Tensor) -> Tensor:
    """C x h x w -> hw x C."""
    return plane.flatten(1).T.contiguous()
