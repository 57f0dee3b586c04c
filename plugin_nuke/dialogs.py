# SPDX-License-Identifier: Apache-2.0
"""Questions to the artist, in panels of Nuke. None is the answer to a panel that is closed."""

from __future__ import annotations

from pathlib import Path

import nuke

from . import sources
from .shared.errors import UsageError

__all__ = ["ask_name", "ask_object", "ask_source", "ask_wheel", "wants_anew"]

_NAME, _SOURCE = "Name", "Matte from"


def ask_object(group: nuke.Group) -> tuple[str, str] | None:
    """Name of a new object, and where its matte is painted."""
    panel = _panel("Add Object", "name=..., source=...")
    panel.addSingleLineInput(_NAME, "object")
    panel.addEnumerationPulldown(_SOURCE, " ".join(sources.choices(group)))
    if not panel.show():
        return None
    return str(panel.value(_NAME)), str(panel.value(_SOURCE))


def ask_name(present: str) -> str | None:
    """Another name of an object."""
    panel = _panel("Rename Object", "to=...")
    panel.addSingleLineInput(_NAME, present)
    return str(panel.value(_NAME)) if panel.show() else None


def ask_source(group: nuke.Group) -> str | None:
    """Where an object's matte is painted."""
    panel = _panel("Matte From", "source=...")
    panel.addEnumerationPulldown(_SOURCE, " ".join(sources.choices(group)))
    return str(panel.value(_SOURCE)) if panel.show() else None


def ask_wheel() -> Path | None:
    """The file that the engine is installed from."""
    _check_windows("wheel=...")
    chosen = nuke.getFilename("The engine's wheel", "*.whl")
    return Path(chosen) if isinstance(chosen, str) and chosen else None


def wants_anew(workspace: str) -> bool:
    """Whether a node may forget its session; a script without windows knows what it does."""
    return not nuke.GUI or nuke.ask(
        "Start anew? The node gets a session and a version of its own, with nothing painted. "
        f"What was painted stays on disk, in {workspace}, but this node can't go back to it."
    )


def _panel(title: str, options: str) -> nuke.Panel:
    _check_windows(options)
    return nuke.Panel(f"XMem++: {title}")


def _check_windows(options: str) -> None:
    if not nuke.GUI:
        raise UsageError(
            "Nobody can be asked without windows.", hint=f"Say it: run(..., {options})."
        )
