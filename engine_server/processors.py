# SPDX-License-Identifier: Apache-2.0
"""What the engine takes of the machine: threads and heaps. Nothing here waits for torch."""

from __future__ import annotations

import ctypes
import os
import sys

from shared.errors import UsageError

__all__ = ["one_heap", "threads_for"]

M_ARENA_MAX = -8  # of glibc's malloc.h


def threads_for(count: int | None) -> int:
    """How many threads of the processor work may have.

    Args:
        count: how many; by default as many as the processors that this process may run on.

    Raises:
        UsageError: less than one.
    """
    if count is None:
        return _usable()
    if count < 1:
        raise UsageError(f"The network can't compute with {count} threads.")
    return count


def _usable() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # not on Windows and macOS
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def one_heap() -> None:
    """Lets all threads of this process take memory from one heap, where the C library is glibc.

    Otherwise each thread has one of its own, which keeps what that thread gave back: several
    hundred megabytes where pictures have many sizes. To be called before threads begin.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not in musl
        if mallopt is not None:
            mallopt(M_ARENA_MAX, 1)
