# SPDX-License-Identifier: Apache-2.0
"""Sessions: a clip, its objects, its references, its mattes. No sockets here."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_HOMES = {
    "Adaptation": "adapt",
    "Budget": "adapt",
    "Direction": "sweeps",
    "FrameResult": "propagation",
    "Preparation": "preparation",
    "PropagationReport": "propagation",
    "Session": "session",
}


def __getattr__(name: str) -> Any:
    """Loads a module when something of it is first used: most of them need torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'engine_server.session' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
