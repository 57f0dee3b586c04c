# SPDX-License-Identifier: Apache-2.0
"""``xmempp serve``: the engine for plugins and scripts, over a socket."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from engine_server.network.inference import use_threads
from engine_server.server.engine import EngineOptions, serve
from engine_server.session.workspace.folder import default_workspace

__all__ = ["run"]


def run(options: argparse.Namespace, messages: Console) -> int:
    """Serves until it is told to end."""
    use_threads(options.threads)
    workspace = (options.workspace or default_workspace()).expanduser().absolute()
    workspace.mkdir(parents=True, exist_ok=True)
    serve(
        EngineOptions(
            bind=options.bind,
            workspace=workspace,
            connection_file=_connection_file(options.connection_file, workspace),
            exports=tuple(folder.expanduser().absolute() for folder in options.allow_export),
            device=options.device,
            curve=options.curve,
            parent_pid=options.parent_pid,
            with_parent=options.with_parent,
        )
    )
    return 0


def _connection_file(chosen: Path | None, workspace: Path) -> Path:
    """Beside the projects, so that whoever knows the workspace finds the engine."""
    return (chosen or workspace / ".engine.json").expanduser().absolute()
