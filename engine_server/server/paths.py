# SPDX-License-Identifier: Apache-2.0
"""Where a client may make the engine write, and what names files there get."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from shared.errors import PathRefused, UsageError

__all__ = ["WritablePlaces", "absolute", "file_name"]

_FORBIDDEN = re.compile(r'[\\/:*?"<>|\x00-\x1f]')
_FIELD = re.compile(r"\{(\w*)(?::(0?\d{1,2}))?\}")


def absolute(path: str) -> Path:
    """A path of a client, which has another working folder than the engine.

    Raises:
        PathRefused: it is relative.
    """
    found = Path(path)
    if not found.is_absolute():
        raise PathRefused(f"'{path}' is not an absolute path.", hint="Give the whole path.")
    return found


class WritablePlaces:
    """The workspace, and folders that the user allowed results to be exported to.

    Args:
        workspace: root of all projects.
        exports: further folders.
    """

    def __init__(self, workspace: Path, exports: Iterable[Path] = ()) -> None:
        self.workspace = workspace.resolve()
        self._exports = [self.workspace, *(folder.resolve() for folder in exports)]

    def project(self, name: str) -> Path:
        """The folder of a project, by its path or by its name in the workspace.

        Raises:
            PathRefused: it is not right inside the workspace, links followed.
        """
        found = (self.workspace / name).resolve()
        if found.parent != self.workspace:
            raise PathRefused(
                f"'{name}' is not a project folder in the workspace '{self.workspace}'.",
                hint="Give a plain name, without slashes.",
            )
        return found

    def check_export(self, path: Path) -> None:
        """``PathRefused`` unless a file may be written there, links followed.

        A project keeps what it needs in its own folder; only ``exports`` in it is free.
        """
        real = path.resolve()
        for home in (real, *real.parents):
            if (home / "project.json").is_file() and not real.is_relative_to(home / "exports"):
                raise PathRefused(
                    f"'{path}' is among the files of a project.",
                    hint=f"Export to '{home / 'exports'}', or elsewhere.",
                )
        if not any(real.is_relative_to(place) for place in self._exports):
            raise PathRefused(
                f"The engine may not write to '{path}'.",
                hint="Start it with --allow-export for that folder, or export elsewhere.",
            )


def file_name(pattern: str, *, clip: str, frame: int, obj: str | None = None) -> str:
    """A relative file name out of a pattern with ``{clip}``, ``{object}``, ``{frame:04}``.

    Args:
        pattern: may have forward slashes, for folders.
        clip, obj: names; what no file may be called is replaced.
        frame: its number; ``{frame:04}`` fills it up with zeros.

    Raises:
        UsageError: an unknown field, or a name that leads out of its folder.
    """
    values: dict[str, str | int] = {"clip": _plain(clip), "frame": frame}
    if obj is not None:
        values["object"] = _plain(obj)

    def filled(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise UsageError(f"A file name can't have the field '{match[0]}'.")
        value = values[match[1]]
        return f"{value:{match[2]}}" if match[2] and isinstance(value, int) else str(value)

    if set("{}") & set(_FIELD.sub("", pattern)):
        raise UsageError(f"'{pattern}' has a field that no file name can have.")
    name = _FIELD.sub(filled, pattern)
    parts = name.split("/")
    if any(part in ("", ".", "..") or _FORBIDDEN.search(part) for part in parts):
        raise UsageError(f"'{pattern}' makes no good file name: '{name}'.")
    return name


def _plain(name: str) -> str:
    """A name that every system can have for a file."""
    return _FORBIDDEN.sub("_", name).strip(". ") or "_"
