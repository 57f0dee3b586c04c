# SPDX-License-Identifier: Apache-2.0
"""Makes the vendored pyzmq importable: the one for this Python and system, and no other.

It lies unpacked beside this file, so that nothing is written where the plugin is installed,
nor at the artist's home. A pyzmq that Nuke has already is left alone.
"""

from __future__ import annotations

import importlib
import importlib.util
import platform
import sys
from pathlib import Path

__all__ = ["folder_name", "make_importable"]

_FOLDER = Path(__file__).parent / "packages"
_SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
_MACHINES = {"amd64": "x86_64", "x64": "x86_64", "aarch64": "arm64"}


def make_importable(module: str, folder: Path = _FOLDER) -> None:
    """Puts the folder that fits on the path, unless the module is there already.

    Args:
        module: its name, such as ``zmq``.
        folder: with a folder for each Python and system.

    Raises:
        ImportError: it is not there for this Python.
    """
    if importlib.util.find_spec(module):
        return
    wanted = folder / folder_name()
    if wanted.is_dir():
        sys.path.append(str(wanted))
        importlib.invalidate_caches()
    if not importlib.util.find_spec(module):
        raise ImportError(
            f"XMem++ needs '{module}' for {folder_name()}. "
            "Install that package for Nuke's Python, or the plugin's zip for this system."
        )


def folder_name() -> str:
    """Such as ``cp310-linux-x86_64``; a package for macOS holds both machines."""
    python = "cp{}{}".format(*sys.version_info[:2])
    system = _SYSTEMS.get(sys.platform, sys.platform)
    machine = platform.machine().lower()
    plain = "universal2" if system == "macos" else _MACHINES.get(machine, machine)
    return f"{python}-{system}-{plain}"
