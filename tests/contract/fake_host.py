# SPDX-License-Identifier: Apache-2.0
"""A hand-written host that refuses what Blender and Nuke refuse."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.errors import XmemppError
from shared.hosts import JobShown, Remembered
from shared.image import RawImage
from shared.messages import (
    FrameConfidence,
    MatteImage,
    ObjectInfo,
    OpenClip,
    PaintedMatte,
    PathClip,
    SessionState,
)


@dataclass
class FakeHost:
    """A clip with frames 1001 to 1010 in a timeline that goes from 1 to 2000.

    It may be touched by the thread that made it only; it can't go to a frame that its
    timeline lacks; it draws mattes of objects only that it was told of; a marker is a whole
    number inside the timeline, and no frame has two.
    """

    frame: int = 1001
    strokes: dict[int, dict[str, str]] = field(default_factory=dict)  # frame, object, state
    kept: Remembered | None = None
    states: list[SessionState] = field(default_factory=list)
    shown: dict[tuple[int, int], MatteImage] = field(default_factory=dict)
    previews: list[MatteImage] = field(default_factory=list)
    jobs: list[JobShown | None] = field(default_factory=list)
    markers: tuple[int, ...] = ()
    sure: dict[tuple[int, int], float] = field(default_factory=dict)
    errors: list[XmemppError] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._thread = threading.get_ident()

    def _touch(self) -> None:
        if threading.get_ident() != self._thread:
            raise RuntimeError("a host may be touched by its main thread only")

    def current_frame(self) -> int:
        self._touch()
        return self.frame

    def clip(self) -> OpenClip:
        self._touch()
        return OpenClip(PathClip("/plates/shot.%04d.exr"), name="shot")

    def remembered(self) -> Remembered | None:
        self._touch()
        return self.kept

    def remember(self, kept: Remembered) -> None:
        self._touch()
        self.kept = kept

    def painted(self, frame: int, objects: Sequence[ObjectInfo]) -> tuple[PaintedMatte, ...]:
        self._touch()
        ids = {obj.name: obj.object for obj in objects}
        strokes = self.strokes.get(frame, {})
        unknown = strokes.keys() - ids.keys()
        if unknown:
            raise KeyError(unknown)
        return tuple(self._matte(ids[name], state) for name, state in strokes.items())

    def _matte(self, obj: int, state: str) -> PaintedMatte:
        pixels = RawImage("uint8", (36, 64), ("A",), "data", bytes(36 * 64))
        return PaintedMatte(obj, state, pixels if state == "painted" else None)

    def go_to(self, frame: int) -> None:
        self._touch()
        if type(frame) is not int or not 1 <= frame <= 2000:
            raise ValueError(f"the timeline has no frame {frame}")
        self.frame = frame

    def matte_form(self) -> str:
        return "raw"

    def show_session(self, state: SessionState) -> None:
        self._touch()
        self.states.append(state)

    def show_mattes(self, mattes: Sequence[MatteImage], *, preview: bool) -> None:
        self._touch()
        known = {obj.object for obj in self.states[-1].objects}
        for matte in mattes:
            if matte.object not in known:
                raise KeyError(matte.object)
            if preview:
                self.previews.append(matte)
            else:
                self.shown[matte.frame, matte.object] = matte

    def show_job(self, job: JobShown | None) -> None:
        self._touch()
        self.jobs.append(job)

    def show_candidates(self, frames: Sequence[int]) -> None:
        self._touch()
        if len(set(frames)) != len(frames) or not all(1 <= frame <= 2000 for frame in frames):
            raise ValueError(f"no markers can be set at {frames}")
        self.markers = tuple(frames)

    def show_confidence(self, values: Sequence[FrameConfidence]) -> None:
        self._touch()
        self.sure.update({(v.frame, v.object): v.value for v in values})

    def show_error(self, error: XmemppError) -> None:
        self._touch()
        self.errors.append(error)
