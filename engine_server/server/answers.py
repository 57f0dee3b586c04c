# SPDX-License-Identifier: Apache-2.0
"""Which function answers which request of the work thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine_server.session.workspace.words import in_words
from shared.codec import Envelope
from shared.messages import (
    AttachSession,
    CloseSession,
    Export,
    GetConfidence,
    GetFrame,
    GetLayers,
    GetMattes,
    GetSession,
    GetSuggestions,
    ListLocks,
    ListObjects,
    ListReferences,
    Message,
    OpenClip,
    Preview,
    Propagate,
    PutFrames,
    Reply,
    Suggest,
)

from .answers_clips import (
    attach_session,
    close_session,
    get_frame,
    get_session,
    list_references,
    open_clip,
    put_frames,
)
from .answers_edits import EDITS, answer_edit, list_locks, list_objects
from .answers_mattes import get_confidence, get_layers, get_mattes, preview
from .answers_work import get_suggestions, propagate, start_export, suggest
from .work import Desk

__all__ = ["ANSWERS", "answer"]

Answer = Callable[[Desk, Envelope, Any], Reply]


def answer(desk: Desk, envelope: Envelope) -> tuple[Reply, str]:
    """Answers a request.

    Returns:
        the reply, and what was edited in words; empty where nothing was.

    Raises:
        XmemppError: what is to be told to the client instead.
    """
    kind = type(envelope.message)
    if kind not in EDITS:
        edited = "propagate" if kind is Propagate else ""
        return ANSWERS[kind](desk, envelope, envelope.message), edited
    project = desk.project(envelope)
    reply, edit = answer_edit(project, envelope)
    return reply, in_words(edit) if edit is not None else ""


def _edit(desk: Desk, envelope: Envelope, message: Message) -> Reply:
    return answer_edit(desk.project(envelope), envelope)[0]


def _list_objects(desk: Desk, envelope: Envelope, message: ListObjects) -> Reply:
    return list_objects(desk.project(envelope))


def _list_locks(desk: Desk, envelope: Envelope, message: ListLocks) -> Reply:
    return list_locks(desk.project(envelope))


ANSWERS: dict[type[Message], Answer] = {
    **dict.fromkeys(EDITS, _edit),
    OpenClip: open_clip,
    AttachSession: attach_session,
    GetSession: get_session,
    CloseSession: close_session,
    PutFrames: put_frames,
    GetFrame: get_frame,
    ListObjects: _list_objects,
    ListReferences: list_references,
    ListLocks: _list_locks,
    GetMattes: get_mattes,
    GetLayers: get_layers,
    GetConfidence: get_confidence,
    Preview: preview,
    Propagate: propagate,
    Suggest: suggest,
    GetSuggestions: get_suggestions,
    Export: start_export,
}
"""Requests that the control thread does not answer itself."""
