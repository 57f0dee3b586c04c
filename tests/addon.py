# SPDX-License-Identifier: Apache-2.0
"""Modules of the Blender add-on outside of Blender: those that need nothing of it.

In a built add-on `shared` lies inside; here a package is made of both folders.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
_PACKAGE = "xmempp_addon"


def addon_part(name: str) -> ModuleType:
    """A module of the add-on, such as ``raster``."""
    if _PACKAGE not in sys.modules:
        package = sys.modules[_PACKAGE] = ModuleType(_PACKAGE)
        package.__path__ = [str(ROOT / "addon_blender"), str(ROOT)]
    return importlib.import_module(f"{_PACKAGE}.{name}")
