# SPDX-License-Identifier: Apache-2.0
"""Large buffers that are used again.

A fresh buffer of a 4K frame costs more than copying the frame: the system hands it out
page by page, zeroed. Buffers of this pool come back when nothing looks at them any more.
"""

from __future__ import annotations

import ctypes
import mmap
import threading
import weakref

__all__ = ["BufferPool"]


class BufferPool:
    """Gives out buffers and takes them back by itself; may be used by any thread.

    Args:
        keep: how many bytes may wait for their next use.
    """

    def __init__(self, keep: int = 1 << 28) -> None:
        self._keep = keep
        self._waiting: list[mmap.mmap] = []
        self._lock = threading.RLock()  # a finalizer may run while this thread holds it

    def take(self, size: int) -> memoryview:
        """A writable buffer of ``size`` bytes with anything in it.

        It goes back to the pool when the last view of it is gone, whatever the views were
        made into.
        """
        if size == 0:
            return memoryview(bytearray())
        memory = self._reused(size) or _fresh(size)
        owner = (ctypes.c_char * size).from_buffer(memory)
        weakref.finalize(owner, self._give_back, memory).atexit = False
        return memoryview(owner).cast("B")

    def has(self, size: int, count: int = 1) -> bool:
        """Whether so many buffers can be taken that were used before, or as many as are kept."""
        with self._lock:
            fitting = sum(self._fits(memory, size) for memory in self._waiting)
        return fitting >= min(count, self._keep // max(size, 1))

    def _reused(self, size: int) -> mmap.mmap | None:
        with self._lock:
            fitting = [memory for memory in self._waiting if self._fits(memory, size)]
            best = min(fitting, key=len, default=None)
            if best is not None:
                self._waiting = [m for m in self._waiting if m is not best]
            return best

    @staticmethod
    def _fits(memory: mmap.mmap, size: int) -> bool:
        return size <= len(memory) <= 2 * size + mmap.PAGESIZE

    def _give_back(self, memory: mmap.mmap) -> None:
        with self._lock:
            self._waiting.append(memory)
            while sum(map(len, self._waiting)) > self._keep:
                del self._waiting[0]


def _fresh(size: int) -> mmap.mmap:
    if not hasattr(mmap, "MAP_PRIVATE"):
        return mmap.mmap(-1, size)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory
