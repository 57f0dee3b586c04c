# SPDX-License-Identifier: GPL-3.0-or-later
"""XMem++ in the movie clip editor: paint an object on a few frames, get its matte on all.

Blender 4.2 and later read ``blender_manifest.toml``, earlier ones `bl_info`
(which is gone once a newer Blender has loaded the add-on). Nothing of
Blender is imported before `register`, so that parts without it can be tested anywhere.
"""

from __future__ import annotations

import sys

__all__ = ["__version__", "bl_info", "register", "unregister"]

__version__ = "0.1.0"

bl_info = {
    "name": "XMem++",
    "author": "The XMem++ for compositors authors",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "Movie Clip Editor > Sidebar > XMem++",
    "description": "Paint an object on a few frames, get its matte on all of them",
    "category": "Compositing",
}

_read = {"again": "register" in globals()}  # Blender does that with a newer zip, and to this alone


def register() -> None:
    """Called by Blender when the add-on is enabled."""
    if _read.pop("again", False):
        _forget_parts()
    from . import wheels

    for module in ("zmq", "numpy"):
        wheels.make_importable(module)
    from . import registration

    registration.register(__version__)


def unregister() -> None:
    """Called by Blender when the add-on is disabled."""
    from . import registration

    registration.unregister()


def _forget_parts() -> None:
    """Has all other parts read as well: they are of the version that was there before."""
    for name in [one for one in sys.modules if one.startswith(f"{__name__}.")]:
        del sys.modules[name]
        globals().pop(name[len(__name__) + 1 :], None)
