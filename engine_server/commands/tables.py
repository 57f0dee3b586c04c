# SPDX-License-Identifier: Apache-2.0
"""Tables on standard output."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

__all__ = ["print_table"]

_UNBOUNDED = 100_000


def print_table(table: Table) -> None:
    """Fits a table to the terminal; in a file or pipe nothing is cut, however wide it gets."""
    console = Console(file=sys.stdout)
    if not console.is_terminal:
        room = console.options.update(max_width=_UNBOUNDED)
        console.width = max(console.width, Measurement.get(console, room, table).maximum)
    console.print(table)
