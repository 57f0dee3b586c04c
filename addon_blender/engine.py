# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine that this Blender started: a thread starts it, watches it and ends it.

Starting and ending take longer than a redraw may wait. The thread publishes what it knows;
the main thread reads that, and asks it to end.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from . import quiet
from .shared.connection import Connection
from .shared.engine_place import data_folder, find_engine
from .shared.engine_process import EngineProcess
from .shared.errors import EngineUnreachable, XmemppError

__all__ = ["OwnEngine"]

_LOOK, _LOOK_EARLY = 0.5, 0.1  # seconds between two looks at the process


class OwnEngine:
    """An engine that ends with this Blender.

    Args:
        configured: its program, from the preferences; empty to look for it.
        options: further ones of ``serve``.
        folder: for connection file and log.

    Attributes:
        state: ``starting``, ``running``, ``ended`` or ``stopped``.
        error: why it is stopped, unless that was wanted.
    """

    def __init__(
        self, configured: str, options: Sequence[str] = (), folder: Path | None = None
    ) -> None:
        self._configured = configured
        self._options = [*options]
        self._folder = folder or data_folder() / "engine"
        self._connection: Connection | None = None
        self._stopping = threading.Event()
        self.state = "starting"
        self.error: XmemppError | None = None
        self._thread = threading.Thread(target=self._run, name="xmempp engine", daemon=True)
        self._thread.start()

    def connection(self) -> Connection:
        """Where it is; the source of a `Client`.

        Raises:
            EngineUnreachable: it is not there yet, or not any more.
        """
        if self._connection is None:
            raise EngineUnreachable(f"The engine is {self.state}.")
        return self._connection

    def stop(self, *, wait: bool = False) -> None:
        """Has it ended.

        Args:
            wait: returns only when it has; for the end of Blender.
        """
        self._stopping.set()
        quiet.wake()
        if wait:
            with quiet.going_on():
                self._thread.join()

    def _run(self) -> None:
        with quiet.running():
            self._keep_up()

    def _keep_up(self) -> None:
        process: EngineProcess | None = None
        try:
            program = find_engine(self._configured or None)
            process = EngineProcess([str(program)], self._folder, options=self._options)
            process.start()
            while not self._stopping.is_set():
                self._publish(process)
                seconds = _LOOK if self.state == "running" else _LOOK_EARLY
                quiet.rest(seconds, self._stopping.is_set)
        except XmemppError as error:
            self.error = error
        finally:
            self.state, self._connection = "stopped", None
            if process is not None:
                process.stop()

    def _publish(self, process: EngineProcess) -> None:
        state = process.watch()
        try:
            self._connection = process.connection()
        except EngineUnreachable:
            self._connection = None
        self.state = state
