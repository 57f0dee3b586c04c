# SPDX-License-Identifier: Apache-2.0
"""How full memory is, for the status, and how full it may be."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from engine_server.session.project import Project
from shared.messages import Gauges

__all__ = ["all_gauges", "engine_gauges", "machine_memory"]

_SHARE = 0.75  # of the machine's memory
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def all_gauges(projects: Iterable[Project], whole: Gauges) -> dict[str, Gauges]:
    """Those of each session, and under an empty id the sum of the networks' memories.

    Args:
        projects: that are open.
        whole: memory of the process, from `engine_gauges`.
    """
    told = {project.header.id: _session_gauges(project, whole) for project in projects}
    names = ("working", "permanent", "long_term", "long_term_limit")
    sums = {name: sum(getattr(gauges, name) for gauges in told.values()) for name in names}
    return {**told, "": replace(whole, **sums)}


def _session_gauges(project: Project, whole: Gauges) -> Gauges:
    memory = project.tracker.memory
    sizes = memory.sizes
    return replace(
        whole,
        working=sizes.working,
        permanent=sizes.permanent,
        long_term=sizes.long_term,
        long_term_limit=memory.config.max_long_term,
    )


def engine_gauges() -> Gauges:
    """Memory of the process and of its CUDA device."""
    device = device_budget = 0
    if torch.cuda.is_available():
        device = torch.cuda.memory_allocated()
        device_budget = torch.cuda.get_device_properties(0).total_memory
    budget = int(machine_memory() * _SHARE)
    return Gauges(ram=_resident(), ram_budget=budget, device=device, device_budget=device_budget)


def machine_memory() -> int:
    """Bytes that the machine, or the container, has; 0 where the system does not say."""
    limits = []
    with suppress(AttributeError, ValueError, OSError):
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for file in _LIMITS:
        with suppress(OSError, ValueError):
            limits.append(int(Path(file).read_text()))
    return min(limits, default=0)


def _resident() -> int:
    """Bytes of memory that the process holds; 0 where the system does not say."""
    if sys.platform == "linux":
        with suppress(OSError, ValueError, IndexError):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE")
    if sys.platform != "win32":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return 0
