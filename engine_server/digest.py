# SPDX-License-Identifier: Apache-2.0
"""What tells one file from another: weights, stored mattes."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["sha256_of"]


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal, read piece by piece; OSError where it can't be read."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
