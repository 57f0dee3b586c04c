# SPDX-License-Identifier: Apache-2.0
"""Mending an edit log: lines that can be read stay, what the others said is guessed from files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from engine_server.digest import sha256_of
from engine_server.media import DAVIS_PALETTE

from .disk import write_durably
from .edit_log import Edit, read_whole_edits
from .folder import ProjectFolder

__all__ = ["mend_log"]

_UNKNOWN_SETTINGS: dict[str, Any] = {
    "range": None,
    "direction": "both",
    "flow": True,
    "objects": [],
    "recipe": "",
}
_PAINTED = re.compile(r"(-?\d+)_(\d+)\.(?:png|exr)")


def mend_log(folder: ProjectFolder) -> tuple[list[int], list[int]]:
    """Writes the log anew if it is damaged; the damaged one is kept beside it.

    Args:
        folder: a locked project.

    Returns:
        numbers of the damaged lines, and the frames whose painting was found again.

    Raises:
        DiskFull, OutputUnwritable.
    """
    edits, bad, _ = read_whole_edits(folder.log)
    whole = {edit.n: edit for edit in edits}
    missing = [n for n in range(1, max(whole, default=0) + len(bad) + 1) if n not in whole]
    if not bad and all(n > max(whole, default=0) for n in missing):
        return [], []
    found = {n: _guessed(folder, n, edits) for n in missing}
    mended = [edit for _, edit in sorted({**whole, **found}.items())]
    mended += _nameless(mended)
    _keep(folder.log)
    write_durably(folder.log, b"".join(edit.line() for edit in mended))
    return bad, [edit.fields["frame"] for edit in found.values() if edit.do == "reference"]


def _guessed(folder: ProjectFolder, n: int, edits: Iterable[Edit]) -> Edit:
    """What an edit was, by the files that it left and the edits that speak of it."""
    files = sorted((folder.path / "references" / f"{n:04d}").glob("*"))
    painted = [match for path in files if (match := _PAINTED.fullmatch(path.name))]
    if painted:
        told = {match[2]: _stored(folder, n, match[0]) for match in painted}
        return Edit(n, "reference", {"frame": int(painted[0][1]), "files": told})
    if any(edit.fields.get("of") == n for edit in edits):
        return Edit(n, "propagate", _UNKNOWN_SETTINGS)
    return Edit(n, "damaged")


def _stored(folder: ProjectFolder, n: int, name: str) -> dict[str, Any]:
    path = folder.path / "references" / f"{n:04d}" / name
    return {"file": folder.relative(path), "sha256": sha256_of(path)}


def _nameless(edits: list[Edit]) -> list[Edit]:
    """Objects that are painted, and whose making was in a damaged line."""
    named = {edit.fields["obj"] for edit in edits if edit.do == "add_object"}
    painted = {int(obj) for edit in edits for obj in edit.fields.get("files", {})}
    return [
        Edit(n, "add_object", {"obj": obj, "name": f"object {obj}", "colour": DAVIS_PALETTE[obj]})
        for n, obj in enumerate(sorted(painted - named), edits[-1].n + 1)
    ]


def _keep(log: Path) -> None:
    """A copy of the damaged log."""
    now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S")
    write_durably(log.with_name(f"edits.damaged-{now}.jsonl"), log.read_bytes())
