# SPDX-License-Identifier: Apache-2.0
"""The engine as a whole: socket, admission, control thread, worker, and an orderly end."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import zmq
import zmq.auth
from zmq.auth.thread import ThreadAuthenticator

from shared.codec import Envelope, new_id
from shared.connection import (
    PLAIN_USER,
    Connection,
    check_bind,
    new_key,
    write_connection,
)
from shared.errors import OutputUnwritable, UsageError
from shared.frame import largest_frame
from shared.messages import Limits, LogLine
from shared.seal import admission_secret

from .board import Board
from .control import Control
from .door import Door
from .parent import watch_pid, watch_pipe
from .paths import WritablePlaces
from .sessions import OpenSessions
from .worker import Asked, Worker

__all__ = ["EngineOptions", "serve"]

log = logging.getLogger(__name__)

TICK = 200  # milliseconds after which the control thread looks around without being woken
FILES = 65_536  # that may be open, where the system allows it
GRACE = 60.0  # seconds that the worker has to end its slice
_QUEUE = 8  # messages that ZeroMQ keeps for a client that does not read


@dataclass(frozen=True)
class EngineOptions:
    """How an engine is started.

    Attributes:
        bind: address; ``*`` for the port takes a free one.
        workspace: folder of all projects.
        connection_file: where clients look for it.
        exports: folders outside of the workspace that results may be exported to.
        device: ``auto``, ``cpu``, ``cuda``, ``mps``.
        curve: whether the connection is encrypted; a must for addresses others can reach.
        parent_pid: process with which the engine ends; 0 for none.
        with_parent: whether it ends when its standard input does.
    """

    bind: str
    workspace: Path
    connection_file: Path
    exports: tuple[Path, ...] = ()
    device: str = "auto"
    curve: bool = False
    parent_pid: int = 0
    with_parent: bool = False


def serve(options: EngineOptions) -> None:
    """Serves until it is told to end: by a message, a signal, or the end of its parent.

    Raises:
        InsecureConnection: other machines can reach the address, and CURVE is not on.
        OutputUnwritable: the connection file can't be written.
        UsageError: the address can't be bound.
        DeviceUnavailable: the device is not present.
    """
    check_bind(options.bind, curve=options.curve)
    _raise_file_limit()
    stopping = _Stopping()
    with ExitStack() as running:
        board = Board()
        control = Control(board, options.device, stopping.ask)
        context = running.enter_context(_context())
        router, connection = running.enter_context(_listening(context, options))
        sessions = OpenSessions(WritablePlaces(options.workspace, options.exports), options.device)
        worker = Worker(sessions, board, lambda client, told: door.post(client, told))
        door = Door(
            router,
            connection.key_bytes,
            board,
            control=control,
            work=lambda client, envelope: worker.ask(Asked(client, envelope)),
            left=worker.left,
        )
        running.enter_context(_logging_to(door))
        running.enter_context(_connection_file(options.connection_file, connection))
        worker.start()
        running.enter_context(_signals(stopping))
        _watch_parent(options, stopping)
        log.info("serving at %s, workspace %s", connection.endpoint, sessions.places.workspace)
        _run(door, worker, stopping)


def _raise_file_limit() -> None:
    """Connections of strangers must not take the files that mattes are written to."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _Stopping:
    """Whether and how the engine is to end; set by any thread, and by signals."""

    def __init__(self) -> None:
        self.reason = ""
        self.wait = False

    def ask(self, wait: bool) -> None:
        """By a message."""
        self.now("It was told to.", wait=wait)

    def now(self, reason: str, *, wait: bool = False) -> None:
        """By anything else; what is more urgent counts."""
        self.wait = wait and (self.wait or not self.reason)
        self.reason = self.reason or reason


