# SPDX-License-Identifier: Apache-2.0
"""Shared memory: what an engine opens, and what a peer may do to it while it is used."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.arena import Arena, RoomShelf, open_arena
from shared.errors import InsecureConnection, ProtocolError
from shared.pool import BufferPool

SIZE = 1 << 22
FRAME = memoryview(os.urandom(1 << 20))


@pytest.fixture
def arena(tmp_path: Path) -> Iterator[Arena]:
    arena = Arena(SIZE, tmp_path)
    yield arena
    arena.close()


@pytest.fixture
def shelf(arena: Arena) -> Iterator[RoomShelf]:
    shelf = open_arena(str(arena.path), SIZE)
    yield shelf
    shelf.close()


def test_frames_go_both_ways(arena: Arena, shelf: RoomShelf) -> None:
    lease = arena.lease()
    offset = lease.put(FRAME)
    room = lease.reserve(len(FRAME))
    assert offset is not None
    assert shelf.get(offset, len(FRAME)) == FRAME
    back = shelf.room(room).put(FRAME)
    assert back is not None
    assert arena.get(back, len(FRAME)) == FRAME


def test_what_was_read_does_not_change_any_more(arena: Arena, shelf: RoomShelf) -> None:
    lease = arena.lease()
    offset = lease.put(FRAME) or 0
    got = shelf.get(offset, len(FRAME))
    arena.write(offset, memoryview(bytes(len(FRAME))))
    assert got == FRAME


def test_a_file_that_is_cut_short_is_an_error(arena: Arena, shelf: RoomShelf) -> None:
    offset = arena.lease().put(FRAME) or 0
    os.truncate(arena.path, 4096)
    with pytest.raises(ProtocolError, match="shorter"):
        shelf.get(offset, len(FRAME))
    os.truncate(arena.path, SIZE)


@pytest.mark.parametrize(
    ("offset", "size"), [(-1, 5), (0, -1), (SIZE, 1), (SIZE - 1, 2), (2**62, 2**62), (0, SIZE + 1)]
)
def test_places_outside_are_refused(shelf: RoomShelf, offset: int, size: int) -> None:
    with pytest.raises(ProtocolError):
        shelf.get(offset, size)
    with pytest.raises(ProtocolError):
        shelf.room((offset, size))


def test_an_answer_stays_in_its_room(arena: Arena, shelf: RoomShelf) -> None:
    room = shelf.room(arena.lease().reserve(len(FRAME)))
    assert room.put(FRAME[:-4096]) is not None
    assert room.put(FRAME[:8192]) is None
    assert shelf.put(FRAME) is None
    assert shelf.room(None).put(FRAME) is None


def test_other_files_are_not_opened(tmp_path: Path) -> None:
    good = Arena(SIZE, tmp_path)
    name = good.path.name
    (tmp_path / "secret").write_bytes(bytes(SIZE))
    (tmp_path / "secret").chmod(0o600)
    linked = tmp_path / f"xmempp-{'0' * 32}.arena"
    linked.symlink_to(tmp_path / "secret")
    folder = tmp_path / f"xmempp-{'1' * 32}.arena"
    folder.mkdir()
    pipe = tmp_path / f"xmempp-{'2' * 32}.arena"
    os.mkfifo(pipe, 0o600)
    open_to_all = Arena(SIZE, tmp_path)
    open_to_all.path.chmod(0o644)
    offers = [
        (tmp_path / "secret", SIZE),
        (linked, SIZE),
        (folder, SIZE),
        (pipe, SIZE),
        (open_to_all.path, SIZE),
        (good.path, SIZE + 1),
        (tmp_path / "absent" / name, SIZE),
        (f"{good.path}\x00", SIZE),
        (Path("/proc/self/mem"), SIZE),
    ]
    for path, size in offers:
        with pytest.raises(InsecureConnection):
            open_arena(str(path), size)
    for arena in (good, open_to_all):
        arena.close()


@given(st.lists(st.tuples(st.booleans(), st.integers(1, SIZE // 3)), max_size=30))
def test_places_never_overlap(steps: list[tuple[bool, int]]) -> None:
    arena = Arena(SIZE)
    taken: list[tuple[int, int]] = []
    try:
        for takes, size in steps:
            if takes:
                offset = arena.take(size)
                if offset is not None:
                    assert offset + size <= SIZE
                    assert all(offset + size <= o or o + s <= offset for o, s in taken)
                    taken.append((offset, size))
            elif taken:
                arena.give_back(*taken.pop(size % len(taken)))
        for place in taken:
            arena.give_back(*place)
        assert arena.take(SIZE) == 0
    finally:
        arena.close()


def test_full_memory_is_no_failure(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    lease = arena.lease()
    assert lease.put(FRAME) is None
    assert arena.lease().reserve(SIZE + 1) is None


def test_a_buffer_in_use_is_never_given_out_again() -> None:
    pool = BufferPool()
    first = pool.take(1 << 20)
    first[:] = FRAME
    inner = first.cast("f")[100:200]
    del first
    gc.collect()
    for _ in range(3):
        pool.take(1 << 20)[:] = bytes(1 << 20)
    assert inner.tobytes() == FRAME[400:800].tobytes()


def test_a_pool_tells_whether_fresh_memory_is_needed() -> None:
    pool = BufferPool(keep=3 << 20)
    assert not pool.has(1 << 20)
    views = [pool.take(1 << 20) for _ in range(2)]
    assert not pool.has(1 << 20)
    del views
    assert pool.has(1 << 20, 2)
    assert not pool.has(1 << 20, 3)
    assert not pool.has(1 << 10)
    assert pool.has(4 << 20), "what is never kept can't be waited for"


def test_a_pool_keeps_no_more_than_it_may() -> None:
    pool = BufferPool(keep=3 << 20)
    views = [pool.take(1 << 20) for _ in range(10)]
    assert len(views) == 10
    del views
    gc.collect()
    assert sum(map(len, pool._waiting)) <= 3 << 20
    assert pool.take(0).nbytes == 0


nameless = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="only Linux has such files")


@nameless
def test_memory_without_a_name_goes_both_ways_and_can_not_be_cut_short() -> None:
    arena = Arena(SIZE)
    shelf = open_arena(str(arena.path), SIZE)
    lease = arena.lease()
    offset, room = lease.put(FRAME), lease.reserve(len(FRAME))
    assert offset is not None
    got = shelf.get(offset, len(FRAME))
    arena.write(offset, memoryview(bytes(len(FRAME))))
    assert got == FRAME
    assert arena.get(shelf.room(room).put(FRAME) or 0, len(FRAME)) == FRAME
    for size in (0, 4096, 2 * SIZE):
        with pytest.raises(PermissionError):
            os.truncate(arena.path, size)
    shelf.close()
    arena.close()


@nameless
def test_other_descriptors_are_not_opened(tmp_path: Path) -> None:
    """A plain file may be cut short while it is read; a pipe or a terminal may do anything."""
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(SIZE))
    secret.chmod(0o600)
    unsealed = os.memfd_create("x", os.MFD_ALLOW_SEALING)
    os.fchmod(unsealed, 0o600)
    os.ftruncate(unsealed, SIZE)
    plain, (reads, writes) = os.open(secret, os.O_RDWR), os.pipe()
    for fd in (unsealed, plain, reads, writes, 0, 9999):
        with pytest.raises(InsecureConnection):
            open_arena(f"/proc/{os.getpid()}/fd/{fd}", SIZE)
    for path in ("/proc/self/fd/0", "/proc/1/fd/../mem", f"/proc/{os.getpid()}/fd/{plain}/x"):
        with pytest.raises(InsecureConnection):
            open_arena(path, SIZE)
    for fd in (unsealed, plain, reads, writes):
        os.close(fd)
