# SPDX-License-Identifier: Apache-2.0
"""How much shared memory the raw buffers of a reply may take."""

from __future__ import annotations

from .image import ITEM_SIZES
from .messages import GetFrame, GetMattes, Message, Preview, SessionState

__all__ = ["room_for"]

_WIDEST = 4 * 4  # bytes of a pixel of four float channels


def room_for(request: Message, state: SessionState | None) -> int:
    """Bytes to set aside for the reply, 0 where it brings no raw pixels.

    Args:
        request: what is asked.
        state: of its session, as far as it is known.
    """
    if state is None or getattr(request, "form", None) != "raw":
        return 0
    pixels = state.width * state.height
    if isinstance(request, GetFrame):
        return pixels * (3 if request.view else _WIDEST)
    if isinstance(request, (GetMattes, Preview)):
        frames = len(request.frames) if isinstance(request, GetMattes) else 1
        objects = len(request.objects) or len(state.objects)
        return frames * objects * pixels * ITEM_SIZES[request.dtype]
    return 0
