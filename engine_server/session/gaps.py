# SPDX-License-Identifier: Apache-2.0
"""Gaps between painted frames, which flow is followed through as one."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["REACH", "Gap"]

REACH = 100  # frames that a reference is carried to each side at most


@dataclass(frozen=True)
class Gap:
    """Frames between two neighbouring painted ones, or before the first or after the last.

    Attributes:
        before, behind: the painted frames at its ends; ``None`` at the clip's.
        frames: those in between, rising, with the painted ones at the ends.
    """

    before: int | None
    behind: int | None
    frames: tuple[int, ...]

    @classmethod
    def around(cls, frame: int, painted: Sequence[int], frames: Sequence[int]) -> Gap:
        """The gap that a frame lies in.

        Args:
            frame: not painted itself.
            painted: frames, rising.
            frames: of the clip, rising.
        """
        after = bisect_left(painted, frame)
        before = painted[after - 1] if after > 0 else None
        behind = painted[after] if after < len(painted) else None
        first = frames[0] if before is None else before
        last = frames[-1] if behind is None else behind
        return cls(before, behind, tuple(f for f in frames if first <= f <= last))

    @property
    def pieces(self) -> list[tuple[int, ...]]:
        """The parts of it that a painted frame is carried to."""
        near, far = self.frames[: REACH + 1], self.frames[-REACH - 1 :]
        if self.before is None or self.behind is None:
            return [far if self.before is None else near]
        return [self.frames] if len(self.frames) <= 2 * REACH + 1 else [near, far]
