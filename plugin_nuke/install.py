# SPDX-License-Identifier: Apache-2.0
"""The engine's installation: minutes in a thread, with a bar and a button to cancel."""

from __future__ import annotations

import queue
import threading
from pathlib import Path

import nuke

from .shared.engine_install import InstallStep, find_python, install_engine
from .shared.errors import UsageError, XmemppError

__all__ = ["Installation"]


class Installation:
    """One installation.

    Args:
        wheel: of the engine.

    Attributes:
        program: the engine's program once it is there.

    Raises:
        UsageError: that is no wheel.
    """

    def __init__(self, wheel: Path) -> None:
        if wheel.suffix != ".whl" or not wheel.is_file():
            raise UsageError(f"'{wheel}' is no wheel.", hint="Choose the engine's .whl file.")
        self._wheel = wheel
        self._bar = nuke.ProgressTask("XMem++: Installing the engine") if nuke.GUI else None
        self._said: queue.SimpleQueue[InstallStep] = queue.SimpleQueue()
        self._cancelled = threading.Event()
        self._error: XmemppError | None = None
        self.program: Path | None = None
        self._thread = threading.Thread(target=self._run, name="xmempp install", daemon=True)
        self._thread.start()

    def step(self) -> bool:
        """Shows what it is doing; whether it goes on. Called in the main thread.

        Raises:
            InstallFailed, Cancelled: it ended in vain; what was there before stays.
        """
        goes_on = self._thread.is_alive()
        while not self._said.empty():
            said = self._said.get()
            if self._bar is not None:
                self._bar.setMessage(said.text[:80])
        if self._bar is not None and self._bar.isCancelled():
            self._cancelled.set()
        if not goes_on:
            self._bar = None
            if self._error is not None:
                error, self._error = self._error, None
                raise error
        return goes_on

    def _run(self) -> None:
        try:
            self.program = install_engine(
                self._wheel,
                python=find_python(),  # asks each that it finds: that takes seconds
                on_step=self._said.put,
                cancelled=self._cancelled.is_set,
            )
        except XmemppError as error:
            self._error = error
