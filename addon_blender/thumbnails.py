# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pictures of painted frames, as icons of Blender.

They are files in Blender's own temporary folder, which goes when Blender ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import bpy
import bpy.utils.previews

__all__ = ["file_of", "load", "register", "unregister", "write"]

_previews: list[bpy.utils.previews.ImagePreviewCollection] = []


def file_of(token: str, picture: bytes) -> Path:
    """Where a picture of a clip is; the same picture is the same file."""
    return Path(bpy.app.tempdir) / f"{_prefix(token)}{sha256(picture).hexdigest()}.jpg"


def write(files: Mapping[int, Path], pictures: Mapping[int, bytes]) -> None:
    """Writes pictures that are not there yet, whole at once; in any thread."""
    for frame, path in files.items():
        if not path.exists():
            beside = path.with_suffix(".part")
            beside.write_bytes(pictures[frame])
            beside.replace(path)


def load(token: str, files: Mapping[int, Path]) -> dict[int, int]:
    """Icons of all pictures of a clip; Blender reads the files when it draws them."""
    known, wanted = _previews[-1], {path.name for path in files.values()}
    for name in [one for one in known if one.startswith(_prefix(token)) and one not in wanted]:
        del known[name]
    for path in files.values():
        if path.name not in known:
            known.load(path.name, str(path), "IMAGE")
    return {frame: known[path.name].icon_id for frame, path in files.items()}


def register() -> None:
    """Makes room for icons."""
    _previews.append(bpy.utils.previews.new())


def unregister() -> None:
    """Takes all icons back."""
    bpy.utils.previews.remove(_previews.pop())


def _prefix(token: str) -> str:
    return f"xmempp_{token}_"
