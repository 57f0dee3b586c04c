# SPDX-License-Identifier: Apache-2.0
"""Looking after a project's folder: is it whole, what is in it, mending it, making room.

Nothing here needs the plate or a network.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine_server.digest import sha256_of
from shared.errors import WorkspaceDamaged, XmemppError

from .contents import History
from .edit_log import EditLog, read_edits
from .exact import read_matte
from .folder import ProjectFolder
from .lock import ProjectLock, lock_holder
from .log_repair import mend_log
from .words import in_words

__all__ = ["Repaired", "collect_garbage", "info", "repair", "verify"]

_KINDS = ("references", "mattes")


@dataclass
class Repaired:
    """What `repair` did.

    Attributes:
        lines: numbers of log lines that were damaged.
        references: frames whose painting was found again though its line was damaged.
        lost: files that are gone, or not what was written.
    """

    lines: list[int] = field(default_factory=list)
    references: list[int] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def verify(folder: ProjectFolder) -> list[str]:
    """Looks at every file that the project needs, for undo too; changes nothing.

    Returns:
        what is wrong, a sentence each; nothing if the project is whole.
    """
    problems: list[str] = []
    try:
        folder.header()
    except XmemppError as error:
        problems.append(error.message)
    try:
        history = History(read_edits(folder.log)[0])
    except WorkspaceDamaged as error:
        return [*problems, error.message]
    return [*problems, *(f"'{file}' {why}." for file, why in _amiss(folder, history))]


def info(folder: ProjectFolder) -> dict[str, Any]:
    """What a project holds, as JSON.

    Raises:
        NotFound, UsageError, WorkspaceDamaged.
    """
    header, history = folder.header(), History(read_edits(folder.log)[0])
    contents = history.contents
    return {
        "project": folder.path.name,
        "folder": str(folder.path),
        "name": header.name,
        "clip": header.clip.source,
        "size": [header.clip.size[1], header.clip.size[0]],
        "model": header.model,
        "created": header.created,
        "objects": {str(obj): name for obj, name in sorted(contents.names.items())},
        "references": sorted(contents.references),
        "mattes": sorted(contents.mattes),
        "locked": sorted(contents.locked),
        "undo": [in_words(edit) for edit in history.done[::-1]],
        "redo": [in_words(edit) for edit in history.undone[::-1]],
        "bytes": sum(path.stat().st_size for path in _files(folder.path)),
        "in_use_by": lock_holder(folder.lock),
    }


def repair(folder: ProjectFolder) -> Repaired:
    """Brings a damaged project to where it can be opened: what is whole is kept, all of it.

    A damaged log is kept beside the mended one. Painted mattes are found again by their
    names. Mattes that are lost are computed again by the next propagation.

    Raises:
        WorkspaceBusy: an engine works on it.
        DiskFull, OutputUnwritable.
    """
    lock = ProjectLock(folder.lock)
    try:
        report = Repaired(*mend_log(folder))
        log = EditLog(folder.log)
        try:
            report.lost = [file for file, _ in _amiss(folder, History(log.edits))]
            if report.lost:
                log.append("lost", lost=report.lost)
        finally:
            log.close()
        return report
    finally:
        lock.release()


def collect_garbage(folder: ProjectFolder, *, undo_steps: int | None = None) -> int:
    """Deletes what nothing can reach: leftovers of crashes, undone edits, caches.

    Args:
        folder: the project.
        undo_steps: how many steps of undo are kept, with the files that they need; redo is
            forgotten then. By default all of them.

    Returns:
        bytes freed.

    Raises:
        WorkspaceBusy, WorkspaceDamaged, DiskFull, OutputUnwritable.
    """
    lock = ProjectLock(folder.lock)
    try:
        log = EditLog(folder.log)
        try:
            if undo_steps is not None:
                log.append("forget", keep=undo_steps)
            return _sweep(folder, History(log.edits).reachable())
        finally:
            log.close()
    finally:
        lock.release()


def _amiss(folder: ProjectFolder, history: History) -> Iterator[tuple[str, str]]:
    """Files that are not what was written, and why."""
    for file, sha256 in sorted(history.reachable().items()):
        path = folder.path / file
        try:
            if sha256_of(path) != sha256:
                yield file, "is not what was written"
            else:
                read_matte(path)
        except FileNotFoundError:
            yield file, "is missing"
        except (OSError, WorkspaceDamaged) as error:
            yield file, f"can't be read ({error})"


def _sweep(folder: ProjectFolder, reachable: Collection[str]) -> int:
    """Removes all other files of mattes, and the cache; bytes freed."""
    freed = 0
    for kind in _KINDS:
        for path in _files(folder.path / kind):
            if folder.relative(path) not in reachable:
                freed += path.stat().st_size
                path.unlink()
        _drop_empty(folder.path / kind)
    freed += sum(path.stat().st_size for path in _files(folder.cache))
    shutil.rmtree(folder.cache, ignore_errors=True)
    return freed


def _files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def _drop_empty(root: Path) -> None:
    for path in root.glob("*/"):
        with suppress(OSError):  # it is not empty
            path.rmdir()
