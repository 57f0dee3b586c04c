# SPDX-License-Identifier: Apache-2.0
"""Answers that start jobs: propagations, candidates, exports."""

from __future__ import annotations

import logging
from collections.abc import Generator
from pathlib import Path
from typing import cast

from engine_server.session import Direction
from engine_server.session.project import Project
from engine_server.session.sweeps import frames_in
from shared.codec import Envelope
from shared.errors import Busy, Cancelled, OutputExists, UsageError, XmemppError
from shared.messages import (
    Event,
    Export,
    GetSuggestions,
    JobStarted,
    Propagate,
    Suggest,
    Suggestions,
)

from .export import files_of, write_frame
from .jobs import PRIORITY, Job, Tell, propagation
from .paths import absolute
from .work import Desk, Found

__all__ = ["get_suggestions", "propagate", "resume", "start_export", "suggest"]

log = logging.getLogger(__name__)

MOST_TRIES = 3  # a frame that crashes the engine must not do so whenever the clip is opened
_JOB_DIGITS = 16


def propagate(desk: Desk, envelope: Envelope, message: Propagate) -> JobStarted:
    """Logs a propagation and puts it into the queue; its job has the id of the request."""
    project = desk.project(envelope)
    job = envelope.id[:_JOB_DIGITS]
    known = project.edit_of(envelope.id)
    if known is not None:
        run = project.contents.runs.get(int(known.fields.get("of", known.n)))
        return JobStarted(job, len(project.frames_of(run)) if run else 0)
    if desk.running(project, "propagate") is not None:
        raise Busy("A propagation of this clip is running already.")
    desk.check_room()
    run = project.begin(
        frames=message.range,
        direction=cast(Direction, message.direction),
        flow=message.flow,
        objects=message.objects,
        request=envelope.id,
    )
    rank = PRIORITY[message.priority]
    desk.start(propagation(job, project, run, _teller(desk, project), priority=rank))
    return JobStarted(job, len(project.frames_of(run)))


def resume(desk: Desk, project: Project) -> None:
    """Goes on with a propagation that the end of an engine interrupted, under its old id."""
    run = project.unfinished
    if run is None or desk.running(project, "propagate") is not None:
        return
    asked = [e for e in project.history.edits if e.n == run.n or e.fields.get("of") == run.n]
    ids = [str(edit.fields["request"]) for edit in asked if "request" in edit.fields]
    request = ids[-1] if ids else project.header.id
    if [edit.do for edit in asked[-MOST_TRIES:]] == ["resume"] * MOST_TRIES:
        log.warning("a propagation was taken up %d times in vain; it is given up", MOST_TRIES)
        project.end(run, "failed")
        return
    try:
        again = project.take_up(run, request=request)
    except XmemppError as error:
        log.warning("an interrupted propagation can't go on: %s", error)
        project.end(run, "failed")
        return
    desk.start(propagation(request[:_JOB_DIGITS], project, again, _teller(desk, project)))


def suggest(desk: Desk, envelope: Envelope, message: Suggest) -> JobStarted:
    """Looks for candidates, as a job."""
    project = desk.project(envelope)
    desk.check_room()
    project.check_candidates(message.count, message.alpha)
    known = {*project.contents.mattes, *project.references}
    total = sum(frame in known for frame in project.plate.frames)
    made: list[Job] = []

    def looked_at(frame: int) -> None:
        made[0].finished(frame)
        desk.breathe(project.header.id)
        if made[0].cancelled:
            raise Cancelled("The search for candidates was cancelled.")

    def steps() -> Generator[object, None, None]:
        yield None
        revision = project.revision
        frames = project.candidates(
            message.count,
            alpha=message.alpha,
            min_mask_presence=message.min_presence,
            on_frame=looked_at,
        )
        desk.found[project.header.id] = Found(tuple(frames), revision)

    made.append(_job(desk, envelope, project, "suggest", total, steps()))
    desk.start(made[0])
    return JobStarted(made[0].id, total)


def get_suggestions(desk: Desk, envelope: Envelope, message: GetSuggestions) -> Suggestions:
    """The candidates that were found last; none before the first search."""
    project = desk.project(envelope)
    found = desk.found.get(project.header.id, Found())
    return Suggestions(found.frames, found.revision, found.revision != project.revision)


def start_export(desk: Desk, envelope: Envelope, message: Export) -> JobStarted:
    """Writes mattes as files, as a job."""
    project = desk.project(envelope)
    desk.check_room()
    folder = absolute(message.folder)
    frames = [f for f in frames_in(project.plate, message.range) if f in project.contents.mattes]
    frames = sorted({*frames, *_painted_frames(project, message)})
    if not frames:
        raise UsageError("There are no mattes to export.", hint="Propagate first.")
    _check_free(desk, project, folder, frames, message)
    made: list[Job] = []

    def steps() -> Generator[object, None, None]:
        for frame in frames:
            desk.sessions.places.check_export(folder)
            for path in files_of(project, folder, frame, message):
                _check_writable(desk, path, message)
            write_frame(project, folder, frame, message)
            made[0].finished(frame)
            yield None

    made.append(_job(desk, envelope, project, "export", len(frames), steps()))
    desk.start(made[0])
    return JobStarted(made[0].id, len(frames))


def _painted_frames(project: Project, message: Export) -> list[int]:
    first, last = message.range or (project.plate.frames[0], project.plate.frames[-1])
    return [frame for frame in project.references if first <= frame <= last]


def _check_free(
    desk: Desk, project: Project, folder: Path, frames: list[int], message: Export
) -> None:
    """Every file may be written, and none is in the way."""
    seen: set[Path] = set()
    for path in (p for frame in frames for p in files_of(project, folder, frame, message)):
        _check_writable(desk, path, message)
        if path in seen:
            raise UsageError(f"Two mattes would go into '{path}'.", hint="Add {frame} or {object}.")
        seen.add(path)


def _check_writable(desk: Desk, path: Path, message: Export) -> None:
    desk.sessions.places.check_export(path)
    if path.exists() and not message.overwrite:
        raise OutputExists(f"'{path}' is there already.")


def _job(
    desk: Desk,
    envelope: Envelope,
    project: Project,
    work: str,
    total: int,
    steps: Generator[object, None, None],
) -> Job:
    tell = _teller(desk, project)
    name, session = envelope.id[:_JOB_DIGITS], project.header.id
    return Job(name, session, work, total, steps, lambda how: None, tell)


def _teller(desk: Desk, project: Project) -> Tell:
    def tell(event: Event) -> None:
        desk.tell(project.header.id, event)

    return tell
