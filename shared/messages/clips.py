# SPDX-License-Identifier: Apache-2.0
"""Messages about a clip and its session."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..image import IMAGE, Image
from ..kinds import Choice, Int, Many, Maybe, OneOf, Real, Record, Text, wire
from .base import (
    COUNT,
    FLAG,
    FORM,
    FRAME,
    FRAMES,
    MAYBE_RANGE,
    NAME,
    PATH,
    RANGES,
    SIDE,
    Reply,
    Request,
)
from .engine import ID, Done, JobInfo
from .objects import ObjectInfo

__all__ = [
    "AttachSession",
    "CloseSession",
    "FrameImage",
    "FrameReply",
    "FramesTaken",
    "GetFrame",
    "GetSession",
    "OpenClip",
    "PathClip",
    "PutFrames",
    "SentClip",
    "SessionState",
]

PLATE_SPACE = wire(Choice(("auto", "linear", "srgb", "log", "acescg", "aces2065")))
MAYBE_NAME = wire(Maybe(Text(255, 1)))
PIXELS = wire(Int(1, 65_536))


@dataclass(frozen=True)
class PathClip:
    """A clip that the engine reads itself.

    Attributes:
        path: absolute path of a folder, a pattern (``plate.%04d.exr``) or a movie.
        range: first and last frame to be used; None for all that are there.
        offset: added to the numbers of the files, to get the host's own frame numbers.
    """

    path: str = field(metadata=PATH)
    range: tuple[int, int] | None = field(default=None, metadata=MAYBE_RANGE)
    offset: int = field(default=0, metadata=FRAME)


@dataclass(frozen=True)
class SentClip:
    """A clip whose frames the client sends by ``frames.put``, encoded or raw.

    Attributes:
        frames: ranges of frame numbers that it has.
        width, height: in pixels.
    """

    frames: tuple[tuple[int, int], ...] = field(metadata=RANGES)
    width: int = field(metadata=PIXELS)
    height: int = field(metadata=PIXELS)


@dataclass(frozen=True)
class SessionState(Reply, type="session.state"):
    """A session as it is now.

    Attributes:
        session: its id; goes into the envelope of all further messages about it.
        workspace: folder on the engine's machine; opens the session again at any time.
        name: of the clip.
        frames: ranges of frame numbers that the clip has, rising.
        missing: frames of a sent clip that did not come yet.
        width, height: of the plate in pixels.
        model: network in use.
        objects: rising by id.
        references: painted frames, rising.
        done: ranges of frames that have mattes.
        locked: ranges of locked frames.
        revision: number of the last edit; rises with every edit, undo and redo.
        undo, redo: what these would take back or do again; None for nothing.
        jobs: running and waiting.
    """

    session: str = field(metadata=ID)
    workspace: str = field(metadata=PATH)
    name: str = field(metadata=NAME)
    frames: tuple[tuple[int, int], ...] = field(metadata=RANGES)
    width: int = field(metadata=PIXELS)
    height: int = field(metadata=PIXELS)
    model: str = field(metadata=NAME)
    revision: int = field(metadata=COUNT)
    missing: tuple[tuple[int, int], ...] = field(default=(), metadata=RANGES)
    objects: tuple[ObjectInfo, ...] = field(
        default=(), metadata=wire(Many(Record(ObjectInfo), 255))
    )
    references: tuple[int, ...] = field(default=(), metadata=FRAMES)
    done: tuple[tuple[int, int], ...] = field(default=(), metadata=RANGES)
    locked: tuple[tuple[int, int], ...] = field(default=(), metadata=RANGES)
    undo: str | None = field(default=None, metadata=MAYBE_NAME)
    redo: str | None = field(default=None, metadata=MAYBE_NAME)
    jobs: tuple[JobInfo, ...] = field(default=(), metadata=wire(Many(Record(JobInfo), 10_000)))


@dataclass(frozen=True)
class OpenClip(Request[SessionState], type="clip.open", reply=SessionState, session=False):
    """Opens a clip; one that has a workspace already continues where it was left.

    Attributes:
        clip: where its frames are.
        name: for people; by default that of the path.
        workspace: folder, relative to the engine's own; None for one named after the clip.
        space: colour space of the plate, or ``auto`` for what the files report.
        exposure: stops added before the network sees the plate.
        model: ``lite``, ``xmem`` or a path; None for the best there is.
        size: short side in pixels that the network sees; None for what the workspace has, 480
            in a new one.
    """

    clip: PathClip | SentClip = field(metadata=wire(OneOf({"path": PathClip, "sent": SentClip})))
    name: str | None = field(default=None, metadata=MAYBE_NAME)
    workspace: str | None = field(default=None, metadata=wire(Maybe(Text(4096, 1))))
    space: str = field(default="auto", metadata=PLATE_SPACE)
    exposure: float = field(default=0.0, metadata=wire(Real(-20, 20)))
    model: str | None = field(default=None, metadata=wire(Maybe(Text(4096, 1))))
    size: int | None = field(default=None, metadata=wire(Maybe(Int(16, 8192))))


@dataclass(frozen=True)
class AttachSession(Request[SessionState], type="session.attach", reply=SessionState):
    """Takes a session up again: after a reconnection, or when a project is loaded.

    The engine opens the workspace if it is not open yet, and sends the events of the
    session to this client from now on.

    Attributes:
        workspace: the folder that ``session.state`` named.
    """

    workspace: str = field(metadata=PATH)


@dataclass(frozen=True)
class GetSession(Request[SessionState], type="session.get", reply=SessionState):
    """Asks for the session as it is now."""


@dataclass(frozen=True)
class CloseSession(Request[Done], type="session.close", reply=Done):
    """This client needs the session no more; its workspace stays on disk."""


@dataclass(frozen=True)
class FrameImage:
    """The picture of one frame."""

    frame: int = field(metadata=FRAME)
    image: Image = field(metadata=wire(IMAGE))


@dataclass(frozen=True)
class FramesTaken(Reply, type="frames.taken"):
    """Frames that are on the engine's disk now.

    Attributes:
        frames: those of the request.
        missing: ranges of frames that the clip still lacks.
    """

    frames: tuple[int, ...] = field(metadata=FRAMES)
    missing: tuple[tuple[int, int], ...] = field(default=(), metadata=RANGES)


@dataclass(frozen=True)
class PutFrames(Request[FramesTaken], type="frames.put", reply=FramesTaken):
    """Sends frames of a sent clip, in place of what was sent for them before."""

    frames: tuple[FrameImage, ...] = field(metadata=wire(Many(Record(FrameImage), 256, 1)))


@dataclass(frozen=True)
class FrameReply(Reply, type="frame"):
    """The picture of a frame."""

    frame: int = field(metadata=FRAME)
    image: Image = field(metadata=wire(IMAGE))


@dataclass(frozen=True)
class GetFrame(Request[FrameReply], type="frame.get", reply=FrameReply):
    """Asks for a frame of the plate.

    Attributes:
        frame: its number.
        form: how the picture is to be given.
        view: as the network sees it, sRGB of 8 bits; otherwise as it is stored.
        side: longest side in pixels, 0 for the plate's own; never enlarged.
    """

    frame: int = field(metadata=FRAME)
    form: str = field(default="raw", metadata=FORM)
    view: bool = field(default=True, metadata=FLAG)
    side: int = field(default=0, metadata=SIDE)
