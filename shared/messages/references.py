# SPDX-License-Identifier: Apache-2.0
"""Messages about what the artist painted."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import ProtocolError
from ..image import IMAGE, EncodedImage, Image
from ..kinds import Choice, Int, Many, Maybe, Record, wire
from .base import COUNT, FRAME, OBJECT, Reply, Request

__all__ = [
    "STATES",
    "AddReference",
    "ListReferences",
    "ObjectState",
    "PaintedMatte",
    "ReferenceInfo",
    "ReferenceReply",
    "References",
    "RemoveReference",
    "UpdateReference",
]

STATES = ("painted", "empty", "absent")
"""What a reference says of an object.

``painted``: here it is. ``empty``: it is not seen here, which is knowledge as well.
``absent``: nothing is told of it; the network finds it by itself.
"""


@dataclass(frozen=True)
class PaintedMatte:
    """What is painted of one object.

    Attributes:
        object: its id.
        state: one of `STATES`.
        image: the matte at the plate's size, for ``painted`` and only then; a raw one has
            a single channel ``A`` in the space ``data``.

    Raises:
        ProtocolError: state and image don't belong together.
    """

    object: int = field(metadata=OBJECT)
    state: str = field(default="painted", metadata=wire(Choice(STATES)))
    image: Image | None = field(default=None, metadata=wire(Maybe(IMAGE)))

    def __post_init__(self) -> None:
        if (self.image is not None) != (self.state == "painted"):
            raise ProtocolError(f"A matte that is {self.state} has an image, or has none.")


@dataclass(frozen=True)
class ObjectState:
    """What a reference says of one object."""

    object: int = field(metadata=OBJECT)
    state: str = field(metadata=wire(Choice(STATES)))


@dataclass(frozen=True)
class ReferenceInfo:
    """A painted frame.

    Attributes:
        frame: its number.
        objects: what it says of every object of the session.
        revision: number of the edit that painted it last.
        thumbnail: plate with the mattes in their colours, if one was asked for.
    """

    frame: int = field(metadata=FRAME)
    objects: tuple[ObjectState, ...] = field(metadata=wire(Many(Record(ObjectState), 255)))
    revision: int = field(metadata=COUNT)
    thumbnail: EncodedImage | None = field(default=None, metadata=wire(Maybe(Record(EncodedImage))))


@dataclass(frozen=True)
class ReferenceReply(Reply, type="reference.info"):
    """A reference as it is on disk now, and the session's revision."""

    reference: ReferenceInfo = field(metadata=wire(Record(ReferenceInfo)))
    revision: int = field(metadata=COUNT)


@dataclass(frozen=True)
class References(Reply, type="reference.list.reply"):
    """All references, rising by frame, and the session's revision."""

    references: tuple[ReferenceInfo, ...] = field(
        metadata=wire(Many(Record(ReferenceInfo), 10_000))
    )
    revision: int = field(metadata=COUNT)


@dataclass(frozen=True)
class AddReference(Request[ReferenceReply], type="reference.add", reply=ReferenceReply, edit=True):
    """Gives all that is painted at a frame, in place of anything painted there before.

    Attributes:
        frame: its number.
        mattes: objects that are left out are not told.
    """

    frame: int = field(metadata=FRAME)
    mattes: tuple[PaintedMatte, ...] = field(metadata=wire(Many(Record(PaintedMatte), 255, 1)))


@dataclass(frozen=True)
class UpdateReference(
    Request[ReferenceReply], type="reference.update", reply=ReferenceReply, edit=True
):
    """Changes what a reference says of some objects.

    Attributes:
        frame: its number.
        mattes: objects that are left out stay as they are; ``absent`` takes one back.
    """

    frame: int = field(metadata=FRAME)
    mattes: tuple[PaintedMatte, ...] = field(metadata=wire(Many(Record(PaintedMatte), 255, 1)))


@dataclass(frozen=True)
class RemoveReference(Request[References], type="reference.remove", reply=References, edit=True):
    """Takes the painting of a frame back; the answer has no thumbnails."""

    frame: int = field(metadata=FRAME)


@dataclass(frozen=True)
class ListReferences(Request[References], type="reference.list", reply=References):
    """Asks for all references.

    Attributes:
        thumbnail: longest side of the pictures in pixels, 0 for none; above 256 of them
            only the first 256 references have one.
    """

    thumbnail: int = field(default=0, metadata=wire(Int(0, 512)))
