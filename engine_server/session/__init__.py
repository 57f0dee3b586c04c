# SPDX-License-Identifier: Apache-2.0
"""Sessions: a clip, its objects, its references, its mattes. No sockets here."""

from .adapt import Adaptation, Budget
from .preparation import Preparation
from .propagation import FrameResult, PropagationReport
from .session import Session
from .sweeps import Direction

__all__ = [
    "Adaptation",
    "Budget",
    "Direction",
    "FrameResult",
    "Preparation",
    "PropagationReport",
    "Session",
]
