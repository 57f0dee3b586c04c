# SPDX-License-Identifier: Apache-2.0
"""The worker thread: answers requests, and computes in between, one slice at a time.

Between any two slices everything that waits is answered: first requests, in the order in which
they came, then previews, then one slice of the first job.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from shared.codec import Envelope, new_id
from shared.errors import Cancelled, InternalError, UsageError, XmemppError
from shared.messages import (
    AttachSession,
    CloseSession,
    ErrorReply,
    Event,
    Gauges,
    JobFailed,
    JobStarted,
    OpenClip,
    Preview,
    Reply,
    Request,
    SessionChanged,
    SessionState,
)

from .answers import ANSWERS, answer
from .board import Board, Notice
from .gauges import all_gauges, engine_gauges
from .jobs import Job
from .sessions import OpenSessions
from .work import Desk

__all__ = ["Asked", "Worker"]

log = logging.getLogger(__name__)

GAUGE_GAP = 0.25  # seconds between two looks at the gauges
MOST_REPLIES = 1000  # kept for requests that come again


@dataclass(frozen=True, eq=False)
class Asked:
    """A request and whose it is."""

    client: bytes
    envelope: Envelope


class Worker:
    """Owns the sessions; nothing else touches them.

    Args:
        sessions: none of them open yet.
        board: on which it tells how it is.
        post: takes a message for a client; called on the worker's thread.
    """

    def __init__(
        self, sessions: OpenSessions, board: Board, post: Callable[[bytes, Envelope], None]
    ) -> None:
        self._sessions, self._board, self._post = sessions, board, post
        self._requests: deque[Asked] = deque()
        self._previews: deque[Asked] = deque()
        self._left: deque[str] = deque()
        self._wake = threading.Condition()
        self._stopping: str = ""
        self._whole = Gauges()
        self._measured_at = 0.0
        self._replies: OrderedDict[str, Reply] = OrderedDict()
        self._jobs: dict[str, Job] = {}
        self._desk = Desk(sessions, self._jobs, self._start, self._tell, self._breathe)
        self._thread = threading.Thread(target=self._work, name="worker", daemon=True)

    def start(self) -> None:
        """Begins to work."""
        self._thread.start()

    def ask(self, asked: Asked) -> None:
        """Takes a request; may be called by any thread."""
        queue = self._previews if isinstance(asked.envelope.message, Preview) else self._requests
        with self._wake:
            queue.append(asked)
            self._wake.notify()

    def left(self, session: str) -> None:
        """A client is gone that had a session open; may be called by any thread."""
        with self._wake:
            self._left.append(session)
            self._wake.notify()

    def stop(self, *, wait: bool = False) -> None:
        """Ends the work before its next slice, or when all jobs are done; any thread may.

        What is interrupted goes on when its session is opened again.
        """
        with self._wake:
            self._stopping = "wait" if wait and self._stopping != "now" else "now"
            self._wake.notify()

    def join(self, seconds: float) -> bool:
        """Waits for the end; whether it came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def alive(self) -> bool:
        """Whether it works."""
        return self._thread.is_alive()

    def _work(self) -> None:
        try:
            while not self._over():
                self._turn()
        finally:
            for job in self._jobs.values():
                job.steps.close()
            self._sessions.close_all()

    def _over(self) -> bool:
        return self._stopping == "now" or (self._stopping == "wait" and not self._jobs)

    def _turn(self) -> None:
        """One request, preview or slice; sleeps where there is none."""
        with self._wake:
            if not (self._requests or self._previews or self._left or self._jobs):
                self._publish()
                if not self._over():
                    self._wake.wait(1.0)
                return
        if self._requests:
            self._answer(self._requests.popleft())
        elif self._previews:
            self._answer(self._previews.popleft())
        elif self._left:
            self._leave(self._left.popleft())
        else:
            self._slice(min(self._jobs.values(), key=lambda job: (not job.cancelled, job.rank)))
            self._publish()

    # Requests

    def _answer(self, asked: Asked) -> None:
        envelope = asked.envelope
        try:
            reply = self._replies.get(envelope.id) or self._reply(asked)
        except XmemppError as error:
            reply = ErrorReply.of(error)
        except Exception:
            log.exception("%s failed", envelope.message.type)
            reply = ErrorReply.of(InternalError(f"'{envelope.message.type}' failed."))
        if isinstance(envelope.message, (OpenClip, AttachSession)):
            self._close_unattended()
        self._publish()  # first, so that whoever has the answer finds the board in line with it
        self._post(asked.client, envelope.answer(reply))

    def _reply(self, asked: Asked) -> Reply:
        envelope, message = asked.envelope, asked.envelope.message
        if type(message) not in ANSWERS:
            raise UsageError(f"'{message.type}' is nothing that can be asked.")
        reply, edit = answer(self._desk, envelope)
        if (isinstance(message, Request) and message.edit) or isinstance(reply, JobStarted):
            self._remember(envelope.id, reply)
        if edit:
            self._changed(asked, edit)
        self._keep_track(asked, reply)
        return reply

    def _remember(self, request: str, reply: Reply) -> None:
        self._replies[request] = reply
        while len(self._replies) > MOST_REPLIES:
            self._replies.popitem(last=False)

    def _keep_track(self, asked: Asked, reply: Reply) -> None:
        """Who has which session open."""
        message, session = asked.envelope.message, asked.envelope.session
        if isinstance(reply, SessionState) and isinstance(message, (OpenClip, AttachSession)):
            self._board.attach(reply.session, asked.client)
        elif isinstance(message, CloseSession) and session is not None:
            self._board.detach(asked.client, session)
            self._leave(session)

    def _changed(self, asked: Asked, edit: str) -> None:
        """Tells the other clients of a session."""
        session = asked.envelope.session or ""
        event = SessionChanged(self._sessions.get(session).revision, edit)
        for client in self._board.clients(session) - {asked.client}:
            self._post(client, Envelope(event, new_id(), session=session))

    def _leave(self, session: str) -> None:
        """Closes a session that nobody has open and that has no work left."""
        busy = any(job.session == session for job in self._jobs.values())
        for project in self._sessions:
            if project.header.id == session and not self._board.clients(session) and not busy:
                self._sessions.close(project)

    def _close_unattended(self) -> None:
        """What was opened before something went wrong, and is nobody's."""
        for project in self._sessions:
            self._leave(project.header.id)

    # Jobs

    def _start(self, job: Job) -> None:
        self._jobs[job.id] = job

    def _slice(self, job: Job) -> None:
        try:
            if job.cancelled or not job.slice():
                self._end(job)
        except Cancelled:
            job.cancelled = True
            self._end(job)
        except XmemppError as error:
            self._fail(job, error)
        except Exception:
            log.exception("job %s failed", job.id)
            self._fail(job, InternalError(f"The job '{job.work}' failed."))

    def _end(self, job: Job) -> None:
        job.steps.close()
        self._settle(job, "cancelled" if job.cancelled else "done")
        self._tell(job.session, job.result(cancelled=job.cancelled))
        self._leave(job.session)

    def _fail(self, job: Job, error: XmemppError) -> None:
        self._settle(job, "failed")
        self._tell(job.session, JobFailed(job.id, job.work, error.code, error.message, error.hint))
        self._leave(job.session)

    def _settle(self, job: Job, how: str) -> None:
        self._jobs.pop(job.id, None)
        try:
            job.ended(how)
        except XmemppError as error:  # a full disk: the propagation counts as interrupted
            log.warning("the end of a job can't be logged: %s", error)
        self._publish()

    def _breathe(self, session: str) -> None:
        """Answers what is about other sessions, in the midst of work on one."""
        self._publish()
        for queue in (self._requests, self._previews):
            with self._wake:
                others = [a for a in queue if a.envelope.session not in (session, None)]
                for asked in others:
                    queue.remove(asked)
            for asked in others:
                self._answer(asked)

    def _tell(self, session: str, event: Event) -> None:
        for client in self._board.clients(session):
            self._post(client, Envelope(event, new_id(), session=session))

    def _publish(self) -> None:
        projects = list(self._sessions)
        self._board.notice = Notice(
            str(projects[-1].runtime.device) if projects else "",
            tuple(sorted(self._jobs.values(), key=lambda job: job.rank)),
            tuple((p.header.id, p.header.name, str(p.folder.path)) for p in projects),
            self._gauges(),
        )

    def _gauges(self) -> dict[str, Gauges]:
        """The process is looked at now and then only: the system takes its time to tell."""
        if time.monotonic() > self._measured_at + GAUGE_GAP:
            self._measured_at, self._whole = time.monotonic(), engine_gauges()
            self._govern()
        return all_gauges(self._sessions, self._whole)

    def _govern(self) -> None:
        """Above its budget of memory the engine lets go of what it can make again."""
        over = 0 < self._whole.ram_budget < self._whole.ram
        if over and not self._sessions.full:
            log.warning("memory is full; what can be made again is dropped")
        self._sessions.full = over
        for project in self._sessions if over else ():
            project.drop_caches()
