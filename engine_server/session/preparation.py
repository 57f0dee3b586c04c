# SPDX-License-Identifier: Apache-2.0
"""What a propagation does before it has results to give."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Literal, TypeVar

__all__ = ["Preparation", "run_to_end"]

Done = TypeVar("Done")


@dataclass(frozen=True)
class Preparation:
    """Work that goes before results; a propagation can be ended after each piece of it.

    Attributes:
        stage: ``references`` are encoded, ``flow`` carries painted mattes into a gap, the
            network is fitted to a reference (``adapt``), or a frame that has its result is
            visited again (``replay``) for those that depend on it.
        frame: where the work is.
        done: pieces of the stage finished so far.
        total: pieces that there are, or for ``flow`` may be: it ends where it is lost.
    """

    stage: Literal["references", "flow", "adapt", "replay"]
    frame: int
    done: int
    total: int


def run_to_end(
    work: Generator[Preparation, None, Done],
    told: Callable[[Preparation], object],
    cancelled: Callable[[], bool],
) -> Done | None:
    """Does a work piece by piece.

    Args:
        work: gives a piece at a time, and returns what came of all.
        told: called after each piece.
        cancelled: asked before each; then the work is ended early.

    Returns:
        what the work returned, ``None`` when cancelled.
    """
    with closing(work):
        while not cancelled():
            try:
                told(next(work))
            except StopIteration as end:
                done: Done = end.value
                return done
    return None
