# SPDX-License-Identifier: Apache-2.0
"""What is remembered of a shot, and how it is read."""

from .memory import Memory, MemorySizes
from .reading import Reading
from .tokens import Tokens

__all__ = ["Memory", "MemorySizes", "Reading", "Tokens"]
