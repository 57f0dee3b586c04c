# SPDX-License-Identifier: Apache-2.0
"""Messages about what the engine makes: mattes, candidates, exports; and the edit log."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..image import FORMATS, IMAGE, ITEM_SIZES, Image
from ..kinds import Choice, Flag, Int, Many, Real, Record, Text, wire
from .base import (
    ALPHA,
    COUNT,
    FLAG,
    FORM,
    FRAME,
    MAYBE_ID,
    MAYBE_RANGE,
    NAME,
    OBJECT,
    OBJECTS,
    PATH,
    RANGES,
    SENTENCE,
    SIDE,
    Reply,
    Request,
)
from .base import FRAME_KIND as _FRAME
from .clips import FrameImage
from .engine import JobStarted

__all__ = [
    "DIRECTIONS",
    "PRIORITIES",
    "Confidence",
    "EditReply",
    "Export",
    "FrameConfidence",
    "GetConfidence",
    "GetLayers",
    "GetMattes",
    "GetSuggestions",
    "Layers",
    "ListLocks",
    "LockFrames",
    "Locks",
    "MatteImage",
    "Mattes",
    "ObjectLayer",
    "Preview",
    "Propagate",
    "Redo",
    "Suggest",
    "Suggestions",
    "Undo",
    "UnlockFrames",
]

DIRECTIONS = ("forward", "backward", "both")
PRIORITIES = ("low", "normal", "high")


@dataclass(frozen=True)
class Propagate(Request[JobStarted], type="propagate", reply=JobStarted, edit=True):
    """Carries what is painted through the clip, as a job.

    Attributes:
        range: first and last frame; None for the whole clip.
        direction: ``both`` goes outward from each reference.
        objects: whose mattes are replaced; none named is all.
        flow: whether painted mattes carried by optical flow are weighed in.
        priority: among waiting jobs; previews come before all.
    """

    range: tuple[int, int] | None = field(default=None, metadata=MAYBE_RANGE)
    direction: str = field(default="both", metadata=wire(Choice(DIRECTIONS)))
    objects: tuple[int, ...] = field(default=(), metadata=OBJECTS)
    flow: bool = field(default=True, metadata=FLAG)
    priority: str = field(default="normal", metadata=wire(Choice(PRIORITIES)))


@dataclass(frozen=True)
class MatteImage:
    """The matte of one object at one frame.

    Attributes:
        frame, object: whose matte it is.
        image: one channel ``A``, linear coverage 0..1, space ``data``.
        painted: whether it is what the artist painted, bit for bit.
        locked: whether its frame is locked.
        confidence: how sure the network was, 0..1; 1 for painted ones.
    """

    frame: int = field(metadata=FRAME)
    object: int = field(metadata=OBJECT)
    image: Image = field(metadata=wire(IMAGE))
    painted: bool = field(metadata=FLAG)
    locked: bool = field(metadata=FLAG)
    confidence: float = field(metadata=ALPHA)


@dataclass(frozen=True)
class Mattes(Reply, type="mattes"):
    """Mattes, rising by frame, then by object; frames without any are left out."""

    mattes: tuple[MatteImage, ...] = field(metadata=wire(Many(Record(MatteImage), 256)))


@dataclass(frozen=True)
class Preview(Request[Mattes], type="preview", reply=Mattes):
    """Asks what a propagation would give at one frame; nothing is kept of it.

    Attributes:
        frame: its number.
        objects: none named is all.
        form: how the mattes are to be given; ``path`` is refused.
        dtype: of raw mattes.
        side: longest side in pixels, 0 for the plate's own.
        flow: as of `Propagate`: near to its matte, in as long as all frames between the
            references beside this one take; without it a quick one, less sharp near references.
    """

    frame: int = field(metadata=FRAME)
    objects: tuple[int, ...] = field(default=(), metadata=OBJECTS)
    form: str = field(default="raw", metadata=FORM)
    dtype: str = field(default="uint8", metadata=wire(Choice(tuple(ITEM_SIZES))))
    side: int = field(default=0, metadata=SIDE)
    flow: bool = field(default=False, metadata=FLAG)


@dataclass(frozen=True)
class GetMattes(Request[Mattes], type="mattes.get", reply=Mattes):
    """Asks for mattes; frames times objects must not be above 256.

    Attributes:
        frames: their numbers.
        objects: none named is all.
        form: how they are to be given; ``path`` names files in the workspace.
        dtype: of raw mattes.
        side: longest side in pixels, 0 for the plate's own; never enlarged.
    """

    frames: tuple[int, ...] = field(metadata=wire(Many(_FRAME, 256, 1)))
    objects: tuple[int, ...] = field(default=(), metadata=OBJECTS)
    form: str = field(default="raw", metadata=FORM)
    dtype: str = field(default="float32", metadata=wire(Choice(tuple(ITEM_SIZES))))
    side: int = field(default=0, metadata=SIDE)


@dataclass(frozen=True)
class ObjectLayer:
    """The layer that an object has in files of several objects, such as ``hero``."""

    object: int = field(metadata=OBJECT)
    layer: str = field(metadata=NAME)


@dataclass(frozen=True)
class Layers(Reply, type="layers"):
    """Files with all objects, rising by frame; frames without any matte are left out.

    Attributes:
        layers: of all objects of the session: channel ``LAYER.alpha`` of every file.
        frames: an EXR for each frame.
    """

    layers: tuple[ObjectLayer, ...] = field(metadata=wire(Many(Record(ObjectLayer), 255)))
    frames: tuple[FrameImage, ...] = field(metadata=wire(Many(Record(FrameImage), 256)))


@dataclass(frozen=True)
class GetLayers(Request[Layers], type="layers.get", reply=Layers):
    """Asks for one EXR for each frame, with an alpha for each object of the session.

    An object that has no matte at a frame is black there, so that all files have the
    same channels.

    Attributes:
        frames: their numbers.
        dtype: of the pixels, ``float16`` or ``float32``.
    """

    frames: tuple[int, ...] = field(metadata=wire(Many(_FRAME, 256, 1)))
    dtype: str = field(default="float16", metadata=wire(Choice(("float16", "float32"))))


@dataclass(frozen=True)
class FrameConfidence:
    """How sure the network was of one object at one frame, 0..1."""

    frame: int = field(metadata=FRAME)
    object: int = field(metadata=OBJECT)
    value: float = field(metadata=ALPHA)


@dataclass(frozen=True)
class Confidence(Reply, type="confidence"):
    """Confidence of the last propagation, rising by frame, then by object."""

    values: tuple[FrameConfidence, ...] = field(
        metadata=wire(Many(Record(FrameConfidence), 10_000))
    )


@dataclass(frozen=True)
class GetConfidence(Request[Confidence], type="confidence.get", reply=Confidence):
    """Asks how sure the last propagation was; at most 10,000 values are answered.

    Attributes:
        range: first and last frame; None for all.
        objects: none named is all.
    """

    range: tuple[int, int] | None = field(default=None, metadata=MAYBE_RANGE)
    objects: tuple[int, ...] = field(default=(), metadata=OBJECTS)


@dataclass(frozen=True)
class Suggest(Request[JobStarted], type="suggest", reply=JobStarted):
    """Looks for the frames to paint next, as a job.

    Attributes:
        count: how many are wanted at most.
        alpha: 0 compares whole frames, 1 only what the mattes cover.
        min_presence: frames whose mattes cover less of the picture, in percent, are passed over.
    """

    count: int = field(default=5, metadata=wire(Int(1, 1000)))
    alpha: float = field(default=0.5, metadata=ALPHA)
    min_presence: float = field(default=0.25, metadata=wire(Real(0, 100)))


@dataclass(frozen=True)
class Suggestions(Reply, type="suggestions"):
    """Candidates: frames to paint next.

    Attributes:
        frames: best first.
        revision: of the session when they were found.
        stale: whether the references changed since.
    """

    frames: tuple[int, ...] = field(metadata=wire(Many(_FRAME, 1000)))
    revision: int = field(metadata=COUNT)
    stale: bool = field(metadata=wire(Flag()))


@dataclass(frozen=True)
class GetSuggestions(Request[Suggestions], type="suggestions.get", reply=Suggestions):
    """Asks for the candidates that the last ``suggest`` found."""


@dataclass(frozen=True)
class Locks(Reply, type="locks"):
    """Ranges of locked frames, rising and apart, and the session's revision."""

    ranges: tuple[tuple[int, int], ...] = field(metadata=RANGES)
    revision: int = field(metadata=COUNT)


