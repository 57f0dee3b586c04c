# SPDX-License-Identifier: Apache-2.0
"""A project's folder: what is where in it, and what it is about.

::

    project.json            what clip, which network; readable, versioned
    edits.jsonl             the edit log: objects, references, propagations, locks, undo
    references/0012/        mattes painted in edit 12: FRAME_OBJECT.png or .exr
    mattes/0015/            results of the propagation that is edit 15
    plate/                  frames of a clip that was sent, and not given by its path
    cache/                  safe to delete
    lock                    there while an engine works on it
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from engine_server.media import ViewTransform
from shared.engine_place import data_folder
from shared.errors import NotFound, OutputUnwritable, UsageError, WorkspaceDamaged

from .disk import disk_errors, write_durably
from .lock import ProjectLock

__all__ = [
    "FORMAT_VERSION",
    "Clip",
    "ProjectFolder",
    "ProjectHeader",
    "Workspace",
    "default_workspace",
]

FORMAT_VERSION = 1
_FORMAT = "xmempp project"
_NOT_PLAIN = re.compile(r"[^\w.-]+", re.ASCII)


@dataclass(frozen=True)
class Clip:
    """Which plate, and how it is read.

    Attributes:
        source: a folder, pattern or movie, as an absolute path; ``plate`` for one that was sent.
        space: input space, see `engine_server.media.INPUT_SPACES`.
        exposure: stops.
        range: first and last frame to be used; ``None`` for all.
        offset: added to the numbers of the files.
        frames: ranges of frame numbers, of a clip that was sent.
        size: height and width in pixels.
    """

    source: str
    space: str = "auto"
    exposure: float = 0.0
    range: tuple[int, int] | None = None
    offset: int = 0
    frames: tuple[tuple[int, int], ...] = ()
    size: tuple[int, int] = (0, 0)

    @property
    def view(self) -> ViewTransform:
        """The view transform; UsageError for a space or exposure that makes no sense."""
        return ViewTransform(self.space, self.exposure)


@dataclass(frozen=True)
class ProjectHeader:
    """What stands in ``project.json``.

    Attributes:
        name: for people.
        clip: the plate.
        model: weights by name or path.
        size: short side in pixels of what the network sees.
        created: when, ISO 8601 in UTC.
        id: random, hexadecimal; tells copies of a name apart.
    """

    name: str
    clip: Clip
    model: str
    size: int
    created: str = ""
    id: str = ""

    def as_json(self) -> dict[str, Any]:
        """With the format's name and version on top."""
        return {"format": _FORMAT, "version": FORMAT_VERSION, **asdict(self)}

    @classmethod
    def of_json(cls, told: dict[str, Any]) -> ProjectHeader:
        """Fields that are not known are passed over; KeyError, TypeError, ValueError if amiss."""
        clip = told["clip"]
        return cls(
            str(told["name"]),
            Clip(
                str(clip["source"]),
                str(clip["space"]),
                float(clip["exposure"]),
                _pair(clip["range"]) if clip["range"] else None,
                int(clip["offset"]),
                tuple(map(_pair, clip["frames"])),
                _pair(clip["size"]),
            ),
            str(told["model"]),
            int(told["size"]),
            str(told["created"]),
            str(told["id"]),
        )


