# SPDX-License-Identifier: Apache-2.0
"""Commands: objects, references, mattes, candidates, locks, and the engine's undo."""

from __future__ import annotations

from collections.abc import Callable

import nuke

from . import dialogs, host_frame, ranges, sources
from .bridge import current
from .commands_shot import send_plate
from .shared.commands import Shot
from .shared.errors import UnknownObject, UsageError
from .shared.messages import Propagate, Suggest
from .values import flag, hidden_undo, number, put, text, whole

__all__ = ["COMMANDS"]

_LONGEST = 100
_ONE = "the chosen one"  # of the objects


def object_add(node: nuke.Group, name: str = "", source: str = "matte:rgba.alpha") -> None:
    """Adds an object; its source is kept when the engine has confirmed it."""
    shot, host = current().shot(node), current().host(node)
    asked = (name, source) if name else dialogs.ask_object(node)
    if asked is None:
        return
    wanted, choice = _checked_name(asked[0]), asked[1]
    if shot.state is not None and wanted in [info.name for info in shot.state.objects]:
        raise UsageError(f"There is an object '{wanted}' already.", hint="Choose another name.")
    found = sources.source_of(node, choice)
    shot.add_object(wanted)
    host.coming[wanted] = found


def object_rename(node: nuke.Group, to: str = "", name: str = "") -> None:
    """Gives the chosen object another name, and so its layer."""
    shot, present = current().shot(node), name or text(node, "object")
    obj = _object(shot, present)
    wanted = to or dialogs.ask_name(present)
    if wanted is not None:
        shot.rename_object(obj, _checked_name(wanted))


def object_source(node: nuke.Group, source: str = "", name: str = "") -> None:
    """Says where the matte of the chosen object is painted."""
    obj = _object(current().shot(node), name or text(node, "object"))
    wanted = source or dialogs.ask_source(node)
    if wanted:
        sources.store(node, {**sources.read(node), obj: sources.source_of(node, wanted)})


def object_remove(node: nuke.Group, name: str = "") -> None:
    """Removes the chosen object with all that is painted of it."""
    shot = current().shot(node)
    shot.remove_object(_object(shot, name or text(node, "object")))


def reference_add(node: nuke.Group) -> None:
    """Sends all that is painted at the present frame."""
    _edit_here(node, Shot.add_reference)


def reference_update(node: nuke.Group) -> None:
    """Sends what is painted at the present frame; of other objects nothing."""
    _edit_here(node, Shot.update_reference)


def reference_remove(node: nuke.Group) -> None:
    """Takes back what was sent of the present frame."""
    _edit_here(node, Shot.remove_reference)


def not_visible(node: nuke.Group, name: str = "") -> None:
    """Says that the chosen object is not in the picture at the present frame."""
    obj = _object(current().shot(node), name or text(node, "object"))
    _edit_here(node, lambda shot: shot.mark_not_seen(obj))


def reference_previous(node: nuke.Group) -> None:
    """Goes to the painted frame before, and from the first to the last."""
    _step(node, -1)


def reference_next(node: nuke.Group) -> None:
    """Goes to the next painted frame, and from the last to the first."""
    _step(node, 1)


def propagate(node: nuke.Group) -> None:
    """Sends what is missing of the plate, then carries the mattes through the range."""
    shot = current().shot(node)
    if shot.job is not None:
        raise UsageError("A job is running already.", hint="Wait for it, or cancel it.")
    send_plate(node)
    _look_at_plate(node)
    frames = () if shot.state is None else shot.state.frames
    one = text(node, "replaced") == _ONE
    shot.propagate(
        Propagate(
            ranges.wanted(node, frames),
            text(node, "direction"),
            (_object(shot, text(node, "object")),) if one else (),
            flow=flag(node, "flow"),
            priority=text(node, "priority"),
        )
    )


def cancel(node: nuke.Group) -> None:
    """Ends the running job; frames that are finished stay."""
    current().shot(node).cancel()


def undo(node: nuke.Group) -> None:
    """Takes the last edit in the engine back; Nuke's own undo does not reach it."""
    current().shot(node).undo()


def redo(node: nuke.Group) -> None:
    """Does again what was taken back last."""
    current().shot(node).redo()


def suggest(node: nuke.Group) -> None:
    """Looks for the frames to paint next."""
    request = Suggest(whole(node, "count"), number(node, "alpha"), number(node, "min_presence"))
    current().shot(node).suggest(request)


def candidate_previous(node: nuke.Group) -> None:
    """Goes to the next better candidate."""
    current().shot(node).previous_candidate()
    _show_chosen(node)


def candidate_next(node: nuke.Group) -> None:
    """Goes to the best candidate, or from one to the next."""
    current().shot(node).next_candidate()
    _show_chosen(node)


def lock(node: nuke.Group) -> None:
    """Locks the frames that are written in the panel, or the present one."""
    current().shot(node).lock(*ranges.parsed(text(node, "lock_range")))


def unlock(node: nuke.Group) -> None:
    """Unlocks them."""
    current().shot(node).unlock(*ranges.parsed(text(node, "lock_range")))


def _edit_here(node: nuke.Group, edit: Callable[[Shot], None]) -> None:
    """An edit of the present frame, whose file is written anew afterwards."""
    shot = current().shot(node)
    edit(shot)
    shot.fetch([current().host(node).current_frame()])


def _look_at_plate(node: nuke.Group) -> None:
    """Tells of a plate that was changed: the engine has the one that the shot was opened with."""
    was, now = text(node, "opened_with"), host_frame.plate_source(node)
    if was not in ("", now):
        error = UsageError(
            f"The shot was opened with {was}, which is still used; the plate is now {now}.",
            hint="Connect the former plate, or press Start Anew and Open Shot for the new one.",
        )
        current().host(node).show_error(error)


def _step(node: nuke.Group, by: int) -> None:
    shot, host = current().shot(node), current().host(node)
    known = () if shot.state is None else shot.state.references
    if not known:
        raise UsageError("Nothing is painted yet.", hint="Add a reference first.")
    here = host.current_frame()
    beyond = [frame for frame in known if (frame - here) * by > 0]
    nearest = min(beyond, key=lambda frame: abs(frame - here), default=known[0 if by > 0 else -1])
    host.go_to(nearest)
    with hidden_undo():
        put(node, "reference", str(nearest))


def _show_chosen(node: nuke.Group) -> None:
    frame = str(current().host(node).current_frame())
    with hidden_undo():
        put(node, "candidate", frame)


def _checked_name(name: str) -> str:
    """A name for an object, in one line."""
    plain = " ".join(name.split())
    if not plain.isprintable() or not 0 < len(plain) <= _LONGEST:
        raise UsageError(
            f"'{plain[:_LONGEST]}' can't be the name of an object.",
            hint=f"Write 1 to {_LONGEST} letters; its layer is named after it.",
        )
    return plain


def _object(shot: Shot, name: str) -> int:
    known = () if shot.state is None else shot.state.objects
    found = [info.object for info in known if info.name == name]
    if not found:
        raise UnknownObject(f"There is no object '{name}'.", hint="Add one first.")
    return found[0]


COMMANDS: dict[str, Callable[..., None]] = {
    call.__name__: call
    for call in (
        object_add,
        object_rename,
        object_source,
        object_remove,
        reference_add,
        reference_update,
        reference_remove,
        not_visible,
        reference_previous,
        reference_next,
        propagate,
        cancel,
        undo,
        redo,
        suggest,
        candidate_previous,
        candidate_next,
        lock,
        unlock,
    )
}
