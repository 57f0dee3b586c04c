# SPDX-License-Identifier: Apache-2.0
"""How full memory is, for the status."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import torch

from engine_server.session.project import Project
from shared.messages import Gauges

__all__ = ["engine_gauges", "session_gauges"]


def session_gauges(project: Project, whole: Gauges) -> Gauges:
    """The network's memory of one session, with that of the engine as a whole."""
    memory = project.tracker.memory
    sizes = memory.sizes
    return Gauges(
        sizes.working,
        sizes.permanent,
        sizes.long_term,
        memory.config.max_long_term,
        whole.ram,
        whole.ram_budget,
        whole.device,
        whole.device_budget,
    )


def engine_gauges() -> Gauges:
    """Memory of the process and of its CUDA device."""
    device = budget = 0
    if torch.cuda.is_available():
        device = torch.cuda.memory_allocated()
        budget = torch.cuda.get_device_properties(0).total_memory
    return Gauges(ram=_resident(), device=device, device_budget=budget)


def _resident() -> int:
    """Bytes of memory that the process holds; 0 where the system does not say."""
    if sys.platform == "linux":
        with suppress(OSError, ValueError, IndexError):
            return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    if sys.platform != "win32":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return 0
