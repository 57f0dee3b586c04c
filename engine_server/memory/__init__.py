# SPDX-License-Identifier: Apache-2.0
"""What is remembered of a shot, and how it is read."""

from .memory import Memory, MemorySizes
from .places import Places
from .reading import Reading
from .tokens import Tokens

__all__ = ["Memory", "MemorySizes", "Places", "Reading", "Tokens"]
