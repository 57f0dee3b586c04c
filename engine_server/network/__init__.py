# SPDX-License-Identifier: Apache-2.0
"""The network: XMem, its narrow sibling, and their weights."""

from .config import LITE, XMEM, MemoryConfig, NetworkConfig, config_named
from .encoders import Features
from .xmem import XMem, aggregate, aggregate_logits

__all__ = [
    "LITE",
    "XMEM",
    "Features",
    "MemoryConfig",
    "NetworkConfig",
    "XMem",
    "aggregate",
    "aggregate_logits",
    "config_named",
]
