# SPDX-License-Identifier: Apache-2.0
"""The command line, called in this process or as one of its own."""

from __future__ import annotations

import copy
import functools
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.zygote import Engine, Zygote
from engine_server.cli import main
from engine_server.network import state
from engine_server.session import session as session_module
from tests.nuke_fake.plugin import Session, installed, running

from .nuke_shot import small_plate

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """What a call of the command line left behind."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line that tells of a failure; refuses a stack trace."""
        assert "Traceback" not in self.err, self.err
        assert "this is a bug" not in self.err, self.err
        told = [line for line in self.err.splitlines() if line.startswith("xmempp: ")]
        assert len(told) == 1, self.err
        assert self.err.endswith(f"{told[0]}\n")
        assert told[0].endswith("."), told[0]
        return told[0]


Call = Callable[..., Ended]


@functools.cache
def _loaded(path: Path) -> Any:
    return state.load_model(path)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No weights of the user are found or touched; those of the package are read only once."""
    monkeypatch.setenv("XMEMPP_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr(session_module, "load_model", lambda path: copy.deepcopy(_loaded(path)))


@pytest.fixture
def xmempp(capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    """Calls the command line in this process: ``xmempp("propagate", "-v", plate)``."""
    root, engine = logging.getLogger(), logging.getLogger("engine_server")
    before = root.handlers[:], root.level, engine.level

    def call(*arguments: object) -> Ended:
        code = main([*map(str, arguments)])
        out, err = capsys.readouterr()
        return Ended(code, out, err)

    yield call
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    engine.setLevel(before[2])


@pytest.fixture
def start() -> Callable[..., subprocess.Popen[str]]:
    """Starts the command line as a process of its own."""

    def begin(*arguments: object, cwd: Path = ROOT) -> subprocess.Popen[str]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "engine_server.cli", *map(str, arguments)],
            cwd=cwd,
            env={**environment, "PYTHONIOENCODING": "utf-8"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            preexec_fn=_heed_interrupts if os.name == "posix" else None,
        )

    return begin


def _heed_interrupts() -> None:
    """A job in the background ignores Ctrl-C, and would pass that on to what it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def process(start: Callable[..., subprocess.Popen[str]]) -> Call:
    """Calls the command line as a process of its own and waits for its end."""

    def call(*arguments: object, cwd: Path = ROOT) -> Ended:
        running = start(*arguments, cwd=cwd)
        out, err = running.communicate(timeout=300)
        return Ended(running.returncode, out, err)

    return call


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """Starts engines without the wait for torch."""
    starter = Zygote()
    yield starter
    starter.close()


@pytest.fixture
def engine(zygote: Zygote, tmp_path: Path) -> Iterator[Engine]:
    """A running engine with a workspace of its own."""
    (tmp_path / "projects").mkdir()
    running = zygote.start(tmp_path / "projects")
    yield running
    if running.alive:
        running.kill()
        assert running.wait()


@pytest.fixture(scope="session")
def nuke_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin for Nuke, built and unzipped."""
    return installed(tmp_path_factory.mktemp("nuke"))


@pytest.fixture
def nuke(nuke_home: Path) -> Iterator[Session]:
    """A fake Nuke without windows, with the plugin."""
    with running(nuke_home) as session:
        yield session


@pytest.fixture
def nuke_gui(nuke_home: Path) -> Iterator[Session]:
    """One with windows."""
    with running(nuke_home, gui=True) as session:
        yield session


@pytest.fixture(scope="session")
def small_plates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pattern of small frames of the sample shot."""
    return small_plate(tmp_path_factory.mktemp("plates") / "plate")
