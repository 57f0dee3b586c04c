# SPDX-License-Identifier: Apache-2.0
"""Memory that a client and its engine share, for raw frames (docs/protocol.md).

It is a file in memory, made by the client, reachable by its user alone and without a name, or
unlinked as soon as the engine has it open. The client gives out all places in it. What is read is
copied first: pixels that change while they are read are a trap for decoders. It is copied
through a mapping, twice as quick as by a call of the system, only where the system promises
that the file is never cut short, which would end the process.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import re
import secrets
import stat
import sys
import tempfile
import threading
from pathlib import Path

from .errors import InsecureConnection, ProtocolError
from .pool import BufferPool

if sys.platform != "win32":
    import fcntl

__all__ = ["Arena", "Lease", "RoomShelf", "open_arena"]

_NAME = re.compile(r"xmempp-[0-9a-f]{32}\.arena")
_DESCRIPTOR = re.compile(r"/proc/[0-9]{1,10}/fd/[0-9]{1,10}")
_PAGE = mmap.ALLOCATIONGRANULARITY
_SMALL = 1 << 16  # bytes that a socket carries as quickly
_MEMORY = Path("/dev/shm")  # noqa: S108
_POOL = BufferPool()
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_OPEN = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0)
_OPEN |= getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)


class _File:
    """Reads and writes at places of an open file, whole or not at all."""

    def __init__(self, fd: int, size: int) -> None:
        self.fd = fd
        self.size = size
        self._lock = threading.Lock()
        self._mapping = mmap.mmap(fd, size, prot=mmap.PROT_READ) if _never_shrinks(fd) else None

    def read(self, offset: int, size: int) -> memoryview:
        """A copy of ``size`` bytes; ``ProtocolError`` if they are not all there."""
        self.check(offset, size)
        target = _POOL.take(size)
        if self._mapping is not None:
            with memoryview(self._mapping) as whole:
                target[:] = whole[offset : offset + size]
            return target
        done = 0
        while done < size:
            step = self._read_some(target[done:], offset + done)
            if step <= 0:
                raise ProtocolError("Shared memory is shorter than it was.")
            done += step
        return target

    def write(self, offset: int, data: memoryview) -> None:
        """Writes all bytes; ``OSError`` if the memory is full."""
        self.check(offset, data.nbytes)
        done = 0
        while done < data.nbytes:
            done += self._write_some(data[done:], offset + done)

    def check(self, offset: int, size: int) -> None:
        """``ProtocolError`` if a place is not inside."""
        if not (offset >= 0 and size >= 0 and offset + size <= self.size):
            raise ProtocolError("A buffer lies outside of shared memory.")

    def _read_some(self, target: memoryview, offset: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self.fd, [target], offset)
        with self._lock:
            os.lseek(self.fd, offset, os.SEEK_SET)
            found = os.read(self.fd, target.nbytes)
        target[: len(found)] = found
        return len(found)

    def _write_some(self, data: memoryview, offset: int) -> int:
        if hasattr(os, "pwrite"):
            return os.pwrite(self.fd, data, offset)
        with self._lock:
            os.lseek(self.fd, offset, os.SEEK_SET)
            return os.write(self.fd, data)

    def close(self) -> None:
        """Closes the file, once."""
        if self._mapping is not None:
            self._mapping.close()
            self._mapping = None
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class Arena:
    """The client's side: makes the file and gives out its places.

    Args:
        size: bytes; memory is taken only as places are used.
        folder: where; by default in memory where the system has such a folder.

    Raises:
        OSError: the file can't be made.
    """

    def __init__(self, size: int = 1 << 28, folder: Path | None = None) -> None:
        self.size = size
        fd, self.path = _named(folder, size) if folder else _new_file(size)
        self._file = _File(fd, size)
        self._mapping = mmap.mmap(fd, size) if hasattr(os, "posix_fallocate") else None
        self._taken = 0
        self._free = [(0, size)]
        self._lock = threading.Lock()

    def unlink(self) -> None:
        """Takes the name away, if it has one, once the engine has the file open."""
        if not _DESCRIPTOR.fullmatch(str(self.path)):
            with contextlib.suppress(OSError):
                self.path.unlink()

    def close(self) -> None:
        """Gives the memory back; places can't be used any more."""
        if self._mapping is not None:
            self._mapping.close()
            self._mapping = None
        self._file.close()
        self.unlink()

    def lease(self) -> Lease:
        """Places for one request and its reply."""
        return Lease(self)

    def get(self, offset: int, size: int) -> memoryview:
        """A copy of what is at a place; ``ProtocolError`` if there is none."""
        return self._file.read(offset, size)

    def write(self, offset: int, data: memoryview) -> None:
        """Writes at a place; ``OSError`` if the system's memory is full.

        Memory is taken before it is written through the mapping, which is twice as quick
        as a call of the system; running out of it there would end the process.
        """
        if self._mapping is None:
            self._file.write(offset, data)
            return
        self._file.check(offset, data.nbytes)
        if offset + data.nbytes > self._taken:
            os.posix_fallocate(self._file.fd, 0, offset + data.nbytes)
            self._taken = offset + data.nbytes
        self._mapping[offset : offset + data.nbytes] = data

    def take(self, size: int) -> int | None:
        """Offset of a free place of whole pages, or None."""
        needed = _whole_pages(size)
        with self._lock:
            for i, (offset, room) in enumerate(self._free):
                if needed <= room:
                    self._free[i : i + 1] = (
                        [(offset + needed, room - needed)] if room > needed else []
                    )
                    return offset
        return None

    def give_back(self, offset: int, size: int) -> None:
        """Frees a place and joins it with its free neighbours."""
        with self._lock:
            self._free = _joined(sorted([*self._free, (offset, _whole_pages(size))]))