def _run(door: Door, worker: Worker, stopping: _Stopping) -> None:
    """Serves; then lets the worker come to its end, still answering."""
    while worker.alive and not stopping.reason:
        door.turn(TICK)
    wait: bool | None = None
    end = time.monotonic() + GRACE
    while worker.alive and (stopping.wait or time.monotonic() < end):
        if stopping.wait != wait:
            wait, end = stopping.wait, time.monotonic() + GRACE
            worker.stop(wait=wait)
        door.turn(TICK // 10)
    log.info("the engine ends: %s", stopping.reason or "its worker ended.")
    door.close(stopping.reason or "Its worker ended.")
    if worker.alive:
        log.error("the worker does not end; everything finished is on disk")


@contextmanager
def _context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        yield context
    finally:
        context.destroy(linger=500)


@contextmanager
def _listening(
    context: zmq.Context[zmq.Socket[bytes]], options: EngineOptions
) -> Iterator[tuple[zmq.Socket[bytes], Connection]]:
    """A bound socket that lets only those in who know the key."""
    key = new_key()
    gate = ThreadAuthenticator(context)
    gate.start()
    try:
        router = context.socket(zmq.ROUTER)
        public = _guard(router, gate, key, curve=options.curve)
        router.maxmsgsize = largest_frame(Limits())
        router.sndhwm, router.rcvhwm = _QUEUE, 1000
        router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        router.setsockopt(zmq.HANDSHAKE_IVL, 5000)
        router.setsockopt(zmq.HEARTBEAT_IVL, 5000)
        router.setsockopt(zmq.HEARTBEAT_TIMEOUT, 30_000)
        endpoint = _bound(router, options.bind)
        yield router, Connection(endpoint, key, os.getpid(), curve_public=public)
    finally:
        gate.stop()


def _guard(
    router: zmq.Socket[bytes], gate: ThreadAuthenticator, key: str, *, curve: bool
) -> str | None:
    """Sets who is let in; the public key where the connection is encrypted."""
    if not curve:
        secret = admission_secret(bytes.fromhex(key))
        gate.configure_plain(domain="*", passwords={PLAIN_USER: secret})
        router.plain_server = True
        return None
    public, private = zmq.curve_keypair()
    gate.configure_curve(domain="*", location=zmq.auth.CURVE_ALLOW_ANY)
    router.curve_server = True
    router.curve_secretkey, router.curve_publickey = private, public
    return public.decode()


def _bound(router: zmq.Socket[bytes], address: str) -> str:
    try:
        router.bind(address)
    except zmq.ZMQError as error:
        raise UsageError(
            f"The address {address} can't be bound: {error.strerror}.",
            hint="Give a free one, such as tcp://127.0.0.1:*.",
        ) from error
    endpoint = router.getsockopt(zmq.LAST_ENDPOINT)
    return bytes(endpoint).rstrip(b"\0").decode()


@contextmanager
def _connection_file(path: Path, connection: Connection) -> Iterator[None]:
    """The file is there while the engine is; another engine's is left alone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_connection(path, connection)
        mine = path.stat()
    except OSError as error:
        raise OutputUnwritable(f"'{path}' can't be written: {error.strerror}.") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if os.path.samestat(path.stat(), mine):
                path.unlink()


class _ToClients(logging.Handler):
    """Log lines for clients that want them."""

    def __init__(self, door: Door) -> None:
        super().__init__()
        self._door = door
        self._within = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Posts a line; what posting itself logs is left out."""
        if getattr(self._within, "posting", False):
            return
        self._within.posting = True
        try:
            level = record.levelname.lower().replace("critical", "error")
            line = LogLine(level, record.name[:255], record.getMessage()[:10_000], record.created)
            self._door.post(None, Envelope(line, new_id()))
        except Exception:
            self.handleError(record)
        finally:
            self._within.posting = False


@contextmanager
def _logging_to(door: Door) -> Iterator[None]:
    handler = _ToClients(door)
    logger = logging.getLogger("engine_server")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@contextmanager
def _signals(stopping: _Stopping) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the engine in order; a second one at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        if stopping.reason and not stopping.wait:
            raise KeyboardInterrupt
        stopping.now(f"It got the signal {signal.Signals(number).name}.")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def _watch_parent(options: EngineOptions, stopping: _Stopping) -> None:
    def gone() -> None:
        stopping.now("The program that started it has ended.")

    if options.with_parent:
        watch_pipe(gone)
    if options.parent_pid:
        watch_pid(options.parent_pid, gone)
