# SPDX-License-Identifier: Apache-2.0
"""Connection files: for their user alone, whole or not at all; addresses that are refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from shared.connection import (
    Connection,
    check_bind,
    is_loopback,
    new_key,
    read_connection,
    write_connection,
)
from shared.errors import EngineUnreachable, InsecureConnection, ProtocolError, XmemppError

HERE = Connection("tcp://127.0.0.1:5555", new_key(), 77)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "engine.json"
    path.write_text("an older one")
    path.chmod(0o644)
    write_connection(path, HERE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_connection(path) == HERE
    assert [*tmp_path.iterdir()] == [path]


def test_the_key_is_not_shown() -> None:
    assert HERE.key not in repr(HERE)
    assert len({new_key() for _ in range(100)}) == 100


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o604, 0o601])
def test_one_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "engine.json"
    write_connection(path, HERE)
    path.chmod(mode)
    with pytest.raises(InsecureConnection, match=r"engine\.json"):
        read_connection(path)


def test_none_is_an_engine_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable):
        read_connection(tmp_path / "engine.json")


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"[]", b"\xff\xfe", b"[" * 60_000, b" " * 100_000, b'{"endpoint": 5}'],
)
def test_one_that_is_damaged_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "engine.json"
    path.write_bytes(text)
    path.chmod(0o600)
    with pytest.raises(ProtocolError):
        read_connection(path)


def test_a_link_to_a_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "engine.json").symlink_to("/dev/zero")
    with pytest.raises(XmemppError):
        read_connection(tmp_path / "engine.json")


def test_a_pipe_does_not_hold_a_reader_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "engine.json", 0o600)
    with pytest.raises(InsecureConnection):
        read_connection(tmp_path / "engine.json")


@pytest.mark.parametrize(
    ("endpoint", "inside"),
    [
        ("tcp://127.0.0.1:*", True),
        ("tcp://127.8.9.1:5", True),
        ("tcp://[::1]:5", True),
        ("tcp://localhost:5", True),
        ("ipc:///run/x", True),
        ("tcp://*:5", False),
        ("tcp://0.0.0.0:5", False),
        ("tcp://[::]:5", False),
        ("tcp://192.168.0.2:5", False),
        ("tcp://localhost.evil.com:5", False),
        ("tcp://127.0.0.1.evil.com:5", False),
        ("tcp://127.0.0.1@10.0.0.1:5", False),
        ("tcp://eth0:5", False),
        ("udp://127.0.0.1:5", False),
        ("pgm://127.0.0.1:5", False),
        ("", False),
    ],
)
def test_only_loopback_goes_without_curve(tmp_path: Path, endpoint: str, inside: bool) -> None:
    assert is_loopback(endpoint) == inside
    if inside:
        check_bind(endpoint, curve=False)
    else:
        with pytest.raises(InsecureConnection):
            check_bind(endpoint, curve=False)
        with pytest.raises(XmemppError):
            write_connection(tmp_path / "x.json", Connection(endpoint, new_key(), 1))
    check_bind(endpoint, curve=True)
