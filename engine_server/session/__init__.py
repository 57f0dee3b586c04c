# SPDX-License-Identifier: Apache-2.0
"""Sessions: a clip, its objects, its references, its mattes. No sockets here."""

from .preparation import Preparation
from .propagation import FrameResult, PropagationReport
from .session import Session
from .sweeps import Direction

__all__ = ["Direction", "FrameResult", "Preparation", "PropagationReport", "Session"]
