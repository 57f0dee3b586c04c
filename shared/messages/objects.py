# SPDX-License-Identifier: Apache-2.0
"""Messages about the objects of a session."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..kinds import Int, Many, Maybe, Record, Row, wire
from .base import COUNT, NAME, OBJECT, OBJECT_KIND, Reply, Request

__all__ = [
    "AddObject",
    "ColourObject",
    "ListObjects",
    "ObjectInfo",
    "ObjectReply",
    "Objects",
    "RemoveObject",
    "RenameObject",
]

COLOUR_KIND = Row((Int(0, 255), Int(0, 255), Int(0, 255)))


@dataclass(frozen=True)
class ObjectInfo:
    """An object of a session.

    Attributes:
        object: its id, 1..255; stays with it for good.
        name: unique in the session.
        colour: red, green and blue as shown on a screen, 0..255.
    """

    object: int = field(metadata=OBJECT)
    name: str = field(metadata=NAME)
    colour: tuple[int, int, int] = field(metadata=wire(COLOUR_KIND))


@dataclass(frozen=True)
class ObjectReply(Reply, type="object.info"):
    """An object as it is now, and the session's revision."""

    object: ObjectInfo = field(metadata=wire(Record(ObjectInfo)))
    revision: int = field(metadata=COUNT)


@dataclass(frozen=True)
class Objects(Reply, type="object.list.reply"):
    """All objects, rising by id, and the session's revision."""

    objects: tuple[ObjectInfo, ...] = field(metadata=wire(Many(Record(ObjectInfo), 255)))
    revision: int = field(metadata=COUNT)


@dataclass(frozen=True)
class AddObject(Request[ObjectReply], type="object.add", reply=ObjectReply, edit=True):
    """Adds an object.

    Attributes:
        name: unique in the session.
        colour: None for the next of a palette.
        object: its id; None for the lowest free one.
    """

    name: str = field(metadata=NAME)
    colour: tuple[int, int, int] | None = field(default=None, metadata=wire(Maybe(COLOUR_KIND)))
    object: int | None = field(default=None, metadata=wire(Maybe(OBJECT_KIND)))


@dataclass(frozen=True)
class RenameObject(Request[ObjectReply], type="object.rename", reply=ObjectReply, edit=True):
    """Gives an object another name."""

    object: int = field(metadata=OBJECT)
    name: str = field(metadata=NAME)


@dataclass(frozen=True)
class ColourObject(Request[ObjectReply], type="object.colour", reply=ObjectReply, edit=True):
    """Gives an object another colour."""

    object: int = field(metadata=OBJECT)
    colour: tuple[int, int, int] = field(metadata=wire(COLOUR_KIND))


@dataclass(frozen=True)
class RemoveObject(Request[Objects], type="object.remove", reply=Objects, edit=True):
    """Removes an object with all that is painted of it and its mattes."""

    object: int = field(metadata=OBJECT)


@dataclass(frozen=True)
class ListObjects(Request[Objects], type="object.list", reply=Objects):
    """Asks for all objects."""