@dataclass(frozen=True)
class LockFrames(Request[Locks], type="locks.lock", reply=Locks, edit=True):
    """Locks frames: their mattes never change, byte for byte."""

    ranges: tuple[tuple[int, int], ...] = field(metadata=RANGES)


@dataclass(frozen=True)
class UnlockFrames(Request[Locks], type="locks.unlock", reply=Locks, edit=True):
    """Unlocks frames."""

    ranges: tuple[tuple[int, int], ...] = field(metadata=RANGES)


@dataclass(frozen=True)
class ListLocks(Request[Locks], type="locks.list", reply=Locks):
    """Asks for the locked frames."""


@dataclass(frozen=True)
class EditReply(Reply, type="edit"):
    """An edit was taken back, or done again.

    Attributes:
        edit: what it was, for people.
        revision: of the session now.
        undo, redo: how many edits can still be taken back or done again.
        frames: whose references, mattes or locks are other ones now.
    """

    edit: str = field(metadata=SENTENCE)
    revision: int = field(metadata=COUNT)
    undo: int = field(metadata=COUNT)
    redo: int = field(metadata=COUNT)
    frames: tuple[tuple[int, int], ...] = field(default=(), metadata=RANGES)


@dataclass(frozen=True)
class Undo(Request[EditReply], type="undo", reply=EditReply, edit=True):
    """Takes the last edit back: of references, objects, propagations and locks.

    Attributes:
        request: id of the request whose edit is meant; refused if another is the last.
    """

    request: str | None = field(default=None, metadata=MAYBE_ID)