class Lease:
    """Places of an arena that belong to one request: a shelf for its buffers.

    They are free again after `release`, which must wait for the reply: until then the
    engine may read and write there.
    """

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._places: list[tuple[int, int]] = []

    def put(self, data: memoryview) -> int | None:
        """Puts bytes into shared memory; None where it has no room, or they are few."""
        place = self.reserve(data.nbytes) if data.nbytes > _SMALL else None
        if place is None:
            return None
        try:
            self._arena.write(place[0], data)
        except OSError:
            return None
        return place[0]

    def reserve(self, size: int) -> tuple[int, int] | None:
        """A place for the reply, as offset and bytes, or None."""
        offset = self._arena.take(size) if size else None
        if offset is None:
            return None
        self._places.append((offset, size))
        return offset, size

    def release(self) -> None:
        """Frees the places."""
        for offset, size in self._places:
            self._arena.give_back(offset, size)
        self._places.clear()


class RoomShelf:
    """The engine's side: reads anywhere, writes into the room that a request gave.

    Args:
        file: as `open_arena` returned it.
        room: of the request that is answered, or None.
    """

    def __init__(self, file: _File, room: tuple[int, int] | None = None) -> None:
        self._file = file
        self._next, size = room or (0, 0)
        self._end = self._next + size

    def room(self, room: tuple[int, int] | None) -> RoomShelf:
        """The same memory with the room of a request; ``ProtocolError`` if it is none."""
        if room is not None:
            self._file.check(*room)
        return RoomShelf(self._file, room)

    def put(self, data: memoryview) -> int | None:
        """Puts bytes into the room; None where they don't fit."""
        offset = self._next
        if offset + data.nbytes > self._end:
            return None
        try:
            self._file.write(offset, data)
        except OSError:
            return None
        self._next += data.nbytes
        return offset

    def get(self, offset: int, size: int) -> memoryview:
        """A copy of a place; ``ProtocolError`` if there is none."""
        return self._file.read(offset, size)

    def close(self) -> None:
        """Lets go of the memory."""
        self._file.close()


def open_arena(path: str, size: int) -> RoomShelf:
    """The engine opens the file that a client offers.

    Raises:
        InsecureConnection: it is not what it should be, is open to others or can't be opened.
    """
    nameless = _DESCRIPTOR.fullmatch(path) is not None
    if not nameless and not _NAME.fullmatch(Path(path).name):
        raise InsecureConnection("The offered shared memory has another name than it should.")
    try:
        _check_private(Path(path).stat() if nameless else Path(path).lstat(), size)
        fd = os.open(path, _OPEN & ~_NOFOLLOW if nameless else _OPEN)
    except OSError as error:
        raise InsecureConnection("The offered shared memory can't be opened.") from error
    try:
        _check_private(os.fstat(fd), size)
        if nameless and not _never_shrinks(fd):
            raise InsecureConnection("The offered shared memory may be cut short.")
    except InsecureConnection:
        os.close(fd)
        raise
    return RoomShelf(_File(fd, size))


def _check_private(found: os.stat_result, size: int) -> None:
    mine = not hasattr(os, "getuid") or (
        found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077
    )
    if not (mine and stat.S_ISREG(found.st_mode) and found.st_size == size):
        raise InsecureConnection("The offered shared memory is not a private file of that size.")


def _new_file(size: int) -> tuple[int, Path]:
    """A file without a name where the system has such files, else one in memory or `tempfile`'s."""
    if not hasattr(os, "memfd_create"):
        return _named(_folder(), size)
    fd = os.memfd_create("xmempp-arena", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.fchmod(fd, 0o600)
        os.ftruncate(fd, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    except OSError:
        os.close(fd)
        return _named(_folder(), size)
    return fd, Path(f"/proc/{os.getpid()}/fd/{fd}")


def _named(folder: Path, size: int) -> tuple[int, Path]:
    path = folder / f"xmempp-{secrets.token_hex(16)}.arena"
    fd = os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
    os.ftruncate(fd, size)
    return fd, path


def _never_shrinks(fd: int) -> bool:
    """Whether the system promises it, so that reading a mapping can't end the process."""
    if not hasattr(os, "memfd_create"):
        return False
    try:
        return bool(fcntl.fcntl(fd, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK)
    except OSError:  # not a file that could promise it
        return False


def _folder() -> Path:
    return _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())


def _whole_pages(size: int) -> int:
    return -(-size // _PAGE) * _PAGE


def _joined(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for offset, size in places:
        if joined and sum(joined[-1]) == offset:
            joined[-1] = (joined[-1][0], joined[-1][1] + size)
        else:
            joined.append((offset, size))
    return joined
