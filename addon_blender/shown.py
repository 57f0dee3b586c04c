# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes that are at hand to be drawn: those of the frames that were looked at last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["Shown"]

Matte = NDArray[np.unsignedinteger]

_BUDGET = 256 << 20  # bytes


class Shown:
    """Mattes by frame and object.

    A frame whose mattes may have changed is still drawn until the new ones are here.

    Args:
        budget: bytes; frames that were not looked at for longest go first.
    """

    def __init__(self, budget: int = _BUDGET) -> None:
        self._budget = budget
        self._frames: OrderedDict[int, Mapping[int, Matte]] = OrderedDict()
        self._old: set[int] = set()

    def at(self, frame: int) -> Mapping[int, Matte]:
        """Mattes of a frame by object; none if they are not here."""
        if frame in self._frames:
            self._frames.move_to_end(frame)
        return self._frames.get(frame, {})

    def wants(self, frame: int) -> bool:
        """Whether a frame's mattes are not here, or may have changed."""
        return frame not in self._frames or frame in self._old

    def put(self, frame: int, mattes: Mapping[int, Matte]) -> None:
        """Takes all mattes of a frame, in place of those before."""
        self._frames[frame] = mattes
        self._frames.move_to_end(frame)
        self._old.discard(frame)
        while self._bytes() > self._budget and len(self._frames) > 1:
            self._old.discard(self._frames.popitem(last=False)[0])

    def outdate(self, frames: Iterable[int] | None = None) -> None:
        """Mattes of these frames, or of all, may have changed."""
        self._old.update(self._frames if frames is None else self._frames.keys() & {*frames})

    def _bytes(self) -> int:
        return sum(matte.nbytes for mattes in self._frames.values() for matte in mattes.values())
