# SPDX-License-Identifier: Apache-2.0
"""Messages between a client and the engine as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import FrameUnreadable, XmemppError, from_wire
from ..kinds import Choice, Hex, Int, Many, Maybe, Record, Text, wire
from .base import (
    COUNT,
    FLAG,
    FRAME_KIND,
    JOB,
    MAYBE_RANGE,
    NAME,
    PATH,
    SECONDS,
    SENTENCE,
    Reply,
    Request,
)

__all__ = [
    "JOB_KINDS",
    "JOB_STATES",
    "ArenaOffer",
    "Cancel",
    "CancelReply",
    "DeviceInfo",
    "Done",
    "ErrorReply",
    "Gauges",
    "Hello",
    "JobInfo",
    "JobStarted",
    "Limits",
    "ListSessions",
    "ModelInfo",
    "Ping",
    "Pong",
    "SessionInfo",
    "Sessions",
    "Shutdown",
    "Status",
    "StatusReport",
    "Welcome",
]

JOB_KINDS = ("propagate", "preview", "suggest", "export")
JOB_STATES = ("waiting", "running")
ID = wire(Hex(16))
WORDS = wire(Many(Text(64, 1), 256))


@dataclass(frozen=True)
class Done(Reply, type="done"):
    """Done; there is nothing more to say."""


@dataclass(frozen=True)
class ErrorReply(Reply, type="error"):
    """The request failed; nothing of it was done.

    Attributes:
        code: wire code of a class of ``shared/errors.py``.
        sentence: what happened, for the artist.
        hint: what to do next.
        frame: the frame that can't be read, for ``frame_unreadable``.
    """

    code: str = field(metadata=wire(Text(64, 1)))
    sentence: str = field(metadata=SENTENCE)
    hint: str = field(default="", metadata=SENTENCE)
    frame: int | None = field(default=None, metadata=wire(Maybe(FRAME_KIND)))

    @classmethod
    def of(cls, error: XmemppError) -> ErrorReply:
        """The message that tells of an error."""
        frame = error.frame if isinstance(error, FrameUnreadable) else None
        return cls(error.code, error.message[:10_000], error.hint[:10_000], frame)

    def error(self) -> XmemppError:
        """The error itself, of the class that the engine raised."""
        return from_wire(self.code, self.sentence, self.hint, self.frame)


@dataclass(frozen=True)
class JobStarted(Reply, type="job.started"):
    """A job is in the queue; events tell how it goes on.

    Attributes:
        job: its id.
        frames: how many frames it will go over.
    """

    job: str = field(metadata=JOB)
    frames: int = field(metadata=COUNT)


@dataclass(frozen=True)
class ArenaOffer:
    """A file of the client's for raw frames (docs/protocol.md, Shared memory).

    Attributes:
        path: where it is.
        size: in bytes.
    """

    path: str = field(metadata=PATH)
    size: int = field(metadata=wire(Int(4096, 2**40)))


@dataclass(frozen=True)
class ModelInfo:
    """A network that the engine can use.

    Attributes:
        name: what ``clip.open`` takes.
        ready: whether its weights are on the engine's machine.
        note: what it is, or how to get it.
    """

    name: str = field(metadata=NAME)
    ready: bool = field(metadata=FLAG)
    note: str = field(default="", metadata=SENTENCE)


@dataclass(frozen=True)
class DeviceInfo:
    """A device that the engine can compute on.

    Attributes:
        name: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        label: what the maker calls it.
        memory: in bytes; for the CPU that of the machine.
    """

    name: str = field(metadata=NAME)
    label: str = field(metadata=NAME)
    memory: int = field(metadata=COUNT)


@dataclass(frozen=True)
class Limits:
    """What the engine takes in one message.

    Attributes:
        header_bytes: of JSON.
        part_bytes: of one raw buffer.
        total_bytes: of all raw buffers together.
        buffers: how many raw buffers.
    """

    header_bytes: int = field(default=1 << 20, metadata=COUNT)
    part_bytes: int = field(default=1 << 29, metadata=COUNT)
    total_bytes: int = field(default=1 << 30, metadata=COUNT)
    buffers: int = field(default=256, metadata=wire(Int(0, 2**16)))


@dataclass(frozen=True)
class Welcome(Reply, type="welcome"):
    """The engine introduces itself.

    Attributes:
        engine: id of this run of the engine; another one after a restart.
        version: of the engine's software.
        pid: its process.
        capabilities: what it can do beyond the protocol's first version.
        models: networks.
        devices: what it can compute on, the one it uses first.
        spaces: colour spaces that ``clip.open`` takes.
        arena: whether it took the offered shared memory.
        limits: of messages to it.
    """

    engine: str = field(metadata=ID)
    version: str = field(metadata=NAME)
    pid: int = field(metadata=COUNT)
    capabilities: tuple[str, ...] = field(default=(), metadata=WORDS)
    models: tuple[ModelInfo, ...] = field(default=(), metadata=wire(Many(Record(ModelInfo), 256)))
    devices: tuple[DeviceInfo, ...] = field(default=(), metadata=wire(Many(Record(DeviceInfo), 64)))
    spaces: tuple[str, ...] = field(default=(), metadata=WORDS)
    arena: bool = field(default=False, metadata=FLAG)
    limits: Limits = field(default=Limits(), metadata=wire(Record(Limits)))


@dataclass(frozen=True)
class Hello(Request[Welcome], type="hello", reply=Welcome, session=False, control=True):
    """The first message of every connection.

    Attributes:
        client: the program, such as ``blender``.
        version: of its plugin.
        pid: its process.
        log_level: the least level of log lines that it wants as events; None for none.
        arena: shared memory for raw frames, on the same machine only.
    """

    client: str = field(metadata=NAME)
    version: str = field(metadata=NAME)
    pid: int = field(metadata=COUNT)
    log_level: str | None = field(
        default="warning", metadata=wire(Maybe(Choice(("debug", "info", "warning", "error"))))
    )
    arena: ArenaOffer | None = field(default=None, metadata=wire(Maybe(Record(ArenaOffer))))


@dataclass(frozen=True)
class Pong(Reply, type="pong"):
    """The engine lives.

    Attributes:
        uptime: seconds since it was started.
        busy: whether a job is running.
    """

    uptime: float = field(metadata=SECONDS)
    busy: bool = field(metadata=FLAG)


@dataclass(frozen=True)
class Ping(Request[Pong], type="ping", reply=Pong, session=False, control=True):
    """Asks for a sign of life."""


@dataclass(frozen=True)
class Gauges:
    """How full memory is.

    Attributes:
        working, permanent, long_term: tokens in each store of the network's memory.
        long_term_limit: tokens that long-term memory may hold.
        ram, ram_budget: bytes used by the engine, and what it may use; 0 for no limit.
        device, device_budget: bytes of the device's memory; 0 where it has none of its own.
    """

    working: int = field(default=0, metadata=COUNT)
    permanent: int = field(default=0, metadata=COUNT)
    long_term: int = field(default=0, metadata=COUNT)
    long_term_limit: int = field(default=0, metadata=COUNT)
    ram: int = field(default=0, metadata=COUNT)
    ram_budget: int = field(default=0, metadata=COUNT)
    device: int = field(default=0, metadata=COUNT)
    device_budget: int = field(default=0, metadata=COUNT)


@dataclass(frozen=True)
class JobInfo:
    """A job that has not ended.

    Attributes:
        job: its id.
        session: whose it is.
        work: one of `JOB_KINDS`.
        state: one of `JOB_STATES`.
        done, total: frames.
        range: frames that it was asked for; None for all.
    """

    job: str = field(metadata=JOB)
    session: str = field(metadata=ID)
    work: str = field(metadata=wire(Choice(JOB_KINDS)))
    state: str = field(metadata=wire(Choice(JOB_STATES)))
    done: int = field(metadata=COUNT)
    total: int = field(metadata=COUNT)
    range: tuple[int, int] | None = field(default=None, metadata=MAYBE_RANGE)


@dataclass(frozen=True)
class SessionInfo:
    """An open session.

    Attributes:
        session: its id, the same for as long as its workspace lives.
        name: of the clip.
        workspace: folder on the engine's machine.
        clients: how many clients have it open.
    """

    session: str = field(metadata=ID)
    name: str = field(metadata=NAME)
    workspace: str = field(metadata=PATH)
    clients: int = field(metadata=COUNT)


@dataclass(frozen=True)
class StatusReport(Reply, type="status.report"):
    """How the engine is.

    Attributes:
        uptime: seconds since it was started.
        device: what it computes on now; the CPU after a device had too little memory.
        gauges: memory of the engine, and of the session that the request named.
        jobs: running and waiting ones of all sessions, in the order they will run.
        sessions: open ones.
    """

    uptime: float = field(metadata=SECONDS)
    device: str = field(metadata=NAME)
    gauges: Gauges = field(metadata=wire(Record(Gauges)))
    jobs: tuple[JobInfo, ...] = field(default=(), metadata=wire(Many(Record(JobInfo), 10_000)))
    sessions: tuple[SessionInfo, ...] = field(
        default=(), metadata=wire(Many(Record(SessionInfo), 10_000))
    )


@dataclass(frozen=True)
class Status(Request[StatusReport], type="status", reply=StatusReport, session=False, control=True):
    """Asks how the engine is.

    Attributes:
        of: the session whose network memory is to be shown; None for all together.
    """

    of: str | None = field(default=None, metadata=wire(Maybe(Hex(16))))


@dataclass(frozen=True)
class Sessions(Reply, type="session.list.reply"):
    """Open sessions."""

    sessions: tuple[SessionInfo, ...] = field(metadata=wire(Many(Record(SessionInfo), 10_000)))


@dataclass(frozen=True)
class ListSessions(
    Request[Sessions], type="session.list", reply=Sessions, session=False, control=True
):
    """Asks for the open sessions."""


@dataclass(frozen=True)
class CancelReply(Reply, type="cancel.reply"):
    """Jobs that will stop before their next frame; what they finished stays."""

    jobs: tuple[str, ...] = field(metadata=wire(Many(Hex(8), 10_000)))


@dataclass(frozen=True)
class Cancel(Request[CancelReply], type="cancel", reply=CancelReply, control=True):
    """Cancels a job, or all jobs of the session.

    Attributes:
        job: which one; None for all.
    """

    job: str | None = field(default=None, metadata=wire(Maybe(Hex(8))))


@dataclass(frozen=True)
class Shutdown(
    Request[Done], type="shutdown", reply=Done, session=False, control=True, resend=False
):
    """Ends the engine.

    Attributes:
        wait: for running jobs to end; without it they stop before their next frame and go
            on when their session is opened again.
    """

    wait: bool = field(default=False, metadata=FLAG)
