# SPDX-License-Identifier: Apache-2.0
"""The beat of the main thread: a timer of Qt where Nuke has windows."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import nuke

__all__ = ["Timer"]

_QT = ("PySide6.QtCore", "PySide2.QtCore")  # Nuke 16; 14 and 15


class Timer:
    """Calls something again and again, in the main thread.

    Args:
        turn: what to call; it returns seconds until the next time.
    """

    def __init__(self, turn: Callable[[], float]) -> None:
        self._turn = turn
        self._timer: Any = None

    @property
    def runs(self) -> bool:
        """Whether it does; without windows nothing turns by itself."""
        return self._timer is not None

    def start(self) -> None:
        """Begins, if Nuke has windows."""
        core = _qt_core() if nuke.GUI and self._timer is None else None
        if core is not None:
            self._timer = core.QTimer()
            self._timer.setSingleShot(True)
            self._timer.timeout.connect(self._beat)
            self._timer.start(0)

    def stop(self) -> None:
        """Ends."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _beat(self) -> None:
        seconds = self._turn()
        if self._timer is not None:
            self._timer.start(int(1000 * seconds))


def _qt_core() -> Any | None:
    for name in _QT:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None
