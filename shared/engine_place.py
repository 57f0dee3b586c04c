# SPDX-License-Identifier: Apache-2.0
"""Where the engine is on this machine, and the surroundings in which it runs."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from .errors import EngineNotFound

__all__ = [
    "ENGINE_VARIABLE",
    "clean_environment",
    "data_folder",
    "find_engine",
    "private_engine",
    "program_in",
]

ENGINE_VARIABLE = "XMEMPP_ENGINE"
"""Environment variable with the path of an engine."""

_PROGRAM = "xmempp.exe" if os.name == "nt" else "xmempp"
_SCRIPTS = "Scripts" if os.name == "nt" else "bin"
_OF_THE_HOST = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")


def find_engine(
    configured: str | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    data: Path | None = None,
) -> Path:
    """The engine's program.

    It is looked for at the configured path, at the one in `ENGINE_VARIABLE`, among the
    installed programs, and in the private environment, in this order. A path that is
    given and wrong is an error, and not passed over.

    Args:
        configured: path of the program or of its environment, from the preferences.
        environment: variables; by default those of this process.
        data: the user's data folder, by default `data_folder`.

    Raises:
        EngineNotFound: it is nowhere, or not at a path that was given.
    """
    variables = os.environ if environment is None else environment
    for given, source in (
        (configured, "in the preferences"),
        (variables.get(ENGINE_VARIABLE), f"in {ENGINE_VARIABLE}"),
    ):
        if given:
            return _given(Path(given).expanduser(), source)
    installed = shutil.which(_PROGRAM, path=variables.get("PATH"))
    found = Path(installed) if installed else private_engine(data)
    if found is None:
        raise EngineNotFound("The engine is not installed.")
    return found


def _given(path: Path, source: str) -> Path:
    program = program_in(path) if path.is_dir() else path
    if not (program.is_file() and os.access(program, os.X_OK)):
        raise EngineNotFound(f"There is no engine at {path}, given {source}.")
    return program


def program_in(environment: Path) -> Path:
    """Path of the engine's program in a Python environment."""
    return environment / _SCRIPTS / _PROGRAM


def private_engine(data: Path | None = None) -> Path | None:
    """The program in the private environment that was installed last, or None."""
    pointer = (data or data_folder()) / "engines" / "current.json"
    try:
        name = json.loads(pointer.read_text(encoding="utf-8"))["environment"]
        program = program_in(pointer.parent / Path(name).name)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return program if program.is_file() else None


def data_folder() -> Path:
    """The user's own folder for this software; it need not exist yet."""
    if os.name == "nt":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "xmempp"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "xmempp"
    base = Path(os.environ.get("XDG_DATA_HOME", ""))  # the custom: a relative one is not valid
    return (base if base.is_absolute() else Path.home() / ".local" / "share") / "xmempp"


def clean_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables for the engine: those of the host without what leads to the host's Python."""
    variables = os.environ if environment is None else environment
    return {name: value for name, value in variables.items() if name not in _OF_THE_HOST}
