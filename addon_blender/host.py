# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip of Blender as the commands see it (`shared.hosts.Host`).

Blender's undo and renaming may replace a clip's data at any time, so that it is looked up
anew at every call: by a token in its state, or by the name that it had last.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

import bpy

from .frames import FrameMap
from .host_frame import Reader, clip_message, frame_map, mattes_of, reader_of
from .host_image import has_room, make_room
from .host_layer import FORM, Layers, Submit
from .markers import move_markers, show_markers
from .paintings import Paintings
from .plate import plate_size
from .plate_files import Sent
from .set_aside import bring_back, put_aside
from .shared.errors import NotFound, XmemppError
from .shared.hosts import JobShown, Remembered
from .shared.image import Image
from .shared.messages import (
    FrameConfidence,
    MatteImage,
    ObjectInfo,
    OpenClip,
    PaintedMatte,
    SessionState,
)
from .sight import Sight

__all__ = ["BlenderHost"]


class BlenderHost:
    """One clip.

    Args:
        clip: the clip.
        submit: does work in a thread.
        make: in one of its own, which may take seconds; else the same.

    Attributes:
        submit, make: the same.
        token: tells it from other clips.
        job: the one that runs, to be drawn.
        confidence: by frame and object, to be drawn.
        previews: pictures of the preview shown last, by frame and object.
        error: the last one, until it is put away.
        paintings: what the brush painted.
        sight: mattes and pictures of references, to be drawn.
        sources: mask and layer for objects that were added here, by name.
        sent: the plate's files, where the engine can't read them.
        told: whether what the engine tells is just being written.
    """

    def __init__(
        self, clip: bpy.types.MovieClip, submit: Submit, make: Submit | None = None
    ) -> None:
        self.token = clip.xmempp.token or secrets.token_hex(8)
        _sign(clip, self.token)
        self._name = clip.name
        self._layers = Layers(submit, self.movie_clip)
        self.paintings = Paintings(self.movie_clip, submit)
        self.sight = Sight()
        self.submit, self.make = submit, make or submit
        self.job: JobShown | None = None
        self.confidence: dict[tuple[int, int], float] = {}
        self.previews: dict[tuple[int, int], Image] = {}
        self.error: XmemppError | None = None
        self.sources: dict[str, tuple[str, str]] = {}
        self._added: set[int] = set()  # those of `sources`, once they were shown
        self.sent = Sent()
        self.told = False
        self._candidates: tuple[int, ...] = ()
        self._shift = 0  # of the frames, as the candidates were marked

    def movie_clip(self) -> bpy.types.MovieClip:
        """The clip.

        Raises:
            NotFound: it was removed from the project.
        """
        found = [clip for clip in bpy.data.movieclips if clip.xmempp.token == self.token]
        if found:  # a copy has the same token until it is opened
            self._name = next((one.name for one in found if one.name == self._name), found[0].name)
            return bpy.data.movieclips[self._name]
        clip = bpy.data.movieclips.get(self._name)
        if clip is None or clip.xmempp.token:
            raise NotFound(f"The clip '{self._name}' is not in the project any more.", hint="")
        _sign(clip, self.token)  # undo took it away
        return clip

    @property
    def is_there(self) -> bool:
        """Whether Blender has the clip; undo may take it away, and bring it again."""
        try:
            return bool(self.movie_clip())
        except NotFound:
            return False

    @property
    def step(self) -> str:
        """Token of the last edit, as `SteppedHost` has it; Blender's undo brings back another."""
        return self.movie_clip().xmempp.step

    @step.setter
    def step(self, token: str) -> None:
        self.movie_clip().xmempp.step = token

    def frames(self) -> FrameMap:
        """How the scene's frames lead to the clip's own."""
        return frame_map(self.movie_clip())

    def current_frame(self) -> int:
        """The clip's own number of the frame that the scene is at."""
        return self.frames().to_clip(bpy.context.scene.frame_current)

    def clip(self) -> OpenClip:
        """Where the clip is; ``NotFound`` if its file is not there."""
        return clip_message(self.movie_clip(), sent=self.sent.chosen)

    def remembered(self) -> Remembered | None:
        """What the .blend keeps of a session."""
        kept = self.movie_clip().xmempp
        return Remembered(kept.session, kept.workspace) if kept.session else None

    def remember(self, kept: Remembered) -> None:
        """Keeps it in the .blend, and with it the clip, even while no editor shows it."""
        clip = self.movie_clip()
        clip.use_fake_user = True
        clip.xmempp.session, clip.xmempp.workspace = kept.session, kept.workspace

    def readers(self, frame: int, objects: Sequence[ObjectInfo]) -> dict[int, Reader]:
        """What gets the painted mattes of a frame in any thread, by object.

        A frame that the brush painted is taken from there, any other from the object's source.

        Raises:
            BadMask: a mask or image can't be used.
        """
        clip, wanted = self.movie_clip(), {info.object for info in objects}
        found = {
            obj.object: self.paintings.reader(obj.object, frame) or reader_of(clip, obj, frame)
            for obj in clip.xmempp.objects
            if obj.object in wanted
        }
        return {number: reader for number, reader in found.items() if reader is not None}

    def room_work(self) -> Callable[[], None] | None:
        """What has memory at hand to read painted images into, in a thread; None if it is.

        Without a window nobody waits, and a script may change an image at once.
        """
        clip = self.movie_clip()
        size = plate_size(clip)
        images = (obj.image for obj in clip.xmempp.objects if obj.source == "IMAGE")
        count = sum(image is not None and image.has_data for image in images)
        if bpy.app.background or has_room(size, count):
            return None
        return lambda: make_room(size, count)

    def waiting(self) -> dict[int, list[str]]:
        """What the brush painted and the engine has not: names of objects by frame, in order."""
        kept, found = self.movie_clip().xmempp, dict[int, list[str]]()
        there = {reference.frame for reference in kept.references}
        for obj in kept.objects:
            for painting in obj.painted:
                if not (self.paintings.is_given(painting) and painting.frame in there):
                    found.setdefault(painting.frame, []).append(obj.name)
        return dict(sorted(found.items()))

    def waits(self, obj: int, frame: int) -> bool:
        """Whether the brush painted an object at a frame, and the engine has not got that."""
        entry = self.paintings.entry(obj, frame)
        there = (reference.frame for reference in self.movie_clip().xmempp.references)
        given = entry is not None and self.paintings.is_given(entry) and frame in there
        return self.paintings.is_painted(obj, frame) and not given

    def painted(self, frame: int, objects: Sequence[ObjectInfo]) -> tuple[PaintedMatte, ...]:
        """What is painted at a frame; ``BadMask`` if some of it can't be used."""
        return mattes_of(self.readers(frame, objects))

    def go_to(self, frame: int) -> None:
        """Moves the scene to a frame of the clip, and the clip editors with it.

        `frame_set` alone leaves clip editors where they are; setting the property alone moves
        nothing while Blender has no window.
        """
        scene, wanted = bpy.context.scene, self.frames().to_scene(frame)
        scene.frame_set(wanted)
        scene.frame_current = wanted

    def matte_form(self) -> str:
        """PNG: what image sequences are made of."""
        return FORM

    def show_session(self, state: SessionState) -> None:
        """Brings the copies in the .blend in line."""
        self.told = True
        try:
            self._show_session(state)
        finally:
            self.told = False
        redraw()

    def _show_session(self, state: SessionState) -> None:
        kept = self.movie_clip().xmempp
        kept.plate = state.width, state.height
        if not kept.session and state.frames:
            kept.first, kept.last = state.frames[0][0], state.frames[-1][1]
        there = [info.object for info in state.objects]
        chosen = self._chosen(state)
        for index in reversed(range(len(kept.objects))):
            if kept.objects[index].object not in there:
                put_aside(kept, index)
        for info in state.objects:
            self._show_object(kept, info, state.session)
        _choose(kept, chosen)
        kept.references.clear()
        for frame in state.references:
            kept.references.add().frame = frame

    def show_mattes(self, mattes: Sequence[MatteImage], *, preview: bool) -> None:
        """Adds them to the image sequences, or keeps them to be drawn."""
        if preview:
            self.previews = {(matte.frame, matte.object): matte.image for matte in mattes}
        else:
            self._layers.show(mattes)
            self.sight.mattes.outdate({matte.frame for matte in mattes})
        redraw()

    def show_job(self, job: JobShown | None) -> None:
        """Shows how far it is."""
        self.job = job
        redraw()

    def show_candidates(self, frames: Sequence[int]) -> None:
        """Sets markers in the timeline."""
        self._candidates, self._shift = tuple(frames), self.frames().shift
        show_markers(bpy.context.scene, self.movie_clip(), self._in_scene())
        redraw()

    def follow_frames(self) -> None:
        """Where the scene shows the clip's frames elsewhere than before, the markers go along."""
        shift = self.frames().shift
        if self._candidates and shift != self._shift:
            self._shift = shift
            move_markers(self.movie_clip(), self._in_scene())

    def _in_scene(self) -> list[int]:
        return [self.frames().to_scene(frame) for frame in self._candidates]

    def show_confidence(self, values: Sequence[FrameConfidence]) -> None:
        """Keeps them to be drawn."""
        self.confidence.update({(value.frame, value.object): value.value for value in values})
        redraw()

    def show_error(self, error: XmemppError) -> None:
        """Shows the sentence in the panel."""
        self.error = error
        redraw()

    def _chosen(self, state: SessionState) -> int:
        """Id of the object that was just added here, else of the one that is chosen; 0 if none."""
        kept = self.movie_clip().xmempp
        for info in state.objects:
            if info.name in self.sources and info.object not in self._added:
                self._added.add(info.object)
                return info.object
        chosen = kept.objects[kept.active_object :][:1]
        return chosen[0].object if chosen else 0

    def _show_object(self, kept: bpy.types.PropertyGroup, info: ObjectInfo, session: str) -> None:
        shown = next((one for one in kept.objects if one.object == info.object), None)
        if shown is None:
            shown = bring_back(kept, info, session)
            mask, layer = self.sources.get(info.name, ("", ""))
            if mask in bpy.data.masks:
                shown.source, shown.mask, shown.layer = "MASK", bpy.data.masks[mask], layer
        shown.name = info.name
        if info.object not in self.sight.colours:
            shown.colour = [part / 255 for part in info.colour]


def _choose(state: bpy.types.PropertyGroup, number: int) -> None:
    """The object with that id; if it is not there, the one in its place or the last."""
    numbers = [obj.object for obj in state.objects]
    last = max(len(numbers) - 1, 0)
    index = numbers.index(number) if number in numbers else min(state.active_object, last)
    if state.active_object != index:
        state.active_object = index


def _sign(clip: bpy.types.MovieClip, token: str) -> None:
    """Marks a clip as ours.

    Blender 5.0 forgets to clear our pointers to a mask or image that is deleted, and crashes
    later, unless the clip has a custom property as well.
    """
    clip.xmempp.token = token
    clip["xmempp_clip"] = True


def redraw() -> None:
    """Has the clip editors drawn again."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "CLIP_EDITOR":
                area.tag_redraw()
