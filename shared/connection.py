# SPDX-License-Identifier: Apache-2.0
"""The connection file: where an engine listens, and the key that opens it."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import zmq

from .errors import EngineUnreachable, InsecureConnection, ProtocolError
from .frame import largest_frame
from .kinds import Buffers, Hex, Int, Maybe, Row, Text, dump_fields, load_fields, wire
from .messages import Limits
from .seal import KEY_BYTES, admission_secret
from .version import PROTOCOL

__all__ = [
    "PLAIN_USER",
    "Connection",
    "admit",
    "check_bind",
    "is_loopback",
    "new_key",
    "read_connection",
    "write_connection",
]

PLAIN_USER = "xmempp"
_MOST_BYTES = 1 << 16
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NUMBER = Int(0, 2**31)


@dataclass(frozen=True)
class Connection:
    """What a client needs to reach an engine.

    Attributes:
        endpoint: address of its ZeroMQ socket, such as ``tcp://127.0.0.1:5555``.
        key: 32 random bytes in hexadecimal, drawn anew at each start.
        pid: its process.
        protocol: major and minor version that it speaks.
        curve_public: its CURVE key (Z85), for addresses that other machines can reach.
    """

    endpoint: str = field(metadata=wire(Text(1024, 1)))
    key: str = field(repr=False, metadata=wire(Hex(KEY_BYTES)))
    pid: int = field(metadata=wire(_NUMBER))
    protocol: tuple[int, int] = field(default=PROTOCOL, metadata=wire(Row((_NUMBER, _NUMBER))))
    curve_public: str | None = field(default=None, metadata=wire(Maybe(Text(40, 40))))

    @property
    def key_bytes(self) -> bytes:
        """The key itself."""
        return bytes.fromhex(self.key)


def new_key() -> str:
    """A random key for a connection, in hexadecimal."""
    return secrets.token_hex(KEY_BYTES)


def write_connection(path: Path, connection: Connection) -> None:
    """Writes a connection file for its user alone, whole or not at all.

    Raises:
        InsecureConnection: the address is open to others and has no CURVE key.
        OSError: it can't be written.
    """
    check_bind(connection.endpoint, curve=connection.curve_public is not None)
    text = json.dumps(dump_fields(connection, "connection", Buffers()), indent=1)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def read_connection(path: Path) -> Connection:
    """Reads a connection file.

    Raises:
        EngineUnreachable: there is no such file: no engine is running.
        InsecureConnection: others can read or write it, or it belongs to somebody else.
        ProtocolError: it is no connection file.
    """
    try:
        with os.fdopen(os.open(path, _READ), "rb") as file:
            _check_private(os.fstat(file.fileno()), path)
            text = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise EngineUnreachable(f"There is no engine at {path}.") from error
    return _loaded(text, path)


def _loaded(text: bytes, path: Path) -> Connection:
    try:
        fields = json.loads(text.decode("utf-8")) if len(text) <= _MOST_BYTES else None
    except (ValueError, RecursionError):
        fields = None
    if type(fields) is not dict:
        raise ProtocolError(f"{path} is no connection file.")
    found: Connection = load_fields(Connection, fields, "connection", Buffers())
    return found


def _check_private(found: os.stat_result, path: Path) -> None:
    if not hasattr(os, "getuid"):
        return  # the folders of a Windows user are closed to others by themselves
    if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise InsecureConnection(
            f"Others can read {path}.",
            hint="Whoever reads it can use the engine: delete it and start the engine again.",
        )
    if not stat.S_ISREG(found.st_mode):
        raise InsecureConnection(f"{path} is no plain file.")


def is_loopback(endpoint: str) -> bool:
    """Whether an address can only be reached from the same machine."""
    parts = urlsplit(endpoint)
    if parts.scheme in ("ipc", "inproc"):
        return True
    if parts.scheme != "tcp":
        return False
    host = parts.hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_bind(endpoint: str, *, curve: bool) -> None:
    """Refuses an address that other machines can reach, unless it is encrypted.

    Raises:
        InsecureConnection: it is not a loopback address, and ``curve`` is not given.
    """
    if not curve and not is_loopback(endpoint):
        raise InsecureConnection(
            f"Other machines can reach {endpoint}, and nothing there would be encrypted.",
            hint="Bind to tcp://127.0.0.1:*, or give CURVE keys.",
        )


def admit(socket: zmq.Socket[Any], connection: Connection) -> None:
    """Prepares a client's socket to be let in, before it connects.

    Raises:
        InsecureConnection: the address is not on this machine and has no CURVE key.
    """
    check_bind(connection.endpoint, curve=connection.curve_public is not None)
    socket.linger = 0
    socket.maxmsgsize = largest_frame(Limits())
    if connection.curve_public is None:
        socket.plain_username = PLAIN_USER.encode()
        socket.plain_password = admission_secret(connection.key_bytes).encode()
    else:
        socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
        socket.curve_serverkey = connection.curve_public.encode()
