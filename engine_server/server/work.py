# SPDX-License-Identifier: Apache-2.0
"""What the worker hands to the functions that answer requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from engine_server.session.project import Project
from shared.codec import Envelope
from shared.errors import Busy
from shared.messages import Event, JobInfo

from .jobs import Job
from .sessions import OpenSessions

__all__ = ["MOST_JOBS", "Desk", "Found"]

MOST_JOBS = 256  # that have not ended


@dataclass(frozen=True)
class Found:
    """Candidates of a session, best first, and the revision that they were found at."""

    frames: tuple[int, ...] = ()
    revision: int = 0


@dataclass(frozen=True)
class Desk:
    """Everything that answering a request may need.

    Attributes:
        sessions: that are open.
        jobs: those that have not ended, by id.
        start: puts a job into the queue.
        tell: sends an event to the clients of a session.
        breathe: answers what waits for sessions other than the one named; called from within
            long work that can't be cut into slices.
        found: candidates by session.
    """

    sessions: OpenSessions
    jobs: dict[str, Job]
    start: Callable[[Job], None]
    tell: Callable[[str, Event], None]
    breathe: Callable[[str], None]
    found: dict[str, Found] = field(default_factory=dict)

    def project(self, envelope: Envelope) -> Project:
        """The project that a request is about; ``UnknownSession``."""
        return self.sessions.get(envelope.session)

    def check_room(self) -> None:
        """``Busy`` if no job can be taken any more."""
        if len(self.jobs) >= MOST_JOBS:
            raise Busy(f"{MOST_JOBS} jobs wait already.", hint="Cancel some, or wait.")

    def infos(self, project: Project) -> tuple[JobInfo, ...]:
        """Jobs of a session, in the order in which they will run."""
        mine = [job for job in self.jobs.values() if job.session == project.header.id]
        return tuple(job.info() for job in sorted(mine, key=lambda job: job.rank))

    def running(self, project: Project, work: str) -> Job | None:
        """A job of a session and a kind that has not ended."""
        mine = (job for job in self.jobs.values() if job.session == project.header.id)
        return next((job for job in mine if job.work == work), None)
