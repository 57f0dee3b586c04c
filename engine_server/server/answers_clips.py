# SPDX-License-Identifier: Apache-2.0
"""Answers about clips, their frames and the pictures of references."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from engine_server.media import Palette, draw_overlay
from engine_server.media.write import encode_jpeg
from engine_server.session.project import Project
from engine_server.session.workspace.plates import SentPlate
from shared.codec import Envelope
from shared.errors import FrameUnreadable, UsageError
from shared.image import EncodedImage, PathImage
from shared.messages import (
    AttachSession,
    CloseSession,
    Done,
    FrameReply,
    FramesTaken,
    GetFrame,
    GetSession,
    ListReferences,
    OpenClip,
    PutFrames,
    References,
    SessionState,
)

from .answers_edits import reference_info
from .answers_work import resume
from .jobs import ranges_of
from .pictures import file_of_frame, picture_message, shrunk
from .sessions import state_of
from .work import Desk

__all__ = [
    "attach_session",
    "close_session",
    "get_frame",
    "get_session",
    "list_references",
    "open_clip",
    "put_frames",
]

MOST_PICTURES = 256


def open_clip(desk: Desk, envelope: Envelope, message: OpenClip) -> SessionState:
    """Opens a clip, or finds it open; what was interrupted goes on."""
    project = desk.sessions.open_clip(message)
    resume(desk, project)
    return state_of(project, desk.infos(project))


def attach_session(desk: Desk, envelope: Envelope, message: AttachSession) -> SessionState:
    """Takes a session up again; what was interrupted goes on."""
    project = desk.sessions.attach(envelope.session, message.workspace)
    resume(desk, project)
    return state_of(project, desk.infos(project))


def get_session(desk: Desk, envelope: Envelope, message: GetSession) -> SessionState:
    """A session as it is."""
    project = desk.project(envelope)
    return state_of(project, desk.infos(project))


def close_session(desk: Desk, envelope: Envelope, message: CloseSession) -> Done:
    """The client needs the session no more; the worker closes it when nobody does."""
    desk.project(envelope)
    return Done()


def put_frames(desk: Desk, envelope: Envelope, message: PutFrames) -> FramesTaken:
    """Keeps frames of a clip that is sent; they are on disk before the answer."""
    project = desk.project(envelope)
    plate = project.plate
    if not isinstance(plate, SentPlate):
        raise UsageError(f"'{project.header.name}' is read from its path: no frame can be sent.")
    for sent in message.frames:
        plate.path(sent.frame)  # raises for a frame that the clip has not
    changed = False
    try:
        for sent in message.frames:
            changed |= plate.take(sent.frame, *file_of_frame(sent.image, plate.size, sent.frame))
    finally:
        if changed:  # also where a later one is refused, or does not fit on the disk
            project.forget_pictures()
    return FramesTaken(tuple(sent.frame for sent in message.frames), ranges_of(plate.absent))


def get_frame(desk: Desk, envelope: Envelope, message: GetFrame) -> FrameReply:
    """A frame of the plate, as the network sees it or as it is stored."""
    plate = desk.project(envelope).plate
    if message.form == "path":
        return FrameReply(message.frame, PathImage(str(plate.path(message.frame))))
    pixels = plate.view(message.frame) if message.view else plate.read(message.frame)
    small = shrunk(pixels, message.side)
    space = "srgb" if small.dtype == np.uint8 else "linear"
    picture = picture_message(small, message.form, channels=("R", "G", "B"), space=space)
    return FrameReply(message.frame, picture)


def list_references(desk: Desk, envelope: Envelope, message: ListReferences) -> References:
    """All references, with small pictures if they are wanted."""
    project = desk.project(envelope)
    infos = [reference_info(project, frame) for frame in sorted(project.references)[:10_000]]
    if message.thumbnail:
        infos[:MOST_PICTURES] = [
            replace(info, thumbnail=_thumbnail(project, info.frame, message.thumbnail))
            for info in infos[:MOST_PICTURES]
        ]
    return References(tuple(infos), project.revision)


def _thumbnail(project: Project, frame: int, side: int) -> EncodedImage | None:
    """The plate with the painted mattes in their colours; none where it can't be read."""
    try:
        view = shrunk(project.plate.view(frame), side)
    except FrameUnreadable:
        return None
    labels = np.zeros(view.shape[:2], np.uint8)
    size = (view.shape[1], view.shape[0])
    for obj, matte in project.references[frame].items():
        labels[cv2.resize(matte, size, interpolation=cv2.INTER_AREA) > 0.5] = obj
    drawn = draw_overlay(np.ascontiguousarray(view), labels, Palette(project.contents.colours))
    return EncodedImage("jpeg", encode_jpeg(drawn))
