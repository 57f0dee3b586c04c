# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that would make Blender wait, done in a thread; what follows it is done in the main one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from . import quiet

__all__ = ["Background"]


class Background:
    """One thread that does one thing after the other. It never touches Blender."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "xmempp")
        self._waiting: deque[tuple[Future[object], Callable[[], object]]] = deque()

    @property
    def busy(self) -> bool:
        """Whether anything was not delivered yet."""
        return bool(self._waiting)

    def submit(self, work: Callable[[], object], then: Callable[[], object]) -> None:
        """Does ``work`` in the thread; ``then`` is for `deliver`."""
        future: Future[object] = Future()
        self._waiting.append((future, then))
        quiet.later(lambda: self._thread.submit(_done, work, future))

    def deliver(self, budget: float) -> None:
        """Does what follows work that is done, in order.

        Args:
            budget: seconds after which the rest is left for the next time.

        Raises:
            Exception: what the work raised; what follows it is left out.
        """
        end = time.monotonic() + budget
        while self._waiting and self._waiting[0][0].done() and time.monotonic() < end:
            future, then = self._waiting.popleft()
            future.result()
            then()

    def wait(self) -> None:
        """Returns once there is something to deliver; in a pause, too."""
        if self._waiting:
            with quiet.going_on():
                wait([self._waiting[0][0]])

    def close(self) -> None:
        """Waits for what is being done, and leaves out the rest."""
        self._waiting.clear()
        with quiet.going_on():
            self._thread.shutdown(cancel_futures=True)


def _done(work: Callable[[], object], future: Future[object]) -> None:
    with quiet.running():
        try:
            future.set_result(work())
        except BaseException as error:  # told by `deliver`
            future.set_exception(error)
