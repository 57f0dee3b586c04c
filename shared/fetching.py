# SPDX-License-Identifier: Apache-2.0
"""Mattes that are to be fetched, those of a few frames at a time: no answer is long."""

from __future__ import annotations

from collections.abc import Callable, Sequence

__all__ = ["Fetching"]

_AT_ONCE = 8  # mattes of so many frames are asked for together


class Fetching:
    """What waits to be fetched.

    Args:
        ask: asks for frames and calls what it is given when that is over; whether it could.
    """

    def __init__(self, ask: Callable[[Sequence[int], Callable[[], object]], bool]) -> None:
        self._ask = ask
        self._frames: list[int] = []
        self._asking = False

    def add(self, frames: Sequence[int]) -> None:
        """Fetches frames, in their turn."""
        self._frames = [*dict.fromkeys([*self._frames, *frames])]
        self._go_on()

    def _go_on(self) -> None:
        if self._frames and not self._asking:
            frames, self._frames = self._frames[:_AT_ONCE], self._frames[_AT_ONCE:]
            self._asking = self._ask(frames, self._over)

    def _over(self) -> None:
        self._asking = False
        self._go_on()
