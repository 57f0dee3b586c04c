# SPDX-License-Identifier: Apache-2.0
"""Answers about mattes: what there is, how sure the network was, a preview of one frame."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from engine_server.session.project import Project
from engine_server.session.references import Matte
from shared.codec import Envelope
from shared.errors import UsageError
from shared.image import ITEM_SIZES, EncodedImage, Image, PathImage
from shared.layers import layer_names
from shared.messages import (
    Confidence,
    FrameConfidence,
    FrameImage,
    GetConfidence,
    GetLayers,
    GetMattes,
    Layers,
    Limits,
    MatteImage,
    Mattes,
    ObjectLayer,
    Preview,
)

from .export import layers_of
from .pictures import picture_message, shrunk, shrunk_size
from .work import Desk

__all__ = ["get_confidence", "get_layers", "get_mattes", "preview"]

MOST_MATTES = 256
MOST_VALUES = 10_000


def get_mattes(desk: Desk, envelope: Envelope, message: GetMattes) -> Mattes:
    """Mattes of frames, painted ones as they were painted."""
    project = desk.project(envelope)
    wanted = [
        (frame, obj)
        for frame in sorted(set(message.frames))
        for obj in _objects(project, message.objects)
        if obj in project.references.get(frame, {}) or obj in _stored(project, frame)
    ]
    if len(wanted) > MOST_MATTES:
        raise UsageError(f"{len(wanted)} mattes are more than the {MOST_MATTES} of one answer.")
    _check_bytes(project, len(wanted), message)
    return Mattes(tuple(_matte(project, frame, obj, message) for frame, obj in wanted))


def get_layers(desk: Desk, envelope: Envelope, message: GetLayers) -> Layers:
    """One EXR for each frame with all objects, painted mattes as they were painted."""
    project = desk.project(envelope)
    frames = [f for f in sorted(set(message.frames)) if _told(project, f)]
    pixels = project.plate.size[0] * project.plate.size[1]
    needed = len(frames) * len(project.contents.names) * pixels * ITEM_SIZES[message.dtype]
    _check_total(needed, f"The layers of {len(frames)} frames")
    return Layers(
        tuple(ObjectLayer(*pair) for pair in layer_names(project.contents.names).items()),
        tuple(
            FrameImage(frame, EncodedImage("exr", layers_of(project, frame, message.dtype), "data"))
            for frame in frames
        ),
    )


def _told(project: Project, frame: int) -> bool:
    """Whether there is a matte of any object."""
    return bool(project.references.get(frame) or _stored(project, frame))


def preview(desk: Desk, envelope: Envelope, message: Preview) -> Mattes:
    """What a propagation would give at one frame, from the references alone."""
    if message.form == "path":
        raise UsageError("A preview is kept nowhere: it has no path.", hint="Ask for it raw.")
    project = desk.project(envelope)
    result = project.preview(message.frame, flow=message.flow)
    shown = [obj for obj in _objects(project, message.objects) if obj in result.mattes]
    return Mattes(
        tuple(
            MatteImage(
                message.frame,
                obj,
                _image(result.mattes[obj], message),
                obj in result.painted,
                message.frame in project.contents.locked,
                result.confidence[obj],
            )
            for obj in shown
        )
    )


def get_confidence(desk: Desk, envelope: Envelope, message: GetConfidence) -> Confidence:
    """How sure the network was."""
    project = desk.project(envelope)
    first, last = message.range or (project.plate.frames[0], project.plate.frames[-1])
    objects = _objects(project, message.objects)
    values = [
        FrameConfidence(frame, obj, stored[obj].confidence)
        for frame, stored in sorted(project.contents.mattes.items())
        for obj in objects
        if first <= frame <= last and obj in stored
    ]
    return Confidence(tuple(values[:MOST_VALUES]))


def _check_bytes(project: Project, count: int, message: GetMattes) -> None:
    """An answer that could not be sent must not fill memory first."""
    height, width = shrunk_size(project.plate.size, message.side)
    if message.form == "raw":
        needed = count * height * width * ITEM_SIZES[message.dtype]
        _check_total(needed, f"{count} mattes of {width} x {height} pixels")


def _check_total(needed: int, what: str) -> None:
    if needed > Limits().total_bytes:
        raise UsageError(
            f"{what} don't fit into one answer.",
            hint="Ask for fewer frames at a time, or for smaller ones.",
        )


def _objects(project: Project, wanted: Iterable[int]) -> list[int]:
    """Objects that are asked for, rising; all of them where none is named."""
    return sorted(set(wanted) or project.contents.names)


def _stored(project: Project, frame: int) -> Iterable[int]:
    return project.contents.mattes.get(frame, {})


def _matte(project: Project, frame: int, obj: int, message: GetMattes) -> MatteImage:
    contents = project.contents
    painted = obj in project.references.get(frame, {})
    source = contents.references if painted else contents.mattes
    stored = source[frame][obj]
    image: Image = PathImage(str(project.folder.path / stored.file), "data")
    if message.form != "path":
        image = _image(project.matte(frame, obj), message)
    return MatteImage(frame, obj, image, painted, frame in contents.locked, stored.confidence)


def _image(matte: Matte, message: GetMattes | Preview) -> Image:
    """A matte in the form that is wanted; whole numbers are rounded to."""
    small = shrunk(matte, message.side)
    pixels = small.astype(message.dtype, copy=False)
    if pixels.dtype.kind != "f":
        pixels = np.rint(small * np.float32(np.iinfo(message.dtype).max)).astype(message.dtype)
    return picture_message(pixels, message.form, channels=("A",), space="data")
