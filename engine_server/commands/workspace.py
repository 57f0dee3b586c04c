# SPDX-License-Identifier: Apache-2.0
"""``xmempp workspace``: the projects on this machine; are they whole, making room."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from engine_server.session.sweeps import in_ranges
from engine_server.session.workspace.folder import (
    ProjectFolder,
    Workspace,
    default_workspace,
)
from engine_server.session.workspace.upkeep import collect_garbage, info, repair, verify
from shared.errors import XmemppError

from .tables import print_table

__all__ = ["run_gc", "run_info", "run_list", "run_repair", "run_verify"]


def run_list(options: argparse.Namespace, messages: Console) -> int:
    """Prints the projects of the workspace; one that can't be read is listed with the reason."""
    rows = [_row(folder) for folder in _workspace(options).projects()]
    if options.json:
        return _print_json(rows)
    table = Table("project", "clip", "painted", "mattes", "size", "in use by")
    for row in rows:
        holder = row.get("in_use_by")
        table.add_row(
            row["project"],
            row.get("error") or row["clip"],
            in_ranges(row.get("references", [])),
            in_ranges(row.get("mattes", [])),
            _size(row.get("bytes", 0)),
            f"process {holder.get('pid')} on {holder.get('host')}" if holder else "",
        )
    print_table(table)
    return 0


def run_info(options: argparse.Namespace, messages: Console) -> int:
    """Prints what a project holds."""
    told = info(_folder(options))
    if options.json:
        return _print_json(told)
    table = Table("what", "value", show_header=False)
    for key, value in told.items():
        table.add_row(key.replace("_", " "), _spelled(key, value))
    print_table(table)
    return 0


def run_verify(options: argparse.Namespace, messages: Console) -> int:
    """Looks whether a project is whole; exit code 1 if it is not."""
    problems = verify(_folder(options))
    if options.json:
        _print_json({"whole": not problems, "problems": problems})
    else:
        sys.stdout.write("\n".join(problems or ["The project is whole."]) + "\n")
    return 1 if problems else 0


def run_repair(options: argparse.Namespace, messages: Console) -> int:
    """Mends a project and tells what is lost."""
    report = repair(_folder(options))
    if options.json:
        return _print_json(vars(report))
    told = [f"Line {n} of the edit log was damaged." for n in report.lines]
    told += [f"The painting of frame {frame} was found again." for frame in report.references]
    told += [f"'{file}' is lost." for file in report.lost]
    sys.stdout.write("\n".join(told or ["There was nothing to repair."]) + "\n")
    return 0


def run_gc(options: argparse.Namespace, messages: Console) -> int:
    """Deletes what no undo step can reach."""
    freed = collect_garbage(_folder(options), undo_steps=options.keep_undo)
    if options.json:
        return _print_json({"freed": freed})
    sys.stdout.write(f"{_size(freed)} freed.\n")
    return 0


def _workspace(options: argparse.Namespace) -> Workspace:
    return Workspace(options.workspace or default_workspace())


def _folder(options: argparse.Namespace) -> ProjectFolder:
    """The project named by its folder's name in the workspace, or by its path."""
    path = Path(options.project).expanduser()
    if path.is_dir():
        return ProjectFolder(path.absolute())
    return _workspace(options).named(options.project)


def _row(folder: ProjectFolder) -> dict[str, Any]:
    try:
        return info(folder)
    except XmemppError as error:
        return {"project": folder.path.name, "folder": str(folder.path), "error": error.message}


def _spelled(key: str, value: Any) -> str:
    if key == "bytes":
        return _size(value)
    if key == "size":
        return f"{value[0]} x {value[1]}"
    if key in ("references", "mattes", "locked"):
        return in_ranges(value)
    if isinstance(value, dict):
        return ", ".join(f"{k}: {v}" for k, v in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value or "")


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def _print_json(told: dict[str, Any] | Sequence[dict[str, Any]]) -> int:
    sys.stdout.write(json.dumps(told) + "\n")
    return 0
