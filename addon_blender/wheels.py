# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes packages that came as wheels importable.

The one that fits Python and machine is unpacked into the user's data folder. Blender 4.2 and later
would do it for wheels that a manifest names, but no such list suits both Python 3.11 and newer.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from .shared.engine_place import data_folder

__all__ = ["fits", "make_importable", "unpacked"]

_FOLDER = Path(__file__).parent / "wheels"


def make_importable(module: str, wheels: Path = _FOLDER, data: Path | None = None) -> None:
    """Unpacks the wheel of a module and puts it on the path, unless it is there already.

    Args:
        module: its name, such as ``zmq``.
        wheels: folder of the wheels that came with the add-on.
        data: the user's data folder.

    Raises:
        ImportError: it is not there, and no wheel fits this Python.
    """
    if importlib.util.find_spec(module):
        return
    fitting = [wheel for wheel in sorted(wheels.glob("*.whl")) if fits(wheel.name)]
    for wheel in fitting:
        sys.path.append(str(unpacked(wheel, (data or data_folder()) / "python")))
    importlib.invalidate_caches()
    if not importlib.util.find_spec(module):
        python = ".".join(map(str, sys.version_info[:2]))
        raise ImportError(
            f"XMem++ needs '{module}' for Python {python} on {sys.platform} "
            f"{platform.machine()}. Install that package, or the zip made for this system."
        )


def fits(name: str) -> bool:
    """Whether the wheel of that file name is for this Python and machine."""
    pythons, abi, platforms = name[: -len(".whl")].split("-")[-3:]
    return _fits_python(pythons, abi) and _fits_machine(platforms.split("."))


def unpacked(wheel: Path, folder: Path) -> Path:
    """Unpacks a wheel, once; the folder is whole or not there."""
    target = folder / wheel.stem
    if target.is_dir():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=folder))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(beside)
    try:
        beside.rename(target)
    except OSError:  # another Blender was quicker
        shutil.rmtree(beside)
    return target


def _fits_python(pythons: str, abi: str) -> bool:
    major, minor = sys.version_info[:2]
    if abi == "abi3":
        return pythons.startswith(f"cp{major}") and int(pythons[3:]) <= minor
    return abi == f"cp{major}{minor}"


def _fits_machine(platforms: Iterable[str]) -> bool:
    system = {"linux": "manylinux", "darwin": "macosx", "win32": "win"}.get(sys.platform, "")
    machine = platform.machine().lower().replace("aarch64", "arm64").replace("amd64", "x86_64")
    for name in platforms:
        plain = name.replace("aarch64", "arm64").replace("amd64", "x86_64")
        if plain.startswith(system) and plain.endswith((machine, "universal2")):
            return bool(system) and (os.name != "nt" or plain == f"win_{machine}")
    return False
