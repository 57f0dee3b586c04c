# SPDX-License-Identifier: Apache-2.0
"""Imports every module of the built plugin with the standard library and pyzmq alone.

    python3.9 -I -S import_alone.py FOLDER [FOLDER_OF_ZMQ]

FOLDER is what the zip holds. Without the second the pyzmq in the zip is used. It runs on the
Pythons of Nuke, 3.9 and later.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import types
from typing import Any

OURS = {"zmq", "xmempp_nuke"}
BUILT_IN = {*getattr(sys, "stdlib_module_names", ())}  # since 3.10; before, -S has nothing else


class Only:
    """Lets nothing else be imported."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if BUILT_IN and name.partition(".")[0] not in {*BUILT_IN, *OURS}:
            raise ImportError(f"{name} is not in Nuke")


class Anything:
    """Stands for every class of Nuke."""

    def __init__(self, *args: Any, **options: Any) -> None:
        pass


def main(home: str, zmq_home: str = "") -> None:
    """Imports all, and says how many and which pyzmq."""
    nuke = types.ModuleType("nuke")
    nuke.__getattr__ = lambda name: 0 if name.isupper() else Anything  # type: ignore[method-assign]
    sys.modules["nuke"] = nuke
    sys.path[:0] = [home]
    sys.path += [zmq_home] if zmq_home else []
    sys.meta_path.insert(0, Only())  # type: ignore[arg-type]
    plugin = importlib.import_module("xmempp_nuke")
    importlib.import_module("xmempp_nuke.vendor").make_importable("zmq")
    names = [found.name for found in pkgutil.walk_packages(plugin.__path__, "xmempp_nuke.")]
    for name in names:
        importlib.import_module(name)
    zmq = sys.modules["zmq"]
    if "numpy" in sys.modules:
        raise ImportError("numpy was imported")
    sys.stdout.write(f"{len(names)} modules with pyzmq {zmq.__version__} of {zmq.__file__}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
