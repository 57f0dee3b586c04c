# SPDX-License-Identifier: Apache-2.0
"""A lock that threads get in turn."""

from __future__ import annotations

import threading

__all__ = ["Turn"]


class Turn:
    """A lock for a thread that lets go of it only to take it again, as one in a loop does.

    With a plain lock nobody else would get in between. The thread that has it may take it
    once more.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = threading.Lock()  # held by the one who comes next
        self._owner: int | None = None
        self._depth = 0

    def __enter__(self) -> None:
        me = threading.get_ident()
        if self._owner != me:
            with self._next:
                self._lock.acquire()
            self._owner = me
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if not self._depth:
            self._owner = None
            self._lock.release()
