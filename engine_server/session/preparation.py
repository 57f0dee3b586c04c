# SPDX-License-Identifier: Apache-2.0
"""What a propagation does before it has results to give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Preparation"]


@dataclass(frozen=True)
class Preparation:
    """Work that goes before results; a propagation can be ended after each piece of it.

    Attributes:
        stage: ``references`` are encoded, ``flow`` carries painted mattes into a gap, or a
            frame that has its result is visited again (``replay``) for those that depend on it.
        frame: where the work is.
        done: pieces of the stage finished so far.
        total: pieces that there are, or for ``flow`` may be: it ends where it is lost.
    """

    stage: Literal["references", "flow", "replay"]
    frame: int
    done: int
    total: int
