# SPDX-License-Identifier: Apache-2.0
"""The engine of this Nuke: its process, if it was started here, and the connection to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from . import __version__
from .shared.client import Client, Introduction
from .shared.connection import Connection, read_connection
from .shared.engine_place import data_folder, find_engine
from .shared.engine_process import EngineProcess
from .shared.errors import EngineUnreachable, UsageError

__all__ = ["Engine"]

PATIENCE = 15.0  # seconds until a running engine has to answer for the first time


class Engine:
    """None at first.

    Attributes:
        client: the connection; None without an engine.
        process: the engine that was started here.
    """

    def __init__(self) -> None:
        self.client: Client | None = None
        self.process: EngineProcess | None = None
        self._since = 0.0  # when it began to wait for the first answer; 0 once that came

    @property
    def state(self) -> str:
        """``stopped``, ``starting``, ``connecting``, or ``connected``."""
        if self.client is None:
            return "stopped"
        if self.client.welcome is not None:
            return "connected"
        own = self.process
        return "starting" if own is not None and own.state != "running" else "connecting"

    @property
    def is_busy(self) -> bool:
        """Whether it is expected to answer something."""
        waiting = self.client is not None and not self.client.idle
        return waiting or self.state in ("starting", "connecting")

    def start(self, program: str, options: list[str]) -> None:
        """Starts an engine that ends with this Nuke, and connects to it.

        Raises:
            UsageError: there is one already.
            EngineNotFound: it is not installed, or not at that path.
            EngineFailed: it can't be started.
        """
        self._check_free()
        found = find_engine(program or None)
        process = EngineProcess([str(found)], data_folder() / "engine", options=options)
        process.start()
        self.process = process
        self._connect(process.connection)

    def connect(self, connection_file: Path) -> None:
        """Connects to a running engine, here or elsewhere.

        Raises:
            UsageError: there is one already.
            EngineUnreachable, InsecureConnection, ProtocolError: of the connection file.
        """
        self._check_free()
        read_connection(connection_file)
        self._connect(lambda: read_connection(connection_file))

    def stop(self, *, wait: bool) -> None:
        """Leaves it, and ends it if it was started here; waits for the end if told to."""
        if self.client is not None:
            self.client.close()
        process, self.client, self.process = self.process, None, None
        self._since = 0.0
        if process is not None:
            ending = threading.Thread(target=process.stop, name="xmempp engine")
            ending.start()
            if wait:
                ending.join()

    def watch(self) -> None:
        """Looks whether it is still there.

        Raises:
            XmemppError: its process ended in vain, or it does not answer; it is of no use.
        """
        if self.process is not None:
            self.process.watch()
        if self.state == "connected":
            self._since = 0.0
        elif self.process is None and 0 < self._since < time.monotonic() - PATIENCE:
            hint = "Look whether it still runs, or start one here."
            raise EngineUnreachable("The engine of that file does not answer.", hint=hint)

    def _check_free(self) -> None:
        if self.client is not None:
            raise UsageError("An engine is in use already.", hint="Stop it first.")

    def _connect(self, source: Callable[[], Connection]) -> None:
        self._since = time.monotonic()
        self.client = Client(source, who=Introduction("nuke", __version__))
