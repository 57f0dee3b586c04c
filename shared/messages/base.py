# SPDX-License-Identifier: Apache-2.0
"""What every message is: a request, the reply to one, or an event; and the list of all."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

from ..kinds import Choice, Flag, Hex, Int, Many, Maybe, Range, Real, Text, wire

__all__ = [
    "ALPHA",
    "COUNT",
    "FLAG",
    "FORM",
    "FRAME",
    "FRAMES",
    "FRAME_KIND",
    "JOB",
    "MAYBE_RANGE",
    "MESSAGES",
    "NAME",
    "OBJECT",
    "OBJECTS",
    "OBJECT_KIND",
    "PATH",
    "RANGES",
    "SECONDS",
    "SENTENCE",
    "SIDE",
    "Event",
    "Message",
    "Reply",
    "Request",
]

FRAME_KIND = Int(-10_000_000, 10_000_000)
OBJECT_KIND = Int(1, 255)

FRAME = wire(FRAME_KIND)
FRAMES = wire(Many(FRAME_KIND, 100_000))
RANGES = wire(Many(Range(FRAME_KIND), 10_000))
MAYBE_ID = wire(Maybe(Hex(16)))
MAYBE_RANGE = wire(Maybe(Range(FRAME_KIND)))
OBJECT = wire(OBJECT_KIND)
OBJECTS = wire(Many(OBJECT_KIND, 255))
JOB = wire(Hex(8))
NAME = wire(Text(255, 1))
PATH = wire(Text(4096, 1))
SENTENCE = wire(Text(10_000, lines=True))
FLAG = wire(Flag())
COUNT = wire(Int(0, 2**53))
SECONDS = wire(Real(0, 1e12))
ALPHA = wire(Real(0, 1))
SIDE = wire(Int(0, 65_536))
FORM = wire(Choice(("raw", "png", "exr", "path")))

MESSAGES: dict[str, type[Message]] = {}
"""Every message class by its type on the wire."""


class Message:
    """Base of all messages.

    Attributes:
        type: name on the wire.
        session_scope: whether it speaks of one session, named in its envelope.
    """

    type: ClassVar[str]
    session_scope: ClassVar[bool] = False

    def __init_subclass__(cls, type: str = "", **options: Any) -> None:  # noqa: A002
        super().__init_subclass__(**options)
        if type:
            cls.type = type
            MESSAGES[type] = cls


class Reply(Message):
    """The answer to a request; its envelope names the request as its parent."""


class Event(Message):
    """What the engine tells without being asked."""


R = TypeVar("R", bound=Reply)


class Request(Message, Generic[R]):
    """What a client asks; ``R`` is the class of the answer, unless that is an error.

    Attributes:
        reply: class of the answer.
        control: answered off the work thread, even while a frame is being computed.
        edit: changes what the artist made; it is on disk, with its id, before the answer
            goes out, so that it is done once however often it is sent.
        resend: may be sent again, with the same id, to an engine that was started anew.
    """

    reply: ClassVar[type[Reply]]
    control: ClassVar[bool] = False
    edit: ClassVar[bool] = False
    resend: ClassVar[bool] = True

    def __init_subclass__(
        cls,
        type: str = "",  # noqa: A002
        *,
        reply: type[Reply] | None = None,
        session: bool = True,
        control: bool = False,
        edit: bool = False,
        resend: bool = True,
        **options: Any,
    ) -> None:
        super().__init_subclass__(type=type, **options)
        if reply is not None:
            cls.reply = reply
        cls.session_scope, cls.control, cls.edit, cls.resend = session, control, edit, resend
