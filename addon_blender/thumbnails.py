# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pictures of painted frames, as icons of Blender.

They are files in Blender's own temporary folder, which goes when Blender ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import bpy
import bpy.utils.previews

__all__ = ["file_of", "load", "register", "unregister", "write"]

_previews: list[bpy.utils.previews.ImagePreviewCollection] = []


def file_of(token: str, frame: int, revision: int) -> Path:
    """Where the picture of a painted frame is."""
    return Path(bpy.app.tempdir) / f"xmempp_{token}_{frame}_{revision}.jpg"


def write(files: Mapping[int, Path], pictures: Mapping[int, bytes]) -> None:
    """Writes pictures; in any thread."""
    for frame, path in files.items():
        path.write_bytes(pictures[frame])


def load(path: Path) -> int:
    """The icon of a picture; Blender reads the file when it draws it."""
    known = _previews[-1]
    found = known.get(path.name) or known.load(path.name, str(path), "IMAGE")
    return found.icon_id


def register() -> None:
    """Makes room for icons."""
    _previews.append(bpy.utils.previews.new())


def unregister() -> None:
    """Takes all icons back."""
    bpy.utils.previews.remove(_previews.pop())
