# SPDX-License-Identifier: Apache-2.0
"""What the commands need of a host: Blender, Nuke, or a fake one in the tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .errors import XmemppError
from .messages import (
    FrameConfidence,
    MatteImage,
    ObjectInfo,
    OpenClip,
    PaintedMatte,
    SessionState,
)

__all__ = ["Host", "JobShown", "Remembered"]


@dataclass(frozen=True)
class Remembered:
    """What a project of the host keeps, to take its session up again.

    Attributes:
        session: id.
        workspace: folder on the engine's machine.
    """

    session: str
    workspace: str


@dataclass(frozen=True)
class JobShown:
    """What a host shows of a running job.

    Attributes:
        job: its id.
        work: ``propagate``, ``suggest`` or ``export``.
        done, total: frames.
        seconds_left: estimate, or None.
    """

    job: str
    work: str
    done: int = 0
    total: int = 0
    seconds_left: float | None = None


class Host(Protocol):
    """A clip in a host. The commands call it from the thread that called them, no other."""

    def current_frame(self) -> int:
        """The frame that the artist looks at, by the clip's own number."""

    def clip(self) -> OpenClip:
        """Where the clip is, and how it is to be opened."""

    def remembered(self) -> Remembered | None:
        """What the project keeps of an earlier session, if there was one."""

    def remember(self, kept: Remembered) -> None:
        """Keeps it in the project."""

    def painted(self, frame: int, objects: Sequence[ObjectInfo]) -> tuple[PaintedMatte, ...]:
        """What is painted at a frame; objects of which nothing is told are left out."""

    def go_to(self, frame: int) -> None:
        """Shows a frame of the clip."""

    def matte_form(self) -> str:
        """How it wants mattes: ``raw``, ``png``, ``exr`` or ``path``."""

    def show_session(self, state: SessionState) -> None:
        """Objects, references, locks and undo are these now."""

    def show_mattes(self, mattes: Sequence[MatteImage], *, preview: bool) -> None:
        """Mattes that are new; those of a preview are not kept anywhere."""

    def show_job(self, job: JobShown | None) -> None:
        """A job goes on, or there is none any more."""

    def show_candidates(self, frames: Sequence[int]) -> None:
        """Marks the frames to paint next, best first, in place of those marked before."""

    def show_confidence(self, values: Sequence[FrameConfidence]) -> None:
        """How sure the network was, in place of what was shown before for these frames."""

    def show_error(self, error: XmemppError) -> None:
        """Something failed: a sentence, and what to do next."""
