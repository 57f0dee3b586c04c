# SPDX-License-Identifier: Apache-2.0
"""The engine as a child of a plugin: starts it, watches it, restarts it, ends it.

The engine holds the other end of a pipe that only this process writes to. When this process
ends, however it does, the pipe closes, and the engine ends as well (``serve --with-parent``).
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .connection import Connection, read_connection
from .engine_place import clean_environment
from .errors import EngineFailed, EngineUnreachable

__all__ = ["EngineProcess", "RestartPolicy"]

log = logging.getLogger(__name__)

_TAIL = 2000  # bytes of the log that a failure tells
_LOGS = 10  # of earlier engines that are kept


@dataclass(frozen=True)
class RestartPolicy:
    """When an engine that ended by itself is started again.

    Attributes:
        gap: least seconds between two starts.
        limit: how many restarts in ``window`` are tried before giving up.
        window: seconds.
        starting: seconds until an engine that shows no connection file is ended.
    """

    gap: float = 2.0
    limit: int = 5
    window: float = 600.0
    starting: float = 120.0


class EngineProcess:
    """One engine and its successors.

    Args:
        program: the engine's program and its first arguments.
        folder: for connection file and log; made if it is not there, for the user alone.
        options: further arguments of ``serve``.
        policy: of restarts.
    """

    def __init__(
        self,
        program: Sequence[str],
        folder: Path,
        *,
        options: Sequence[str] = (),
        policy: RestartPolicy | None = None,
    ) -> None:
        self._program = [*map(str, program)]
        self._options = [*options]
        self._policy = policy or RestartPolicy()
        self._folder = folder
        self._connection = folder / f"engine-{secrets.token_hex(4)}.json"
        self.log_path = folder / f"{self._connection.stem}.log"
        self._child: subprocess.Popen[bytes] | None = None
        self._starts: list[float] = []
        self._wanted = False

    @property
    def state(self) -> str:
        """``stopped``, ``starting``, ``running``, or ``ended`` until it is started again."""
        if not self._wanted:
            return "stopped"
        if self._child is None or self._child.poll() is not None:
            return "ended"
        return "running" if self._connection.exists() else "starting"

    @property
    def pid(self) -> int | None:
        """Its process, if there is one."""
        return None if self._child is None else self._child.pid

    def start(self) -> None:
        """Starts the engine, unless it runs; returns before it answers.

        Raises:
            EngineFailed: the program can't be started.
        """
        if self.state in ("starting", "running"):
            return
        self._wanted, self._starts = True, []
        self._spawn()

    def connection(self) -> Connection:
        """Where the engine is; the source of a `Client`.

        Raises:
            EngineUnreachable: it is not there yet, or not any more.
        """
        if self.state != "running":
            raise EngineUnreachable(f"The engine is {self.state}.")
        return read_connection(self._connection)

    def watch(self) -> str:
        """Looks after the engine; to be called now and then.

        Returns:
            its state.

        Raises:
            EngineFailed: it ended too often, or does not come up. It is stopped then; the
                hint has the end of its log.
        """
        state = self.state
        if state == "ended":
            self._restart()
        elif state == "starting" and time.monotonic() - self._starts[-1] > self._policy.starting:
            self._give_up("The engine does not come up.")
        return self.state

    def stop(self, grace: float = 5.0) -> None:
        """Ends the engine: first by closing its pipe, then by force.

        Args:
            grace: seconds for each, to end what it is doing.
        """
        self._wanted = False
        if self._child is None:
            return
        child, self._child = self._child, None
        if child.stdin is not None:
            with contextlib.suppress(OSError):
                child.stdin.close()
        for force in (child.terminate, child.kill):
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(grace)
                break
            force()
        child.wait()
        self._forget()

    def _restart(self) -> None:
        now = time.monotonic()
        recent = [start for start in self._starts if now - start < self._policy.window]
        if len(recent) > self._policy.limit:
            self._give_up(f"The engine ended {len(recent)} times.")
        if now - self._starts[-1] >= self._policy.gap:
            log.warning("the engine ended by itself and is started again")
            self._spawn()

    def _spawn(self) -> None:
        self._forget()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._starts.append(time.monotonic())
        for old in sorted(self._folder.glob("engine-*.log"), key=_age)[_LOGS:]:
            old.unlink(missing_ok=True)
        arguments = ["serve", "--connection-file", str(self._connection), "--with-parent"]
        try:
            with self.log_path.open("ab") as output:
                self._child = subprocess.Popen(  # noqa: S603 the user's own engine, no shell
                    [*self._program, *arguments, *self._options],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    env=clean_environment(),
                    cwd=self._folder,
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
        except OSError as error:
            self._wanted = False
            raise EngineFailed(f"{self._program[0]} can't be started: {error}.") from error

    def _give_up(self, sentence: str) -> None:
        self.stop(1.0)
        raise EngineFailed(sentence, hint=f"Its log {self.log_path} ends with: {self._tail()}")

    def _tail(self) -> str:
        try:
            with self.log_path.open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
                return file.read().decode("utf-8", "replace").strip()
        except OSError:
            return ""

    def _forget(self) -> None:
        """A connection file of an engine that ended leads nowhere."""
        if self._child is not None and self._child.stdin is not None:
            with contextlib.suppress(OSError):
                self._child.stdin.close()
        with contextlib.suppress(OSError):
            self._connection.unlink()


def _age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except OSError:
        return 0.0
