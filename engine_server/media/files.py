# SPDX-License-Identifier: Apache-2.0
"""Writing a file so that it is either there as a whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from shared.errors import OutputUnwritable

__all__ = ["write_atomically"]


def write_atomically(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a file under another name in its folder, then rename it.

    A reader, or a process killed at any instant, sees the old file or the whole new one.

    Args:
        path: where to; missing folders are made, an old file is replaced.
        data: the content.
        durable: also wait until the disk has the file and its name (survives a power cut;
            slower).

    Raises:
        OutputUnwritable: no permission, no space, or a folder of that name is in the way.
    """
    temporary: Path | None = None
    try:
        changed = _make_folder(path.parent)
        handle, temporary = _create_beside(path)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
        if durable:
            _sync_folders(changed)
    except OSError as error:
        raise OutputUnwritable(f"'{path}' can't be written: {error.strerror}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _make_folder(folder: Path) -> list[Path]:
    """Makes a folder where it is missing; the folders in which names may be new.

    That in which it lies is always one of them: who made it before, and was stopped, may not
    have waited for the disk.
    """
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return [folder, folder.parent, *(each.parent for each in made[1:])]


def _sync_folders(folders: list[Path]) -> None:
    """Waits until the disk has the names in folders; Windows keeps them with the files."""
    if os.name == "nt":
        return
    for folder in folders:
        try:
            handle = os.open(folder, os.O_RDONLY)
        except PermissionError:  # nothing of ours can be new in what we may not read
            continue
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _create_beside(path: Path) -> tuple[int, Path]:
    """A new file of an unused name, open for writing.

    With the permissions of any new file: ``tempfile`` makes files for their owner only.
    """
    temporary = path.with_name(f".{path.stem[:48]}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.open(temporary, flags, 0o666), temporary
