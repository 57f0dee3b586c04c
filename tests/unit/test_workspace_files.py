# SPDX-License-Identifier: Apache-2.0
"""Files of the workspace: mattes without loss, the log, the lock."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from engine_server.session.workspace import (
    EditLog,
    ProjectLock,
    lock_holder,
    read_matte,
    write_matte,
)
from engine_server.session.workspace.edit_log import Edit, read_edits
from shared.errors import DiskFull, WorkspaceBusy, WorkspaceDamaged

UNIT = st.floats(0, 1, width=32)
STEPS_8 = st.integers(0, 255).map(lambda v: float(np.float32(v) / np.float32(255)))
STEPS_16 = st.integers(0, 65535).map(lambda v: float(np.float32(v) / np.float32(65535)))


@given(
    matte=st.sampled_from([UNIT, STEPS_8, STEPS_16]).flatmap(
        lambda values: arrays(np.float32, (3, 5), elements=values)
    )
)
def test_a_matte_comes_back_bit_for_bit(
    matte: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path, _ = write_matte(tmp_path_factory.mktemp("mattes") / "1001_1", matte)
    assert np.array_equal(read_matte(path).view(np.uint32), matte.view(np.uint32))


@pytest.mark.parametrize(
    ("matte", "name", "mode"),
    [
        (np.eye(4, dtype=np.float32), "m.png", "L"),
        (np.full((4, 4), np.float32(77) / np.float32(255)), "m.png", "L"),
        (np.full((4, 4), np.float32(77) / np.float32(65535)), "m.png", "I;16"),
        (np.full((4, 4), np.float32(0.1234567)), "m.exr", None),
        (-np.zeros((4, 4), np.float32), "m.exr", None),
    ],
)
def test_the_smallest_format_that_loses_nothing_is_taken(
    matte: np.ndarray, name: str, mode: str | None, tmp_path: Path
) -> None:
    path, _ = write_matte(tmp_path / "m", matte)
    assert path.name == name
    if mode is not None:
        with Image.open(path) as picture:
            assert picture.mode == mode


def test_a_damaged_matte_is_told_by_name(tmp_path: Path) -> None:
    path, _ = write_matte(tmp_path / "m", np.eye(40, dtype=np.float32))
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(WorkspaceDamaged, match=str(path)):
        read_matte(path)


# The log


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "edits.jsonl"


def written(path: Path, count: int = 3) -> list[bytes]:
    log = EditLog(path)
    for n in range(count):
        log.append("rename_object", obj=n + 1, name=f"näme\n\u2028 {n}")
    log.close()
    return path.read_bytes().splitlines(keepends=True)


def test_what_is_logged_can_be_read_by_people_and_programs(path: Path) -> None:
    lines = written(path)
    assert "näme" in lines[0].decode()
    assert json.loads(lines[2])["n"] == 3
    edits, length = read_edits(path)
    assert [edit.fields["obj"] for edit in edits] == [1, 2, 3]
    assert length == len(b"".join(lines))


def test_a_last_line_cut_off_anywhere_is_dropped_and_nothing_else(path: Path) -> None:
    lines = written(path)
    whole = b"".join(lines[:2])
    for cut in range(len(lines[2])):
        path.write_bytes(whole + lines[2][:cut])
        log = EditLog(path)
        assert [edit.n for edit in log.edits] == [1, 2]
        assert log.append("colour_object", obj=1, colour=[1, 2, 3]).n == 3
        log.close()
        assert len(read_edits(path)[0]) == 3


@given(data=st.data())
def test_a_changed_line_before_the_last_is_noticed(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("log") / "edits.jsonl"
    lines = written(path)
    text = bytearray(b"".join(lines))
    at = data.draw(st.integers(0, len(lines[0]) + len(lines[1]) - 1))
    text[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(text)
    with pytest.raises(WorkspaceDamaged, match=str(path)):
        read_edits(path)


def test_a_missing_line_is_noticed(path: Path) -> None:
    lines = written(path)
    path.write_bytes(lines[0] + lines[2])
    with pytest.raises(WorkspaceDamaged, match="edit 3"):
        read_edits(path)


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_the_log_as_it_was(
    path: Path, reason: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(path)
    before = path.read_bytes()
    log = EditLog(path)
    write, budget = os.write, [20]

    def full(handle: int, data: Any) -> int:
        if not budget[0]:
            raise OSError(reason, os.strerror(reason))
        part = bytes(data)[: budget[0]]
        budget[0] -= len(part)
        return write(handle, part)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(DiskFull, match=path.name):
            log.append("lock", ranges=[[1, 2]])
    assert path.read_bytes() == before
    assert log.append("lock", ranges=[[1, 2]]).n == 4
    log.close()
    assert len(read_edits(path)[0]) == 4


def test_names_that_are_no_text_are_kept() -> None:
    edit = Edit(1, "about", {"source": "/plates/\udcff"}, "")
    assert Edit.of_line(edit.line()) == edit


# The lock


def test_a_second_lock_is_refused_until_the_first_is_released(tmp_path: Path) -> None:
    first = ProjectLock(tmp_path / "lock")
    holder = lock_holder(tmp_path / "lock")
    assert holder is not None
    assert holder["pid"] == os.getpid()
    with pytest.raises(WorkspaceBusy, match=f"process {os.getpid()}"):
        ProjectLock(tmp_path / "lock")
    first.release()
    first.release()
    assert not (tmp_path / "lock").exists()
    assert lock_holder(tmp_path / "lock") is None
    ProjectLock(tmp_path / "lock").release()


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, time\n"
        "from engine_server.session.workspace.lock import ProjectLock\n"
        "lock = ProjectLock(pathlib.Path(sys.argv[1]))\n"
        "print('held', flush=True); time.sleep(60)"
    )
    lock = tmp_path / "lock"
    held = subprocess.Popen(
        [sys.executable, "-c", code, str(lock)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    with held:
        assert held.stdout is not None
        assert held.stdout.readline() == b"held\n"
        with pytest.raises(WorkspaceBusy, match=f"process {held.pid}"):
            ProjectLock(lock)
        held.kill()
    assert lock.exists()
    assert lock_holder(lock) is None
    ProjectLock(lock).release()


def test_where_files_can_not_be_locked_the_text_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(handle: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr("engine_server.session.workspace.lock._lock_file", unsupported)
    lock = tmp_path / "lock"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host = os.uname().nodename if hasattr(os, "uname") else ""
    lock.write_text(json.dumps({"pid": ended.pid, "host": host}))
    ProjectLock(lock).release()
    lock.write_text(json.dumps({"pid": os.getppid(), "host": host}))
    with pytest.raises(WorkspaceBusy):
        ProjectLock(lock)
    lock.write_text(json.dumps({"pid": 1, "host": "elsewhere"}))
    with pytest.raises(WorkspaceBusy, match="elsewhere"):
        ProjectLock(lock)