@dataclass(frozen=True)
class Redo(Request[EditReply], type="redo", reply=EditReply, edit=True):
    """Does again what was taken back last.

    Attributes:
        request: as of `Undo`.
    """

    request: str | None = field(default=None, metadata=MAYBE_ID)


@dataclass(frozen=True)
class Export(Request[JobStarted], type="export", reply=JobStarted):
    """Writes mattes as files, as a job.

    Attributes:
        folder: absolute path; in the workspace, or where the user allowed the engine to write.
        pattern: of file names, with ``{clip}``, ``{object}`` and ``{frame}`` or ``{frame:04}``;
            without ``{object}`` all objects go into one file as named channels (EXR only).
        format: of the files.
        dtype: of the pixels.
        range: first and last frame; None for all that have mattes.
        objects: none named is all.
        overwrite: whether files that are there may be replaced.
    """

    folder: str = field(metadata=PATH)
    pattern: str = field(default="{object}/{clip}_{object}.{frame:04}", metadata=wire(Text(255, 1)))
    format: str = field(default="exr", metadata=wire(Choice(FORMATS)))
    dtype: str = field(default="float16", metadata=wire(Choice(tuple(ITEM_SIZES))))
    range: tuple[int, int] | None = field(default=None, metadata=MAYBE_RANGE)
    objects: tuple[int, ...] = field(default=(), metadata=OBJECTS)
    overwrite: bool = field(default=False, metadata=FLAG)
