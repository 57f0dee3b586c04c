# SPDX-License-Identifier: Apache-2.0
"""``xmempp doctor``: is this machine ready, and if not, what to do."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from engine_server.doctor import Check, examine

from .tables import print_table

__all__ = ["run"]


def run(options: argparse.Namespace, messages: Console) -> int:
    """Runs the command; returns the exit code."""
    checks = examine()
    if options.json:
        sys.stdout.write(json.dumps([asdict(check) for check in checks]) + "\n")
    else:
        print_table(_table(checks))
    return 0 if all(check.ok for check in checks) else 1


def _table(checks: list[Check]) -> Table:
    table = Table("", "what", "found", "what to do")
    for check in checks:
        mark = "[green]ok[/]" if check.ok else "[red]no[/]"
        table.add_row(mark, check.name, check.detail, check.hint)
    return table
