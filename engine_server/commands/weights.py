# SPDX-License-Identifier: Apache-2.0
"""``xmempp weights``: what is there, fetching the published file, checking a file."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column, Table

from engine_server.network.state import verify
from engine_server.network.weights import fetch, list_weights

from .tables import print_table

__all__ = ["run_fetch", "run_list", "run_verify"]


def run_list(options: argparse.Namespace, messages: Console) -> int:
    """Prints the known weights."""
    whole = Column("terms", overflow="fold")  # addresses are there to be copied
    table = Table("name", "here", "what", whole, show_lines=True)
    for known in list_weights():
        table.add_row(known.name, "yes" if known.present else "no", known.about, known.terms)
    print_table(table)
    return 0


def run_fetch(options: argparse.Namespace, messages: Console) -> int:
    """Downloads weights into the user's cache."""
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=messages) as bar:
        row = bar.add_task(options.name, total=None)
        path = fetch(
            options.name,
            url=options.url,
            progress=lambda done, total: bar.update(row, completed=done, total=total),
        )
    sys.stdout.write(f"{path}\n")
    return 0


def run_verify(options: argparse.Namespace, messages: Console) -> int:
    """Tells what a weights file is."""
    facts = verify(options.file)
    sys.stdout.write(
        f"{options.file}: {facts.architecture}, {facts.parameters / 1e6:.1f} M parameters, "
        f"SHA-256 {facts.sha256}\n"
    )
    return 0
