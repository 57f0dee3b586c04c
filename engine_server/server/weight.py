# SPDX-License-Identifier: Apache-2.0
"""How much work and memory a message is."""

from __future__ import annotations

from collections.abc import Iterator

from shared.image import Data
from shared.messages import Message

__all__ = ["HEAVY", "is_heavy", "is_light", "weight"]

HEAVY = 4 << 20  # bytes of pixels above which a message is checked or sealed beside
_LONG_HEADER = 1 << 14  # bytes of JSON above which it is, a millisecond's worth
_MANY = 300  # entries of lists, likewise
_BEFORE_BODY = 1024  # bytes of a header in which its buffers are told of, if they are few


def is_light(parts: list[Data], *, shared: bool) -> bool:
    """Whether a message that came can be checked on the control thread.

    Args:
        parts: of the message.
        shared: whether buffers of it may be in shared memory.
    """
    if sum(memoryview(part).nbytes for part in parts) > HEAVY:
        return False
    if len(parts) > 1 and memoryview(parts[1]).nbytes > _LONG_HEADER:
        return False
    return not shared or b'"buffers":[]' in bytes(parts[1][:_BEFORE_BODY])


def is_heavy(message: Message) -> bool:
    """Whether a message is to be sealed elsewhere than on the control thread."""
    return weight(message) > HEAVY or _entries(message) > _MANY


def weight(message: Message) -> int:
    """Bytes of pixels in a message, wherever they are in it."""
    images = (getattr(part, name, None) for part in _parts(message) for name in _IMAGES)
    return sum(memoryview(getattr(image, "data", b"")).nbytes for image in images)


_IMAGES = ("image", "thumbnail")


def _parts(message: Message) -> Iterator[object]:
    """The message itself, and the entries of its lists."""
    yield message
    for value in vars(message).values():
        yield from value if isinstance(value, tuple) else ()


def _entries(message: Message) -> int:
    return sum(1 + len(getattr(part, "objects", ())) for part in _parts(message))
