# SPDX-License-Identifier: Apache-2.0
"""Files that are on the disk, and not only in a cache, before anything is acknowledged."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine_server.media import write_atomically
from shared.errors import DiskFull, OutputUnwritable

__all__ = ["disk_errors", "write_durably"]

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


def write_durably(path: Path, data: bytes) -> None:
    """Writes a file that survives a crash and a power cut from the moment this returns.

    Args:
        path: where to; missing folders are made, an old file is replaced as a whole.
        data: the content.

    Raises:
        DiskFull: no space is left; an old file of that name is as it was.
        OutputUnwritable: it can't be written for another reason.
    """
    with disk_errors(path):
        write_atomically(path, data, durable=True)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns what the system says into `DiskFull` or `OutputUnwritable` naming the file."""
    try:
        yield
    except OutputUnwritable as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in _FULL:
            raise _full(path) from error
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise _full(path) from error
        raise OutputUnwritable(f"'{path}' can't be written: {error.strerror}.") from error


def _full(path: Path) -> DiskFull:
    return DiskFull(f"The disk is full: '{path}' was not written.")
