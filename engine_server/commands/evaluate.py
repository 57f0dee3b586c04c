# SPDX-License-Identifier: Apache-2.0
"""``xmempp evaluate``: J and F of masks against the truth."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from engine_server.evaluation import evaluate

from .tables import print_table

__all__ = ["run"]


def run(options: argparse.Namespace, messages: Console) -> int:
    """Runs the command; returns the exit code."""
    report = evaluate(options.predictions, options.ground_truth, skip=options.skip_references)
    if options.json:
        sys.stdout.write(report.to_json() + "\n")
    else:
        print_table(report.table())
    return 0
