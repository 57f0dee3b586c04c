# SPDX-License-Identifier: Apache-2.0
"""Engines without the wait: a process that has loaded everything, and forks at a word.

Each engine is a process of its own with sockets of its own, as ``xmempp serve`` makes it; only the
seconds that loading torch takes are saved. POSIX only.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, cast

from shared.connection import Connection, read_connection

__all__ = ["Engine", "Zygote"]

ROOT = Path(__file__).parents[1]


class Engine:
    """A running engine.

    Attributes:
        pid: its process.
        file: its connection file.
    """

    def __init__(self, pid: int, file: Path) -> None:
        self.pid, self.file = pid, file

    def connection(self) -> Connection:
        """Where it is; the source of a client."""
        return read_connection(self.file)

    def kill(self) -> None:
        """Ends it at once, as a crash does."""
        os.kill(self.pid, signal.SIGKILL)

    @property
    def alive(self) -> bool:
        """Whether its process is there."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def wait(self, seconds: float = 30.0) -> bool:
        """Waits for its end; whether it came."""
        end = time.monotonic() + seconds
        while self.alive and time.monotonic() < end:
            time.sleep(0.01)
        return not self.alive


class Zygote:
    """Starts engines.

    Args:
        threads: of each engine's computing.
    """

    def __init__(self, threads: int = 1) -> None:
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(threads),
            "PYTHONPATH": str(ROOT),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            cwd=ROOT,
            text=True,
        )
        self._words = cast(IO[str], self._process.stdin)
        self._pids = cast(IO[str], self._process.stdout)

    def start(self, workspace: Path, *options: object, file: Path | None = None) -> Engine:
        """Starts an engine on a workspace; it listens when this returns."""
        file = file or workspace / ".engine.json"
        options = ("--connection-file", file, *options)
        file.unlink(missing_ok=True)
        arguments = ["serve", "--workspace", str(workspace), "--device", "cpu", *map(str, options)]
        self._words.write(json.dumps(arguments) + "\n")
        self._words.flush()
        engine = Engine(int(self._pids.readline()), file)
        end = time.monotonic() + 60
        while not file.exists() and engine.alive and time.monotonic() < end:
            time.sleep(0.005)
        return engine

    def close(self) -> None:
        """Ends the process that forks; engines that still run go on."""
        self._words.close()
        self._pids.close()
        self._process.wait(30)


def _fork() -> None:
    """Forks an engine for each line of arguments."""
    from engine_server.cli import main

    importlib.import_module("engine_server.commands.serve")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.close(1)
            os.open(os.devnull, os.O_WRONLY)
            code = main(json.loads(line))
            os._exit(code)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _fork()
