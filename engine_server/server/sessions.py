# SPDX-License-Identifier: Apache-2.0
"""The sessions that are open: opened once, however many clients they have."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from engine_server.session.project import Project
from engine_server.session.workspace import Clip, ProjectFolder, Workspace
from engine_server.session.workspace.plates import SENT, SentPlate
from engine_server.session.workspace.words import in_words
from shared.errors import Busy, UnknownObject, UnknownSession, UsageError
from shared.messages import JobInfo, ObjectInfo, OpenClip, PathClip, SessionState

from .jobs import ranges_of
from .paths import WritablePlaces, absolute

__all__ = ["OpenSessions", "object_info", "state_of"]

MOST_OPEN = 64
_MOST_FRAMES = 100_000  # of a clip that is sent, more than an hour

log = logging.getLogger(__name__)


class OpenSessions:
    """Projects by session id.

    Args:
        places: where the workspace is.
        device: that they compute on.

    Attributes:
        full: whether memory is above its budget: no further clip is opened then.
    """

    def __init__(self, places: WritablePlaces, device: str) -> None:
        self.places, self._device = places, device
        self._open: dict[str, Project] = {}
        self.full = False

    def __iter__(self) -> Iterator[Project]:
        """All open ones."""
        return iter(list(self._open.values()))

    def get(self, session: str | None) -> Project:
        """The project of a session; ``UnknownSession`` if it is not open."""
        if session not in self._open:
            raise UnknownSession("That session is not open.")
        return self._open[session]

    def open_clip(self, wanted: OpenClip) -> Project:
        """The project of a clip, made where there is none.

        Raises:
            Busy: too many are open.
            PathRefused: a workspace outside of the engine's own, or a relative path.
            UsageError: the folder is of another clip. And what `Project` raises.
        """
        clip = _clip(wanted)
        workspace = Workspace(self.places.workspace)
        named = self.places.project(wanted.workspace) if wanted.workspace else None
        folder = ProjectFolder(named) if named else workspace.folder_of(clip)
        if clip.source == SENT and named is None:
            raise UsageError("A clip that is sent needs the name of a workspace.")
        if folder.header_file.exists():
            _check_same(folder, clip)
        if (there := self._at(folder.path)) is not None:
            return there
        self._check_room()
        return self._added(
            Project.of_clip(
                workspace,
                clip,
                name=wanted.name,
                folder=folder,
                model=wanted.model,
                size=wanted.size,
                device=self._device,
            )
        )

    def attach(self, session: str | None, folder: str) -> Project:
        """The project in a folder, opened if it is not.

        Raises:
            UnknownSession: it is that of another session.
            Busy: too many are open.
            PathRefused, and what `Project` raises.
        """
        path = self.places.project(folder)
        if ProjectFolder(path).header().id != session:
            raise UnknownSession(f"'{folder}' holds another session.")
        if (there := self._at(path)) is not None:
            return there
        self._check_room()
        return self._added(Project(ProjectFolder(path), device=self._device))

    def close(self, project: Project) -> None:
        """Closes a session; it stays on disk."""
        self._open.pop(project.header.id, None)
        try:
            project.close()
        except OSError as error:  # a file server that is gone must not end the engine
            log.warning("%s can't be closed: %s", project.folder.path, error)
        log.info("%s is closed", project.header.name)

    def close_all(self) -> None:
        """Closes every session."""
        for project in self:
            self.close(project)

    def _check_room(self) -> None:
        """Each holds a network of its own, and files."""
        if len(self._open) >= MOST_OPEN:
            raise Busy(f"{MOST_OPEN} clips are open already.", hint="Close some of them first.")
        if self.full and self._open:
            raise Busy("The engine's memory is full.", hint="Close another clip first.")

    def _at(self, path: Path) -> Project | None:
        return next((p for p in self if p.folder.path.resolve() == path.resolve()), None)

    def _added(self, project: Project) -> Project:
        """Keeps a project that was just opened; a copy of one that is open is refused."""
        if project.header.id in self._open:
            project.close()
            raise UsageError(
                f"'{project.folder.path}' is a copy of a project that is open.",
                hint="Close the other one first.",
            )
        self._open[project.header.id] = project
        log.info("%s is open in %s", project.header.name, project.folder.path)
        return project


def state_of(project: Project, jobs: tuple[JobInfo, ...]) -> SessionState:
    """A session as messages tell of it."""
    contents, history, plate = project.contents, project.history, project.plate
    absent = plate.absent if isinstance(plate, SentPlate) else ()
    return SessionState(
        session=project.header.id,
        workspace=str(project.folder.path),
        name=project.header.name,
        frames=ranges_of(plate.frames),
        width=plate.size[1],
        height=plate.size[0],
        model=project.header.model,
        revision=project.revision,
        missing=ranges_of(absent),
        objects=tuple(object_info(project, obj) for obj in sorted(contents.names)),
        references=tuple(sorted(contents.references)),
        done=ranges_of({*contents.mattes, *contents.references}),
        locked=ranges_of(contents.locked),
        undo=in_words(history.done[-1]) if history.done else None,
        redo=in_words(history.undone[-1]) if history.undone else None,
        jobs=jobs,
    )


def object_info(project: Project, obj: int) -> ObjectInfo:
    """An object as messages tell of it; ``UnknownObject`` if it is there no more."""
    if obj not in project.contents.names:
        raise UnknownObject(f"There is no object {obj} any more.")
    return ObjectInfo(obj, project.contents.names[obj], project.contents.colours[obj])


def _clip(wanted: OpenClip) -> Clip:
    clip = wanted.clip
    if isinstance(clip, PathClip):
        path = str(absolute(clip.path))
        return Clip(path, wanted.space, wanted.exposure, clip.range, clip.offset)
    if sum(last - first + 1 for first, last in clip.frames) > _MOST_FRAMES:
        raise UsageError(f"A clip of more than {_MOST_FRAMES} frames can't be sent.")
    if not clip.frames:
        raise UsageError("A clip without frames can't be opened.")
    size = (clip.height, clip.width)
    return Clip(SENT, wanted.space, wanted.exposure, frames=clip.frames, size=size)


def _check_same(folder: ProjectFolder, clip: Clip) -> None:
    """A named workspace may hold another clip."""
    there = folder.header().clip
    if (there.source, there.range, there.offset, there.frames) != (
        clip.source,
        clip.range,
        clip.offset,
        clip.frames,
    ):
        raise UsageError(
            f"The workspace '{folder.path.name}' is of another clip: {there.source}.",
            hint="Choose another name for the workspace.",
        )
