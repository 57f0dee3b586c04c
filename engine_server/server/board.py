# SPDX-License-Identifier: Apache-2.0
"""What the worker tells of itself to the control thread: always whole, never waited for."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from shared.messages import Gauges, JobInfo, SessionInfo

from .jobs import Job

__all__ = ["Board", "Notice"]


@dataclass(frozen=True)
class Notice:
    """The state of the worker at one moment.

    Attributes:
        device: what it computes on.
        jobs: those that have not ended, in the order in which they will run.
        sessions: open ones: id, name, folder.
        gauges: memory by session; under an empty id that of the engine.
    """

    device: str = "cpu"
    jobs: tuple[Job, ...] = ()
    sessions: tuple[tuple[str, str, str], ...] = ()
    gauges: dict[str, Gauges] = field(default_factory=dict)


class Board:
    """The last notice, and which clients have a session open."""

    def __init__(self) -> None:
        self.notice = Notice()
        self._lock = threading.Lock()
        self._clients: dict[str, set[bytes]] = {}

    def attach(self, session: str, client: bytes) -> None:
        """A client has a session open now."""
        with self._lock:
            self._clients.setdefault(session, set()).add(client)

    def detach(self, client: bytes, session: str | None = None) -> list[str]:
        """A client needs a session no more, or none at all; the sessions that it had."""
        with self._lock:
            names = [session] if session is not None else [*self._clients]
            had = [name for name in names if client in self._clients.get(name, ())]
            for name in had:
                self._clients[name].discard(client)
                if not self._clients[name]:
                    del self._clients[name]
            return had

    def clients(self, session: str) -> frozenset[bytes]:
        """Clients that have a session open."""
        with self._lock:
            return frozenset(self._clients.get(session, ()))

    def job_infos(self) -> tuple[JobInfo, ...]:
        """Jobs as messages tell of them."""
        return tuple(job.info() for job in self.notice.jobs)

    def session_infos(self) -> tuple[SessionInfo, ...]:
        """Open sessions as messages tell of them."""
        return tuple(
            SessionInfo(session, name, folder, len(self.clients(session)))
            for session, name, folder in self.notice.sessions
        )
