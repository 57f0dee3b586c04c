# SPDX-License-Identifier: Apache-2.0
"""Where the mattes of a node are: ``FOLDER/SHOT/VERSION/SHOT.1001.exr``."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import nuke

from .shared.errors import OutputExists, OutputUnwritable, UsageError
from .values import path, text

__all__ = [
    "Sequence",
    "check_free",
    "claim",
    "frames",
    "is_fresh",
    "is_taken",
    "keep_only",
    "mark",
    "newest",
    "next_version",
    "shown",
    "write",
]

_OWNER = ".xmempp"  # says whose mattes a folder holds
_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|\[\]$%#{}\x00-\x1f]')
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds
_NUMBER = re.compile(r"#|%\d*d|%[vV]")
_VERSION = re.compile(r"v(\d+)")


@dataclass(frozen=True)
class Sequence:
    """Files of mattes.

    Attributes:
        folder: of one version.
        stem: of the names.
    """

    folder: Path
    stem: str

    def file(self, frame: int) -> Path:
        """The file of a frame."""
        return self.folder / f"{self.stem}.{frame:04d}.exr"


def shown(node: nuke.Node) -> Sequence:
    """Files of the version that the node shows."""
    return _sequence(node, text(node, "version"))


def newest(node: nuke.Node) -> Sequence:
    """Files of the version that new mattes go into.

    Raises:
        UsageError: the folder is relative, such as that of a script that was never saved, or
            its path or the shot's name can't be that of files.
    """
    found = _sequence(node, _versions(node)[-1])
    if not found.stem or _NOT_IN_NAMES.search(found.stem):
        raise UsageError(
            f"'{found.stem}' can't be the name of the mattes' files.",
            hint="Give the shot another name, of letters, digits, _ and -.",
        )
    if not found.folder.is_absolute():
        raise UsageError(
            f"'{path(node, 'folder')}' is no folder for the mattes yet.",
            hint="Save the script, or choose an output folder.",
        )
    if _NUMBER.search(str(found.folder)):
        raise UsageError(
            f"In '{found.folder}' Nuke would read a number of a frame.",
            hint="Choose an output folder without # and %d in its path.",
        )
    return found


def next_version(node: nuke.Node) -> list[str]:
    """All versions with one more at the end."""
    known = _versions(node)
    match = _VERSION.fullmatch(known[-1])
    return [*known, f"v{int(match[1]) + 1 if match else len(known) + 1:03d}"]


def _versions(node: nuke.Node) -> list[str]:
    knob = node["version"]
    return [*knob.values()] if isinstance(knob, nuke.Enumeration_Knob) else [text(node, "version")]


def _sequence(node: nuke.Node, version: str, shot: str = "") -> Sequence:
    stem = shot or text(node, "shot")
    return Sequence(Path(path(node, "folder")) / stem / version, stem)


def frames(sequence: Sequence) -> list[int]:
    """Frames that have a file, rising."""
    name = re.compile(rf"{re.escape(sequence.stem)}\.(-?\d+)\.exr")
    try:
        names = [entry.name for entry in sequence.folder.iterdir()]
    except OSError:
        return []
    return sorted(int(match[1]) for match in map(name.fullmatch, names) if match)


def check_free(sequence: Sequence, session: str = "") -> None:
    """Looks whether a session may write there.

    Raises:
        OutputExists: it is the folder of another session, or has files of somebody else.
    """
    owner, _ = _owner(sequence)
    if owner and owner != session:
        raise _taken(f"'{sequence.folder}' holds the mattes of another session.")
    if not owner and frames(sequence):
        raise _taken(f"'{sequence.folder}' holds files of that name that are not of XMem++.")


def is_taken(node: nuke.Node, shot: str) -> bool:
    """Whether files of such a name are somebody's already."""
    try:
        check_free(_sequence(node, _versions(node)[-1], shot))
    except OutputExists:
        return True
    return False


def _taken(sentence: str) -> OutputExists:
    return OutputExists(sentence, hint="Choose another shot name, folder or version.")


def claim(sequence: Sequence, session: str) -> None:
    """Makes a folder that of a session.

    Raises:
        OutputExists: it is that of another session, or has files of somebody else.
        OutputUnwritable: it can't be made.
    """
    check_free(sequence, session)
    try:
        sequence.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(sequence.folder, error) from error
    if not _owner(sequence)[0]:
        write(sequence.folder / _OWNER, session.encode())


def mark(sequence: Sequence, session: str, revision: int) -> None:
    """Notes that the files are what the session had at a revision; not those of another.

    Raises:
        OutputUnwritable: it can't be written.
    """
    owner, known = _owner(sequence)
    if session and owner == session and known != revision:
        write(sequence.folder / _OWNER, f"{session} {revision}".encode())


def is_fresh(sequence: Sequence, session: str, revision: int) -> bool:
    """Whether the files are what the session has at a revision."""
    return _owner(sequence) == (session, revision)


def _owner(sequence: Sequence) -> tuple[str, int]:
    """Session and revision of a folder; empty and -1 where nothing is noted."""
    try:
        words = (sequence.folder / _OWNER).read_text(encoding="utf-8").split()
        return words[0], int(words[1]) if len(words) > 1 else -1
    except (OSError, ValueError, IndexError):
        return "", -1


def write(target: Path, data: bytes | bytearray | memoryview) -> None:
    """Writes a file whole or not at all; may be called by any thread.

    Raises:
        OutputUnwritable: it can't be written.
    """
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        beside.write_bytes(data)
        _replace(beside, target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise _unwritable(target, error) from error


def _replace(beside: Path, target: Path) -> None:
    """On Windows a file can't be replaced while Nuke reads it: that is over soon."""
    for pause in _PAUSES:
        try:
            beside.replace(target)
            return
        except PermissionError:
            time.sleep(pause)
    beside.replace(target)


def keep_only(sequence: Sequence, session: str, wanted: Iterable[int]) -> bool:
    """Deletes files of frames that have no matte any more, such as after an undo.

    They can be written again at any time: what was painted is in the engine's workspace. In a
    folder that is not the session's nothing is deleted, nor for a node that has none yet.

    Returns:
        whether there were any.

    Raises:
        OutputUnwritable: one can't be deleted.
    """
    if not session or _owner(sequence)[0] != session:
        return False
    extra = {*frames(sequence)} - {*wanted}
    for frame in extra:
        try:
            sequence.file(frame).unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(sequence.file(frame), error) from error
    return bool(extra)


def _unwritable(target: Path, error: OSError) -> OutputUnwritable:
    return OutputUnwritable(f"'{target}' can't be written: {error.strerror or error}.")
