# SPDX-License-Identifier: Apache-2.0
"""Installs the engine into a private environment in the user's data folder.

Every installation gets an environment of its own; the pointer to it is moved when it works.
So a failed one leaves the engine that was there as it was. No rights beyond the user's are
needed.
"""

from __future__ import annotations

import json
import os
import queue
import secrets
import shutil
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .engine_place import clean_environment, data_folder, private_engine, program_in
from .errors import Cancelled, InstallFailed

__all__ = ["InstallStep", "find_python", "install_engine"]

_VERSIONS = ((3, 10), (3, 13))  # first and last Python that the engine runs on
_ASK = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
_PATIENCE = 20.0

# What the user has set for pip would send the engine elsewhere, or hide what pip does; the same in
# pip's own file is overruled. Indexes, certificates and proxies stay as they are.
_ELSEWHERE = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")
_AS_USUAL = {"PIP_QUIET": "0", "PIP_VERBOSE": "0", "PIP_USER": "0", "PIP_DRY_RUN": "0"}


@dataclass(frozen=True)
class InstallStep:
    """What the installation is doing.

    Attributes:
        stage: ``environment``, ``packages`` or ``check``.
        text: the line to be shown.
    """

    stage: str
    text: str


def find_python(configured: str | None = None) -> Path:
    """A Python that the engine can be installed with.

    A host's own ``sys.executable`` may be the host itself, so that each one found is asked
    for its version first.

    Raises:
        InstallFailed: there is none from 3.10 to 3.13 with ``venv``.
    """
    for candidate in [configured] if configured else _pythons():
        if candidate and _is_usable(candidate):
            return Path(candidate)
    raise InstallFailed(
        f"{configured or 'No Python on this machine'} can't make an environment for the engine.",
        hint="Install Python 3.11 from python.org, or set its path in the preferences.",
    )


def _pythons() -> Iterator[str]:
    names = [f"python3.{minor}" for minor in (11, 12, 13, 10)]
    folder = Path(sys.prefix)
    for name in [*names, "python3", "python"]:
        beside = folder / ("" if os.name == "nt" else "bin") / name
        yield str(beside.with_suffix(".exe") if os.name == "nt" else beside)
    yield getattr(sys, "_base_executable", "") or ""
    yield from (found for name in [*names, "python3", "python"] if (found := shutil.which(name)))


def _is_usable(python: str) -> bool:
    if not (Path(python).is_file() and "python" in Path(python).name.lower()):
        return False
    try:
        asked = subprocess.run(  # noqa: S603 a Python found on this machine, no shell
            [python, "-I", "-c", _ASK],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=True,
            env=clean_environment(),
        )
        major, minor = map(int, asked.stdout.split())
    except (OSError, subprocess.SubprocessError, ValueError):
        return False
    return _VERSIONS[0] <= (major, minor) <= _VERSIONS[1]


def install_engine(
    wheel: Path,
    *,
    python: Path,
    data: Path | None = None,
    options: Sequence[str] = (),
    on_step: Callable[[InstallStep], object] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Installs the engine; takes minutes, so call it from a thread.

    Args:
        wheel: of the engine.
        python: as `find_python` found it.
        data: the user's data folder.
        options: further ones of ``pip install``, such as ``--no-index``.
        on_step: called with every line of progress, from this thread.
        cancelled: asked all the time; what was installed so far is deleted then.

    Returns:
        the engine's program.

    Raises:
        InstallFailed: with the last lines of what was said.
        Cancelled: it was cancelled.
    """
    engines = (data or data_folder()) / "engines"
    engines.mkdir(parents=True, exist_ok=True)
    environment = engines / f"{wheel.name.split('-')[1]}-{secrets.token_hex(4)}"
    commands = _commands(wheel, python, environment, options)
    try:
        for stage, command in commands.items():
            on_step(InstallStep(stage, " ".join(command)))
            _run(command, stage, on_step, cancelled)
    except BaseException:
        shutil.rmtree(environment, ignore_errors=True)
        raise
    _point_to(environment)
    return program_in(environment)


def _commands(
    wheel: Path, python: Path, environment: Path, options: Sequence[str]
) -> dict[str, list[str]]:
    program = program_in(environment)
    inner = program.with_name("python.exe" if os.name == "nt" else "python")
    pip = [str(inner), "-I", "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    return {
        "environment": [str(python), "-I", "-m", "venv", str(environment)],
        "packages": [*pip, "--progress-bar", "off", *options, str(wheel)],
        "check": [str(program), "--version"],
    }


def _run(
    command: list[str],
    stage: str,
    on_step: Callable[[InstallStep], object],
    cancelled: Callable[[], bool],
) -> None:
    """Runs a command and tells of its lines as they come; ``InstallFailed``, ``Cancelled``."""
    child = _started(command)
    said: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(child, said), daemon=True).start()
    last: deque[str] = deque(maxlen=5)
    while (line := _next(said)) is not None:
        if cancelled():
            child.kill()
            child.wait()
            raise Cancelled("The installation was cancelled.")
        if line:
            last.append(line)
            on_step(InstallStep(stage, line))
    if child.wait():
        raise InstallFailed("The engine can't be installed.", hint="\n".join(last))


def _started(command: list[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 made up above, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_pip_environment(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise InstallFailed(f"{command[0]} can't be started: {error}.") from error


def _pip_environment() -> dict[str, str]:
    kept = {name: value for name, value in clean_environment().items() if name not in _ELSEWHERE}
    return {**kept, **_AS_USUAL}


def _read(child: subprocess.Popen[bytes], said: queue.SimpleQueue[str | None]) -> None:
    if child.stdout is not None:
        with child.stdout as output:
            for line in output:
                said.put(line.decode("utf-8", "replace").strip())
    said.put(None)


def _next(said: queue.SimpleQueue[str | None]) -> str | None:
    """The next line; an empty one where none came for a moment, None at the end."""
    try:
        return said.get(timeout=0.05)
    except queue.Empty:
        return ""


def _point_to(environment: Path) -> None:
    """Makes an environment the current one.

    The one before it stays, since an engine may be running in it; older ones go.
    """
    engines = environment.parent
    before = private_engine(engines.parent)
    beside = engines / "current.new"
    beside.write_text(json.dumps({"environment": environment.name}), encoding="utf-8")
    beside.replace(engines / "current.json")
    for other in engines.iterdir():
        in_use = before is not None and before.is_relative_to(other)
        if other.is_dir() and other != environment and not in_use:
            shutil.rmtree(other, ignore_errors=True)