@dataclass(frozen=True)
class ProjectFolder:
    """The folder of one clip.

    Args:
        path: the folder.
    """

    path: Path

    @property
    def header_file(self) -> Path:
        """What the project is about."""
        return self.path / "project.json"

    @property
    def log(self) -> Path:
        """The edit log."""
        return self.path / "edits.jsonl"

    @property
    def lock(self) -> Path:
        """There while an engine works on it."""
        return self.path / "lock"

    @property
    def plate(self) -> Path:
        """Frames of a clip that was sent."""
        return self.path / "plate"

    @property
    def cache(self) -> Path:
        """What may be deleted at any time."""
        return self.path / "cache"

    def create_once(self, header: ProjectHeader) -> None:
        """Makes the folder with its header; nothing is changed if another engine just did.

        Args:
            header: its id and date are made here.

        Raises:
            WorkspaceBusy: another engine is making it.
            DiskFull, OutputUnwritable.
        """
        with disk_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        lock = ProjectLock(self.lock)
        try:
            if not self.header_file.exists():
                now = datetime.now(timezone.utc).isoformat(timespec="seconds")
                self.write_header(replace(header, created=now, id=secrets.token_hex(16)))
        finally:
            lock.release()

    def write_header(self, header: ProjectHeader) -> None:
        """Replaces the header; DiskFull, OutputUnwritable."""
        text = json.dumps(header.as_json(), indent=2, ensure_ascii=False) + "\n"
        write_durably(self.header_file, text.encode("utf-8", "backslashreplace"))

    def header(self) -> ProjectHeader:
        """Reads ``project.json``.

        Raises:
            NotFound: there is none.
            UsageError: a newer engine wrote it.
            WorkspaceDamaged: it is not what was written.
        """
        try:
            told = json.loads(self.header_file.read_text(encoding="utf-8"))
            self._check_version(told)
            return ProjectHeader.of_json(told)
        except FileNotFoundError as error:
            raise NotFound(
                f"There is no project in '{self.path}'.",
                hint="Bring the folder back, or forget the session and open the clip anew.",
            ) from error
        except OSError as error:
            raise OutputUnwritable(
                f"'{self.header_file}' can't be read: {error.strerror}.",
                hint="Check the permissions of the file.",
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise WorkspaceDamaged(f"'{self.header_file}' is damaged.") from error

    def _check_version(self, told: dict[str, Any]) -> None:
        if told["format"] != _FORMAT:
            raise ValueError("another format")
        if int(told["version"]) > FORMAT_VERSION:
            raise UsageError(
                f"'{self.path}' was made by a newer engine (format {told['version']}).",
                hint="Update xmempp.",
            )

    def matte_stem(self, kind: str, n: int, frame: int, obj: int) -> Path:
        """Where a matte of an edit goes, without the ending; ``kind`` is the folder's name."""
        return self.path / kind / f"{n:04d}" / f"{frame}_{obj}"

    def relative(self, file: Path) -> str:
        """How a file inside the project is written in the log."""
        return file.relative_to(self.path).as_posix()


class Workspace:
    """A folder of projects.

    Args:
        root: the folder; made with the first project.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()

    def projects(self) -> Iterator[ProjectFolder]:
        """Every project there is, by name."""
        if not self.root.is_dir():
            return
        for path in sorted(self.root.iterdir()):
            folder = ProjectFolder(path)
            if folder.header_file.is_file():
                yield folder

    def folder_of(self, clip: Clip) -> ProjectFolder:
        """The folder in which a clip's project is, or would be made: one for each plate and view.

        Returns:
            a folder named for the clip, and for the digest of where it is and how it is read.
        """
        told = json.dumps([clip.source, clip.space, clip.exposure, clip.range, clip.offset])
        digest = hashlib.sha256(told.encode()).hexdigest()[:8]
        name = _NOT_PLAIN.sub("_", re.split(r"[\\/]", clip.source.rstrip("\\/"))[-1]).strip("._")
        return ProjectFolder(self.root / f"{name[:48] or 'clip'}-{digest}")

    def named(self, name: str) -> ProjectFolder:
        """The project in a folder of the workspace.

        Raises:
            NotFound: there is none of that name.
        """
        for folder in self.projects():
            if folder.path.name == name:
                return folder
        raise NotFound(f"There is no project '{name}' in '{self.root}'.")


def default_workspace() -> Path:
    """Where projects are kept: ``XMEMPP_WORKSPACE``, or the custom of the system."""
    if chosen := os.environ.get("XMEMPP_WORKSPACE"):
        return Path(chosen).expanduser()
    return data_folder() / "projects"


def _pair(values: Any) -> tuple[int, int]:
    first, second = values
    return int(first), int(second)
