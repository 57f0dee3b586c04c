# SPDX-License-Identifier: Apache-2.0
"""A small store of recently used frames, bounded in bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from numpy.typing import NDArray

__all__ = ["FrameCache"]


class FrameCache:
    """Least recently used frames, safe to use from several threads.

    Args:
        max_bytes: what all frames together may take; a frame above it is not kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._frames: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, frame: int) -> NDArray[Any] | None:
        """The kept pixels of a frame, or None."""
        with self._lock:
            if frame in self._frames:
                self._frames.move_to_end(frame)
            return self._frames.get(frame)

    def put(self, frame: int, pixels: NDArray[Any]) -> None:
        """Keep a frame, dropping the least recently used ones to make room."""
        if pixels.nbytes > self.max_bytes:
            return
        with self._lock:
            replaced = self._frames.pop(frame, None)
            self._bytes += pixels.nbytes - (0 if replaced is None else replaced.nbytes)
            self._frames[frame] = pixels
            while self._bytes > self.max_bytes:
                _, dropped = self._frames.popitem(last=False)
                self._bytes -= dropped.nbytes
