# SPDX-License-Identifier: Apache-2.0
"""What the engine tells without being asked. Events about a session name it in the envelope."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..kinds import Choice, Flag, Many, Maybe, Real, Record, Text, wire
from .base import COUNT, FRAME, JOB, NAME, RANGES, SECONDS, SENTENCE, Event
from .engine import JOB_KINDS
from .work import FrameConfidence

__all__ = [
    "EngineStopping",
    "FrameSkipped",
    "JobDone",
    "JobFailed",
    "LogLine",
    "MatteReady",
    "Progress",
    "SessionChanged",
]

WORK = wire(Choice(JOB_KINDS))
CODE = wire(Text(64, 1))


@dataclass(frozen=True)
class Progress(Event, type="job.progress"):
    """How far a job is; a newer one takes the place of an older one that was not sent yet.

    Attributes:
        job: its id.
        work: what it does.
        done, total: frames.
        frame: the one it was at last.
        seconds_left: estimate; None while there is none.
    """

    job: str = field(metadata=JOB)
    work: str = field(metadata=WORK)
    done: int = field(metadata=COUNT)
    total: int = field(metadata=COUNT)
    frame: int = field(metadata=FRAME)
    seconds_left: float | None = field(default=None, metadata=wire(Maybe(Real(0, 1e12))))


@dataclass(frozen=True)
class MatteReady(Event, type="matte.ready"):
    """Mattes of a frame are on disk; ``mattes.get`` gets them.

    Attributes:
        job: which made them.
        frame: its number.
        confidence: by object, for every matte that is new.
    """

    job: str = field(metadata=JOB)
    frame: int = field(metadata=FRAME)
    confidence: tuple[FrameConfidence, ...] = field(
        metadata=wire(Many(Record(FrameConfidence), 255))
    )


@dataclass(frozen=True)
class FrameSkipped(Event, type="frame.skipped"):
    """A frame that is missing or can't be decoded; the job goes on with the others.

    Attributes:
        job: which.
        frame: its number.
        code, sentence, hint: as of an error.
    """

    job: str = field(metadata=JOB)
    frame: int = field(metadata=FRAME)
    code: str = field(metadata=CODE)
    sentence: str = field(metadata=SENTENCE)
    hint: str = field(default="", metadata=SENTENCE)


@dataclass(frozen=True)
class JobDone(Event, type="job.done"):
    """A job ended by itself or was cancelled.

    Attributes:
        job: its id.
        work: what it did.
        frames: ranges of frames that it finished.
        skipped: ranges of frames that it could not read.
        cancelled: whether it was cancelled; what it finished stays.
        seconds: it took.
    """

    job: str = field(metadata=JOB)
    work: str = field(metadata=WORK)
    frames: tuple[tuple[int, int], ...] = field(metadata=RANGES)
    skipped: tuple[tuple[int, int], ...] = field(default=(), metadata=RANGES)
    cancelled: bool = field(default=False, metadata=wire(Flag()))
    seconds: float = field(default=0.0, metadata=SECONDS)


@dataclass(frozen=True)
class JobFailed(Event, type="job.failed"):
    """A job ended by an error; what it finished before stays.

    Attributes:
        job: its id.
        work: what it did.
        code, sentence, hint: as of an error.
    """

    job: str = field(metadata=JOB)
    work: str = field(metadata=WORK)
    code: str = field(metadata=CODE)
    sentence: str = field(metadata=SENTENCE)
    hint: str = field(default="", metadata=SENTENCE)


@dataclass(frozen=True)
class SessionChanged(Event, type="session.changed"):
    """Another client edited the session.

    Attributes:
        revision: of the session now.
        edit: what was done, for people.
    """

    revision: int = field(metadata=COUNT)
    edit: str = field(metadata=SENTENCE)


@dataclass(frozen=True)
class LogLine(Event, type="log"):
    """A line of the engine's log.

    Attributes:
        level: how bad it is.
        logger: who wrote it.
        text: the line.
        time: seconds since 1970, UTC.
    """

    level: str = field(metadata=wire(Choice(("debug", "info", "warning", "error"))))
    logger: str = field(metadata=NAME)
    text: str = field(metadata=SENTENCE)
    time: float = field(metadata=SECONDS)


@dataclass(frozen=True)
class EngineStopping(Event, type="engine.stopping"):
    """The engine ends; its last message.

    Attributes:
        reason: a sentence.
    """

    reason: str = field(metadata=SENTENCE)
