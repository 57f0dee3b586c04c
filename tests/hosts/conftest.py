# SPDX-License-Identifier: Apache-2.0
"""Blenders to test with, the add-on's zip, and an engine for it.

``XMEMPP_BLENDERS`` names them, separated like the folders in PATH: programs of Blender, or
Pythons that have the package ``bpy``. Without it those are taken that ``.ci/run`` installs: the
installed ``blender``, and ``.venv-bpy-*`` in the root of the source tree.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import build_addon

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent / "scripts"


def blenders() -> list[Path]:
    """Those that are there.

    Raises:
        pytest.UsageError: there are none, and this is CI, where nothing is left out.
    """
    named, installed = os.environ.get("XMEMPP_BLENDERS"), shutil.which("blender")
    if named:
        return [Path(path) for path in named.split(os.pathsep)]
    packages = sorted(ROOT.glob(".venv-bpy-*/bin/python"))
    found = [*packages, *([Path(installed)] if installed else [])]
    if not found and os.environ.get("CI") == "true":
        raise pytest.UsageError("There is no Blender to test with; .ci/run installs some.")
    return found


def windowed_blenders() -> list[Path]:
    """Those of them that are more than a module of Python."""
    return [path for path in blenders() if "python" not in path.name]


@dataclass(frozen=True)
class Blender:
    """One of them, with settings of its own.

    Attributes:
        program: Blender, or a Python with ``bpy``.
        folder: for its settings, and for the add-on's data.
        engine: program of the engine.
        patience: seconds that a script may take.
    """

    program: Path
    folder: Path
    engine: Path
    patience: float = 500.0

    @property
    def has_window(self) -> bool:
        """Whether it can be more than a module of Python."""
        return "python" not in self.program.name

    def run(
        self,
        script: str,
        *arguments: object,
        display: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Runs one of the scripts; what it said. It must succeed.

        Args:
            script: its file name.
            arguments: what it gets.
            display: X11 display for a window; none without.
            environment: variables that are other than usual.
        """
        path, rest = str(SCRIPTS / script), ["--", *map(str, arguments)]
        if self.has_window:
            shown = ["--window-geometry", "0", "0", "1600", "900", "--enable-event-simulate"]
            head = shown if display else ["--background"]
            flags = ["--factory-startup", "--python-exit-code", "1"]
            command = [str(self.program), *head, *flags, "--python", path, *rest]
        else:
            command = [str(self.program), path, *rest]
        ended = subprocess.run(
            command,
            env={**os.environ, **self._environment(), "DISPLAY": display, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=self.patience,
        )
        assert ended.returncode == 0, ended.stdout[-6000:]
        return ended.stdout

    def _environment(self) -> dict[str, str]:
        places = ("BLENDER_USER_RESOURCES", "BLENDER_USER_SCRIPTS", "BLENDER_USER_CONFIG")
        here = {name: str(self.folder / name.lower()) for name in (*places, "XDG_DATA_HOME")}
        for path in here.values():
            Path(path).mkdir(parents=True, exist_ok=True)
        engine = {"XMEMPP_ENGINE": str(self.engine), "OMP_NUM_THREADS": "1"}
        return {**here, **engine, "LIBGL_ALWAYS_SOFTWARE": "1"}


def build(folder: Path) -> Path:
    """The add-on as users get it, with the wheels for this machine."""
    machine = "arm64" if os.uname().machine in ("arm64", "aarch64") else "x64"
    system = "macos" if sys.platform == "darwin" else "linux"
    options = ["blender", "--output", str(folder), "--platform", f"{system}-{machine}"]
    assert build_addon.main(options) == 0
    return next(folder.glob("*.zip"))


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `build`."""
    return build(tmp_path_factory.mktemp("dist"))


@contextmanager
def hidden_display(program: str) -> Iterator[str]:
    """An X11 display that nobody sees, by the program Xvfb."""
    screen = ["-screen", "0", "1600x900x24", "+extension", "GLX"]
    with subprocess.Popen([program, "-displayfd", "1", *screen], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            yield f":{server.stdout.readline().decode().strip()}"
        finally:
            server.terminate()


@pytest.fixture
def display() -> Iterator[str]:
    """See `hidden_display`."""
    program = shutil.which("Xvfb")
    if program is None and os.environ.get("CI") == "true":
        pytest.fail("there is no Xvfb; .ci/run installs it")
    if program is None:
        pytest.skip("there is no Xvfb")
    with hidden_display(program) as name:
        yield name


def named(program: Path) -> str:
    """Such as ``blender``, or ``.venv-bpy-5.0.1``."""
    return program.parents[1].name if "python" in program.name else program.name


@pytest.fixture(params=blenders(), ids=named)
def blender(request: pytest.FixtureRequest, tmp_path: Path) -> Blender:
    """Each Blender in turn."""
    return Blender(request.param, tmp_path / "user", engine_program(tmp_path))


@pytest.fixture(params=windowed_blenders(), ids=named)
def windowed(request: pytest.FixtureRequest, tmp_path: Path) -> Blender:
    """Each that is more than a module of Python."""
    return Blender(request.param, tmp_path / "user", engine_program(tmp_path))


def engine_program(folder: Path) -> Path:
    """A program that is the engine of this repository."""
    engine = folder / "xmempp"
    python = f"PYTHONPATH='{ROOT}' exec '{sys.executable}' -m engine_server.cli"
    engine.write_text(f'#!/bin/sh\n{python} "$@"\n')
    engine.chmod(engine.stat().st_mode | stat.S_IXUSR)
    return engine
