# SPDX-License-Identifier: Apache-2.0
"""Commands: the engine, the shot, its plate, and where the mattes go."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import nuke

from . import dialogs, files, graph, host_frame, ranges
from .bridge import current, ours
from .install import Installation
from .progress import SendProgress
from .shared.errors import FrameUnreadable, UsageError
from .values import hidden_undo, path, put, put_list, text

__all__ = ["COMMANDS", "send_plate"]


def engine_start(node: nuke.Group) -> None:
    """Starts the engine; sessions that the script remembers are taken up."""
    current().start_engine(path(node, "engine_program"), ["--device", text(node, "device")])


def engine_stop(node: nuke.Group) -> None:
    """Leaves it, and ends it if it was started here."""
    current().stop_engine()


def engine_connect(node: nuke.Group) -> None:
    """Uses an engine that runs already."""
    file = path(node, "connection_file")
    if not file:
        raise UsageError("No connection file is given.", hint="The running engine names it.")
    current().connect(Path(file))


def engine_install(node: nuke.Group, wheel: Path | None = None) -> None:
    """Installs the engine for this user, from its wheel."""
    chosen = wheel or dialogs.ask_wheel()
    if chosen is not None:
        current().work.append(Installation(Path(chosen)).step)
        current().start_turns()


def clip_open(node: nuke.Group) -> None:
    """Opens the shot; its files get a name that nobody else uses."""
    if not text(node, "shot"):
        with hidden_undo():  # undone, the mattes would be lost from sight
            put(node, "shot", _free_name(node))
    found = files.newest(node)  # raises while there is no folder
    if not text(node, "session"):
        files.check_free(found)  # said before anything is painted for it
    current().open(node)


def clip_close(node: nuke.Group) -> None:
    """Leaves the session; the workspace and the mattes stay."""
    current().close(node)


def clip_forget(node: nuke.Group) -> None:
    """A session and a version of its own, as for a copy; the old ones stay on disk."""
    if text(node, "session") and not dialogs.wants_anew(text(node, "workspace")):
        return
    current().close(node)
    with hidden_undo():  # undone in part, the node would be half of one and half of another
        for name in ("session", "workspace", "sources", "opened_with", "message"):
            put(node, name, "")
        put(node, "token", secrets.token_hex(8))
        for name in ("object", "reference", "candidate"):
            put_list(node, name, [])
        for name in ("candidates", "confidence"):
            node[name].clearAnimated()
    _add_version(node)


def plate_send(node: nuke.Group) -> None:
    """Sends the frames of the range again, after a change upstream."""
    shot, host = current().shot(node), current().host(node)
    state = shot.state
    if state is None:
        raise UsageError("The shot is not open yet.", hint="Wait for it, or press Open Shot.")
    host.frames.missing = {*ranges.each(state.frames)}
    send_plate(node)


def send_plate(node: nuke.Group) -> None:
    """Renders and sends what the engine lacks of the range and of painted frames.

    Raises:
        Cancelled: the artist cancelled; what was sent stays.
    """
    shot, host = current().shot(node), current().host(node)
    if shot.state is None:
        raise UsageError("The shot is not open yet.", hint="Wait for it, or press Open Shot.")
    asked = {*ranges.each([ranges.wanted(node, shot.state.frames)])}
    wanted = asked | {*shot.state.references}
    for frame in sorted(asked - {*ranges.each(shot.state.frames)}):
        host.show_error(_not_there(frame))
    for error in host.frames.send(node, wanted, SendProgress):
        host.show_error(error)


def _not_there(frame: int) -> FrameUnreadable:
    """A frame of the range that the plate has no file for."""
    hint = "Render or copy it, then close the shot and open it again."
    return FrameUnreadable(f"The plate has no frame {frame}.", frame=frame, hint=hint)


def version_new(node: nuke.Group) -> None:
    """What follows goes into new files; those of earlier versions stay as they are."""
    shot = current().shot(node)
    _add_version(node)
    if shot.state is not None:
        current().host(node).mattes.rewrite(ranges.each(shot.state.done))


def layers_load(node: nuke.Group) -> None:
    """Writes the EXRs of all frames again."""
    shot = current().shot(node)
    done = [] if shot.state is None else [*ranges.each(shot.state.done)]
    if not done:
        raise UsageError("There are no mattes yet.", hint="Propagate first.")
    current().host(node).mattes.rewrite(done)


def _add_version(node: nuke.Group) -> None:
    versions = files.next_version(node)
    with hidden_undo():
        put_list(node, "version", versions)
        put(node, "version", versions[-1])
    graph.show_files(node)


def _free_name(node: nuke.Group) -> str:
    """That of the plate, with a number where another node has it, or files are there."""
    here = node.fullName()  # in another group there may be a node of the same name
    taken = {text(other, "shot") for other in ours() if other.fullName() != here}
    stem = name = host_frame.plate_name(node)
    number = 1
    while name in taken or files.is_taken(node, name):
        number += 1
        name = f"{stem}_{number}"
    return name


COMMANDS: dict[str, Callable[..., None]] = {
    call.__name__: call
    for call in (
        engine_start,
        engine_stop,
        engine_connect,
        engine_install,
        clip_open,
        clip_close,
        clip_forget,
        plate_send,
        version_new,
        layers_load,
    )
}
