# SPDX-License-Identifier: Apache-2.0
"""Work in a thread that never touches Nuke; what follows it is done in the main thread."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["Background"]

Then = Callable[[], object]


class Background:
    """A queue between one thread and the main one."""

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self._waiting: deque[tuple[Future[object], Then]] = deque()

    @property
    def busy(self) -> bool:
        """Whether anything was not delivered yet."""
        return bool(self._waiting)

    def submit(self, work: Callable[[], object], then: Then) -> None:
        """Does ``work`` in the thread, and ``then`` in `deliver`."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "xmempp")
        self._waiting.append((self._thread.submit(work), then))

    def deliver(self, budget: float) -> None:
        """Does what follows work that is done, in order.

        Args:
            budget: seconds after which the rest is left for the next time.

        Raises:
            Exception: what the work raised; what follows it is left out.
        """
        end = time.monotonic() + budget
        while self._waiting and self._waiting[0][0].done():
            future, then = self._waiting.popleft()
            future.result()
            then()
            if time.monotonic() >= end:
                break

    def close(self) -> None:
        """Waits for what is being done, and leaves out the rest."""
        self._waiting.clear()
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
            self._thread = None
