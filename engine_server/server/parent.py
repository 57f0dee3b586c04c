# SPDX-License-Identifier: Apache-2.0
"""Noticing that the process is gone for which the engine was started."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable

__all__ = ["watch_pid", "watch_pipe"]

_GAP = 0.5  # seconds


def watch_pipe(gone: Callable[[], object]) -> None:
    """Calls ``gone`` when the standard input ends: its other end was the parent's."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        gone()

    threading.Thread(target=watch, name="parent-pipe", daemon=True).start()


def watch_pid(pid: int, gone: Callable[[], object]) -> None:
    """Calls ``gone`` when a process has ended."""
    born_of_it = os.getppid() == pid

    def watch() -> None:
        while _alive(pid) and (os.getppid() == pid or not born_of_it):
            time.sleep(_GAP)
        gone()

    threading.Thread(target=watch, name="parent-pid", daemon=True).start()


if sys.platform == "win32":
    import ctypes

    _SYNCHRONIZE, _TIMEOUT = 0x00100000, 0x102

    def _alive(pid: int) -> bool:
        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(_SYNCHRONIZE, False, pid)
        if not handle:
            return False
        try:
            return bool(kernel.WaitForSingleObject(handle, 0) == _TIMEOUT)
        finally:
            kernel.CloseHandle(handle)

else:

    def _alive(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            return True  # it is another user's
        return True
