# SPDX-License-Identifier: Apache-2.0
"""What a result depends on, as one number: same recipe, same matte."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine_server.media import Plate

from .workspace.contents import StoredMatte

__all__ = ["plate_print", "recipe_of"]


def recipe_of(
    references: Mapping[int, Mapping[int, StoredMatte]], plate: str, settings: Mapping[str, Any]
) -> str:
    """A digest of what the results of a propagation depend on.

    Args:
        references: painted mattes by frame and object.
        plate: from `plate_print`.
        settings: of the network and the propagation, as JSON.

    Returns:
        16 hexadecimal digits.
    """
    painted = [
        [frame, obj, stored.sha256]
        for frame, told in sorted(references.items())
        for obj, stored in sorted(told.items())
    ]
    told = json.dumps([painted, plate, settings], sort_keys=True)
    return hashlib.sha256(told.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def plate_print(plate: Plate) -> str:
    """A digest of the plate's files: names, sizes and times, so that new renders are noticed."""
    digest = hashlib.sha256()
    for path in dict.fromkeys(plate.path(frame) for frame in plate.frames):
        digest.update(f"{path}|{_stamp(path)}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return "missing"
    return f"{status.st_size}|{status.st_mtime_ns}"
