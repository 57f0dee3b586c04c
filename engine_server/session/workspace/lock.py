# SPDX-License-Identifier: Apache-2.0
"""One engine at a time works on a project.

The system's own file lock decides: it goes with the process, however that ends, so a lock is
never stale. What is written in the file is for people, and for file servers without locks.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import sys
import time
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from shared.errors import WorkspaceBusy

from .disk import disk_errors

__all__ = ["ProjectLock", "lock_holder"]

log = logging.getLogger(__name__)

_NO_LOCKS_HERE = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_PAUSES = (0.02, 0.05)  # seconds


class ProjectLock:
    """Held from its making to `release`, or to the end of the process.

    Args:
        path: the lock file; it is there while the lock is held.

    Raises:
        WorkspaceBusy: another engine, in this process or another, holds it.
        OutputUnwritable: the file can't be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with disk_errors(path):
            handle = self._acquired()
        self._handle: int | None = handle
        _sign(handle)

    def release(self) -> None:
        """Lets another engine in; the file goes."""
        if self._handle is None:
            return
        if os.name != "nt":  # there, a file that is open can't be removed
            self.path.unlink(missing_ok=True)
        os.close(self._handle)
        self._handle = None
        with suppress(OSError):  # someone else has it already
            if os.name == "nt":
                self.path.unlink(missing_ok=True)

    def _acquired(self) -> int:
        """A locked handle of the file that is there now, not of one removed meanwhile."""
        while True:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                self._lock(handle)
                if _is_at(handle, self.path):
                    return handle
            except BaseException:
                os.close(handle)
                raise
            os.close(handle)

    def _lock(self, handle: int) -> None:
        """Tries for a moment: `lock_holder` holds the lock for an instant."""
        try:
            for pause in _PAUSES:
                with suppress(OSError):
                    return _lock_file(handle)
                time.sleep(pause)
            _lock_file(handle)
        except OSError as error:
            if error.errno not in _NO_LOCKS_HERE:
                raise _busy(self.path) from error
            log.warning("the file system of %s has no locks; its text is trusted", self.path)
            if _seems_alive(_read(self.path)):
                raise _busy(self.path) from error


def lock_holder(path: Path) -> dict[str, Any] | None:
    """Who holds a lock: ``pid``, ``host``, ``since``; ``None`` if nobody does."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        _lock_file(handle)
    except OSError as error:
        signed = _read(path)
        return signed if error.errno not in _NO_LOCKS_HERE or _seems_alive(signed) else None
    finally:
        os.close(handle)
    return None


if sys.platform == "win32":
    import msvcrt

    def _lock_file(handle: int) -> None:
        """Locks a byte far behind the text, which stays readable."""
        os.lseek(handle, 1 << 30, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(handle, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock_file(handle: int) -> None:
        """Locks the whole file for this handle alone."""
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sign(handle: int) -> None:
    """Tells who holds it; a full disk does not keep anyone from reading a project."""
    since = datetime.now(timezone.utc).isoformat(timespec="seconds")
    text = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since})
    with suppress(OSError):
        os.ftruncate(handle, 0)
        os.write(handle, text.encode())


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _read(path: Path) -> dict[str, Any]:
    try:
        signed = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return signed if isinstance(signed, dict) else {}


def _seems_alive(signed: dict[str, Any]) -> bool:
    """Whether the process that signed may still run; one of another machine may."""
    if not signed or signed.get("pid") == os.getpid():
        return False
    if signed.get("host") != socket.gethostname():
        return True
    try:
        os.kill(int(signed["pid"]), 0)
    except (ProcessLookupError, ValueError, KeyError):
        return False
    except OSError:
        return True
    return True


def _busy(path: Path) -> WorkspaceBusy:
    signed = _read(path)
    who = f"process {signed['pid']} on {signed['host']}" if "pid" in signed else "another engine"
    return WorkspaceBusy(f"The project '{path.parent}' is in use by {who}.")
