# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a clip only to be looked at; asked for by `following`, drawn by panels."""

from __future__ import annotations

from dataclasses import dataclass, field

from .shared.messages import ReferenceInfo, StatusReport
from .shared.steps import Step
from .shown import Shown

__all__ = ["Chosen", "Sight"]


@dataclass(frozen=True)
class Chosen:
    """A colour that was chosen for an object: the edit, the colour, and from when on it counts."""

    step: Step
    colour: tuple[int, ...]
    due: float


@dataclass
class Sight:
    """Of one clip.

    Attributes:
        mattes: those that the overlay draws.
        references: what each painted frame says of the objects.
        thumbnails: icons of the painted frames.
        status: memory of the engine, and when it was asked for.
        revision: of the session that confidence and references were asked for.
        asking: frames whose mattes are on their way.
        colours: of which objects others were chosen.
        has_room: whether there is memory to read a painted image into.
    """

    mattes: Shown = field(default_factory=Shown)
    references: dict[int, ReferenceInfo] = field(default_factory=dict)
    thumbnails: dict[int, int] = field(default_factory=dict)
    status: StatusReport | None = None
    status_at: float = 0.0
    revision: int = -1
    asking: tuple[int, ...] = ()
    colours: dict[int, Chosen] = field(default_factory=dict)
    has_room: bool = False
