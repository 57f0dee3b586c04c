# SPDX-License-Identifier: Apache-2.0
"""Writing a file so that it is either there as a whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from shared.errors import OutputUnwritable

__all__ = ["write_atomically"]


def write_atomically(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a file under another name in its folder, then rename it.

    A reader, or a process killed at any instant, sees the old file or the whole new one.

    Args:
        path: where to; missing folders are made, an old file is replaced.
        data: the content.
        durable: also wait until the disk has it (survives a power cut; slower).

    Raises:
        OutputUnwritable: no permission, no space, or a folder of that name is in the way.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem[:48]}.", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_UMASK)  # as an ordinary new file, not for its owner only
        temporary.replace(path)
    except OSError as error:
        raise OutputUnwritable(f"'{path}' can't be written: {error.strerror}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _read_umask() -> int:
    """The process's umask; it can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


_UMASK = _read_umask()
