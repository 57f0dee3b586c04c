# SPDX-License-Identifier: Apache-2.0
"""Edits: each is done by one function and told by another, so that one that comes again is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine_server.session.project import Project
from engine_server.session.workspace import Contents, Edit
from engine_server.session.workspace.words import in_words
from shared.codec import Envelope
from shared.errors import UnknownFrame
from shared.messages import (
    AddObject,
    AddReference,
    ColourObject,
    EditReply,
    LockFrames,
    Locks,
    Message,
    ObjectReply,
    Objects,
    ObjectState,
    PaintedMatte,
    Redo,
    ReferenceInfo,
    ReferenceReply,
    References,
    RemoveObject,
    RemoveReference,
    RenameObject,
    Reply,
    Undo,
    UnlockFrames,
    UpdateReference,
)

from .jobs import ranges_of
from .pictures import matte_of
from .sessions import object_info

__all__ = ["EDITS", "answer_edit", "list_locks", "list_objects", "reference_info"]

Painted = dict[int, Any]


def answer_edit(project: Project, envelope: Envelope) -> tuple[Reply, Edit | None]:
    """Does an edit, unless it was done already.

    Returns:
        the reply, and the edit if it was done now.
    """
    do, tell = EDITS[type(envelope.message)]
    known = project.edit_of(envelope.id)
    if known is None:
        before = project.contents if type(envelope.message) in (Undo, Redo) else None
        do(project, envelope.message, envelope.id)
        edit = project.edit_of(envelope.id)
        if edit is not None:
            return tell(project, envelope.message, edit, before), edit
        raise UnknownFrame("The edit changed nothing.")
    return tell(project, envelope.message, known, None), None


# Objects


def _add_object(project: Project, wanted: AddObject, request: str) -> None:
    project.add_object(wanted.name, obj=wanted.object, colour=wanted.colour, request=request)


def _rename_object(project: Project, wanted: RenameObject, request: str) -> None:
    project.rename_object(wanted.object, wanted.name, request=request)


def _colour_object(project: Project, wanted: ColourObject, request: str) -> None:
    project.colour_object(wanted.object, wanted.colour, request=request)


def _remove_object(project: Project, wanted: RemoveObject, request: str) -> None:
    project.remove_object(wanted.object, request=request)


def _tell_object(project: Project, _: Message, edit: Edit, __: Contents | None) -> Reply:
    return ObjectReply(object_info(project, edit.fields["obj"]), project.revision)


def list_objects(project: Project, *_: object) -> Objects:
    """All objects of a session."""
    infos = tuple(object_info(project, obj) for obj in sorted(project.contents.names))
    return Objects(infos, project.revision)


# References


def _add_reference(project: Project, wanted: AddReference, request: str) -> None:
    project.set_reference(wanted.frame, _painted(project, wanted, {}), request=request)


def _update_reference(project: Project, wanted: UpdateReference, request: str) -> None:
    before = dict(project.references.get(wanted.frame, {}))
    painted = _painted(project, wanted, before)
    if painted or wanted.frame not in project.references:
        project.set_reference(wanted.frame, painted, request=request)
    else:
        project.remove_reference(wanted.frame, request=request)


def _remove_reference(project: Project, wanted: RemoveReference, request: str) -> None:
    project.remove_reference(wanted.frame, request=request)


def _painted(project: Project, wanted: AddReference | UpdateReference, painted: Painted) -> Painted:
    """What is painted at a frame after a request."""
    for matte in wanted.mattes:
        if matte.state == "absent":
            painted.pop(matte.object, None)
        else:
            painted[matte.object] = _matte(project, wanted.frame, matte)
    return painted


def _matte(project: Project, frame: int, matte: PaintedMatte) -> Any:
    if matte.image is None:
        return np.zeros(project.plate.size, np.float32)
    name = project.objects.get(matte.object, f"object {matte.object}")
    return matte_of(matte.image, project.plate.size, f"the matte of {name} at frame {frame}")


def _tell_reference(project: Project, _: Message, edit: Edit, __: Contents | None) -> Reply:
    return ReferenceReply(reference_info(project, edit.fields["frame"]), project.revision)


def _tell_references(project: Project, *_: object) -> Reply:
    infos = tuple(reference_info(project, frame) for frame in sorted(project.references))
    return References(infos[:10_000], project.revision)


def reference_info(project: Project, frame: int) -> ReferenceInfo:
    """What is painted at a frame, without a picture."""
    told = project.references.get(frame, {})

    def state(obj: int) -> str:
        if obj not in told:
            return "absent"
        return "painted" if told[obj].any() else "empty"

    states = tuple(ObjectState(obj, state(obj)) for obj in sorted(project.contents.names))
    stored = project.contents.references.get(frame, {})
    painted = (int(matte.file.split("/")[1]) for matte in stored.values())
    return ReferenceInfo(frame, states, max(painted, default=0))


# Locks, undo, redo


def _lock(project: Project, wanted: LockFrames, request: str) -> None:
    project.lock_frames(wanted.ranges, request=request)


def _unlock(project: Project, wanted: UnlockFrames, request: str) -> None:
    project.unlock_frames(wanted.ranges, request=request)


def list_locks(project: Project, *_: object) -> Locks:
    """The locked frames of a session."""
    return Locks(ranges_of(project.contents.locked), project.revision)


def _undo(project: Project, wanted: Undo, request: str) -> None:
    project.undo(of=wanted.request or "", request=request)


def _redo(project: Project, wanted: Redo, request: str) -> None:
    project.redo(of=wanted.request or "", request=request)


def _tell_step(project: Project, _: Message, edit: Edit, before: Contents | None) -> Reply:
    history = project.history
    steps = {e.n: e for e in (*history.done, *history.undone)}
    changed = _changed(before, project.contents) if before is not None else ()
    words = in_words(steps[edit.fields["step"]]) if edit.fields["step"] in steps else ""
    return EditReply(
        words, project.revision, len(history.done), len(history.undone), ranges_of(changed)
    )


def _changed(before: Contents, after: Contents) -> set[int]:
    """Frames whose references, mattes or locks differ."""
    changed = before.locked ^ after.locked
    for was, now in ((before.references, after.references), (before.mattes, after.mattes)):
        changed |= {f for f in {*was, *now} if was.get(f) != now.get(f)}
    return changed


Do = Callable[[Project, Any, str], None]
TellEdit = Callable[[Project, Message, Edit, "Contents | None"], Reply]

EDITS: dict[type[Message], tuple[Do, TellEdit]] = {
    AddObject: (_add_object, _tell_object),
    RenameObject: (_rename_object, _tell_object),
    ColourObject: (_colour_object, _tell_object),
    RemoveObject: (_remove_object, list_objects),
    AddReference: (_add_reference, _tell_reference),
    UpdateReference: (_update_reference, _tell_reference),
    RemoveReference: (_remove_reference, _tell_references),
    LockFrames: (_lock, list_locks),
    UnlockFrames: (_unlock, list_locks),
    Undo: (_undo, _tell_step),
    Redo: (_redo, _tell_step),
}
"""For each edit: what does it, and what tells of it. Propagations are in `answers_work`."""
