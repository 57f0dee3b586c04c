# SPDX-License-Identifier: Apache-2.0
"""The plugin as artists get it, inside a fake Nuke: built, unzipped, started."""

from __future__ import annotations

import contextlib
import importlib
import runpy
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import build_addon

from .app import App
from .module import make_module

PACKAGE = "xmempp_nuke"


class Session:
    """A running Nuke with the plugin.

    Attributes:
        app: what a test does to Nuke, and sees of it.
        nuke: the module.
        plugin: the plugin's package.
    """

    def __init__(self, app: App, nuke: ModuleType, plugin: ModuleType) -> None:
        self.app, self.nuke, self.plugin = app, nuke, plugin

    def part(self, name: str) -> ModuleType:
        """A module of the plugin."""
        return importlib.import_module(f"{PACKAGE}.{name}")

    def bridge(self) -> Any:
        """The plugin's bridge."""
        return self.part("bridge").current()


def installed(folder: Path) -> Path:
    """Builds and unzips the plugin; the folder for NUKE_PATH. Skips where there is no Tcl."""
    pytest.importorskip("tkinter", reason="the fake Nuke needs Tcl: install python3-tk")
    archive = build_addon.build_nuke(folder)
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    return folder / PACKAGE


@contextlib.contextmanager
def running(home: Path, *, gui: bool = False) -> Iterator[Session]:
    """Starts a Nuke that finds the plugin by NUKE_PATH.

    Args:
        home: as `installed` gives it.
        gui: whether it has windows.
    """
    app = App(gui=gui)
    forget()
    nuke = sys.modules["nuke"] = make_module(app)
    sys.path.insert(0, str(home))
    try:
        runpy.run_path(str(home / "init.py"))
        if gui:
            runpy.run_path(str(home / "menu.py"))
        yield Session(app, nuke, importlib.import_module(PACKAGE))
    finally:
        bridge = sys.modules.get(f"{PACKAGE}.bridge")
        if bridge is not None:
            bridge.current().stop_engine(wait=True)
        sys.path.remove(str(home))
        forget()


def forget() -> None:
    """The next Nuke imports everything anew."""
    for name in [*sys.modules]:
        if name == "nuke" or name.split(".")[0] == PACKAGE:
            del sys.modules[name]
