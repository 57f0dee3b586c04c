# SPDX-License-Identifier: Apache-2.0
"""The parts of a message in one frame of ZeroMQ.

ZeroMQ knows messages of several frames, but libzmq 4.3 ends the whole process where a
connection breaks between two of them while its socket is being closed: no host may end because
an engine did. A single frame is on its way or is not.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from .errors import ProtocolError, TooLarge
from .image import Data
from .messages import Limits

__all__ = ["joined", "largest_frame", "parted"]

ALIGN = 16  # every part begins at a multiple of so many bytes, and can be looked at as numbers
_COUNT, _SIZE = struct.Struct(">I"), struct.Struct(">Q")


def joined(parts: Sequence[Data]) -> bytes:
    """Number and sizes of the parts, then the parts, each filled up with zeros."""
    views = [memoryview(part).cast("B") for part in parts]
    table = _COUNT.pack(len(views)) + b"".join(_SIZE.pack(view.nbytes) for view in views)
    pieces: list[Data] = []
    for piece in (memoryview(table), *views):
        pieces += [piece, bytes(-piece.nbytes % ALIGN)]
    return b"".join(pieces)


def parted(frames: Sequence[Data], limits: Limits) -> list[Data]:
    """The parts of a message as views, nothing copied.

    Args:
        frames: of ZeroMQ; a message has one.
        limits: how many parts there may be.

    Raises:
        TooLarge: more parts than that.
        ProtocolError: another number of frames, or sizes that are not those of the frame.
    """
    if len(frames) != 1:
        raise ProtocolError(f"A message of {len(frames)} frames is none.")
    frame = memoryview(frames[0]).cast("B")
    places = _places(_sizes(frame, limits))
    if places[-1].stop + -places[-1].stop % ALIGN != frame.nbytes:
        raise ProtocolError("The parts of a message are not those that its frame tells of.")
    return [frame[place] for place in places[1:]]


def largest_frame(limits: Limits) -> int:
    """Bytes of the largest message, for ``ZMQ_MAXMSGSIZE``."""
    parts = limits.buffers + 2
    return limits.total_bytes + limits.header_bytes + parts * (_SIZE.size + ALIGN) + 1024


def _sizes(frame: memoryview, limits: Limits) -> list[int]:
    """Of the table and of the parts behind it."""
    if frame.nbytes < _COUNT.size:
        raise ProtocolError("A message is too short.")
    (count,) = _COUNT.unpack_from(frame)
    if count > limits.buffers + 2:
        raise TooLarge(f"A message of {count} parts is too large.")
    table = _COUNT.size + count * _SIZE.size
    if table > frame.nbytes:
        raise ProtocolError("A message is too short.")
    return [table, *(size for (size,) in _SIZE.iter_unpack(frame[_COUNT.size : table]))]


def _places(sizes: Sequence[int]) -> list[slice]:
    places, start = [], 0
    for size in sizes:
        places.append(slice(start, start + size))
        start += size + -size % ALIGN
    return places
