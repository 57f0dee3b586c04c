# SPDX-License-Identifier: Apache-2.0
"""Jobs: work that takes many slices, and can be cancelled between any two."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from engine_server.session.project import Project
from engine_server.session.propagation import FrameResult, Step
from engine_server.session.workspace import Run
from shared.errors import FrameUnreadable
from shared.messages import (
    Event,
    FrameConfidence,
    FrameSkipped,
    JobDone,
    JobInfo,
    MatteReady,
    Progress,
)

__all__ = ["PRIORITY", "Job", "Tell", "propagation", "ranges_of"]

PRIORITY = {"high": 0, "normal": 1, "low": 2}
_COUNTER = itertools.count()

Tell = Callable[[Event], None]


@dataclass(eq=False)
class Job:
    """Something to be done in slices.

    Attributes:
        id: 16 hexadecimal digits.
        session: whose it is.
        work: ``propagate``, ``suggest`` or ``export``.
        total: frames.
        range: that it was asked for.
        priority: smaller goes first; among equals, whoever came first.
        steps: does one slice for each `next`.
        ended: called once with ``done``, ``cancelled`` or ``failed``, when it is over.
        tell: sends events to the clients of the session.
        done: frames finished.
        frames, skipped: which.
        cancelled: set by any thread; it stops before its next slice.
        running: whether it has begun.
    """

    id: str
    session: str
    work: str
    total: int
    steps: Generator[object, None, None]
    ended: Callable[[str], None]
    tell: Tell
    range: tuple[int, int] | None = None
    priority: int = 1
    done: int = 0
    frames: set[int] = field(default_factory=set)
    skipped: set[int] = field(default_factory=set)
    cancelled: bool = False
    running: bool = False
    order: int = field(default_factory=lambda: next(_COUNTER))
    _began: float = 0.0
    _fresh: int = 0

    @property
    def rank(self) -> tuple[int, int]:
        """What is smallest runs."""
        return (self.priority, self.order)

    def info(self) -> JobInfo:
        """The job as messages tell of it."""
        state = "running" if self.running else "waiting"
        return JobInfo(
            self.id,
            self.session,
            self.work,
            state,
            self.done,
            max(self.total, self.done),
            self.range,
        )

    def slice(self) -> bool:
        """Does one slice; whether there may be more. Raises what the work raises."""
        if not self.running:
            self.running, self._began = True, time.monotonic()
        return next(self.steps, self) is not self

    def finished(self, frame: int) -> None:
        """Counts a frame and tells how far the job is."""
        self.frames.add(frame)
        self.done = len(self.frames) + len(self.skipped)
        self._fresh += 1
        spent = time.monotonic() - self._began
        left = max(0, self.total - self.done) * spent / self._fresh
        self.tell(Progress(self.id, self.work, self.done, max(self.total, self.done), frame, left))

    def result(self, *, cancelled: bool) -> JobDone:
        """The event of its end."""
        seconds = time.monotonic() - self._began if self.running else 0.0
        return JobDone(
            self.id,
            self.work,
            ranges_of(self.frames),
            ranges_of(self.skipped),
            cancelled,
            seconds,
        )


def propagation(job: str, project: Project, run: Run, tell: Tell, *, priority: int = 1) -> Job:
    """A job that carries out a propagation of a project."""
    made: list[Job] = []

    def steps() -> Generator[object, None, None]:
        with closing(project.run(run)) as results:
            for step in results:
                _tell_step(made[0], project, step, run.settings["recipe"])
                yield None

    frames, finished = project.frames_of(run), project.finished(run)
    made.append(
        Job(
            job,
            project.header.id,
            "propagate",
            len(frames),
            steps(),
            lambda how: project.end(run, how),
            tell,
            (frames[0], frames[-1]),
            priority,
            len(finished),
            set(finished),
        )
    )
    return made[0]


def _tell_step(job: Job, project: Project, step: Step, recipe: str) -> None:
    if isinstance(step, FrameResult):
        job.tell(MatteReady(job.id, step.frame, _confidence(project, step.frame, recipe)))
        job.finished(step.frame)
    elif isinstance(step, FrameUnreadable):
        job.skipped.add(step.frame)
        job.tell(FrameSkipped(job.id, step.frame, step.code, step.message, step.hint))


def _confidence(project: Project, frame: int, recipe: str) -> tuple[FrameConfidence, ...]:
    """Of the mattes that are new."""
    stored = sorted(project.contents.mattes.get(frame, {}).items())
    new = [(obj, matte) for obj, matte in stored if matte.recipe == recipe]
    return tuple(FrameConfidence(frame, obj, matte.confidence) for obj, matte in new)


def ranges_of(frames: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Frame numbers as ranges, rising and apart, at most 10,000."""
    ranges: list[Sequence[int]] = []
    for frame in sorted(frames):
        if ranges and frame == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], frame)
        else:
            ranges.append((frame, frame))
    return tuple((first, last) for first, last in ranges[:10_000])
