# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the engine for what is only looked at: mattes of the frames shown, confidence, gauges.

It runs with the bridge's timer, so that drawing asks nobody.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import bpy
import numpy as np

from . import bridge, chosen_colours, thumbnails
from .host import BlenderHost, redraw
from .host_image import make_room
from .plate import plate_size
from .set_aside import objects_of_others
from .shared.image import EncodedImage, RawImage
from .shared.messages import (
    AddObject,
    FrameConfidence,
    GetConfidence,
    GetMattes,
    ListReferences,
    MatteImage,
    References,
    SessionState,
    Status,
    StatusReport,
)
from .shared.steps import SteppedShot

__all__ = ["editors", "follow", "shown_frame"]

_THUMBNAIL = 96  # pixels
_AHEAD = 6  # frames that are asked for together while the clip plays
_GAUGES = 2.0  # seconds between two looks at the engine's memory


def follow() -> None:
    """A turn, for all clips that are open."""
    for shot, host in bridge.current().shots():
        if shot.state is not None:
            chosen_colours.send(shot, shot.state, host)
            if host.is_there:
                _keep_up(shot, shot.state, host)


def editors(clip: bpy.types.MovieClip) -> Iterator[tuple[bpy.types.Screen, bpy.types.Space]]:
    """The clip editors that show a clip."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "CLIP_EDITOR" and area.spaces.active.clip == clip:
                yield window.screen, area.spaces.active


def shown_frame(host: BlenderHost, space: bpy.types.SpaceClipEditor) -> int:
    """The clip's own number of the frame that an editor shows."""
    return host.frames().to_clip(space.clip_user.frame_current)


def _keep_up(shot: SteppedShot, state: SessionState, host: BlenderHost) -> None:
    sight = host.sight
    if sight.revision != state.revision and not shot.job:
        if sight.revision < 0 and not state.objects:
            _add_objects_of_others(shot, state, host)
        sight.revision = state.revision
        sight.mattes.outdate()
        shot.ask(GetConfidence(), lambda reply: _take_confidence(host, reply.values))
        side = 0 if bpy.app.background else _THUMBNAIL
        shot.ask(ListReferences(side), lambda reply: _take_references(host, reply))
    host.follow_frames()
    _make_room(host)
    shown = [*editors(host.movie_clip())]
    if shown:
        _ask_for_mattes(shot, state, host, shown)
        _ask_for_gauges(shot, state, host)


def _add_objects_of_others(shot: SteppedShot, state: SessionState, host: BlenderHost) -> None:
    """A session that is begun anew gets the objects of the one that was forgotten."""
    for name, colour in objects_of_others(host.movie_clip().xmempp, state.session).items():
        shot.edit_aside(AddObject(name, colour))


def _make_room(host: BlenderHost) -> None:
    """A painted image will be read by the main thread, which must not wait for memory."""
    clip = host.movie_clip()
    if not host.sight.has_room and any(one.source == "IMAGE" for one in clip.xmempp.objects):
        host.sight.has_room, size = True, plate_size(clip)
        host.submit(lambda: make_room(size), lambda: None)


# Mattes


def _ask_for_mattes(
    shot: SteppedShot,
    state: SessionState,
    host: BlenderHost,
    shown: Sequence[tuple[bpy.types.Screen, bpy.types.SpaceClipEditor]],
) -> None:
    sight = host.sight
    if sight.asking or not host.movie_clip().xmempp.view.show:
        return
    there = (*state.frames,)
    wanted = dict.fromkeys(
        frame
        for screen, space in shown
        for frame in _soon(shown_frame(host, space), playing=screen.is_animation_playing)
        if sight.mattes.wants(frame) and any(a <= frame <= b for a, b in there)
    )
    if wanted:
        sight.asking = tuple(sorted([*wanted][:_AHEAD]))
        asked = GetMattes(sight.asking, form="raw", dtype="uint8")
        shot.ask(
            asked,
            lambda reply: _take_mattes(host, asked.frames, reply.mattes),
            lambda: _end_asking(host),
        )


def _soon(frame: int, *, playing: bool) -> range:
    return range(frame, frame + (_AHEAD if playing else 1))


def _end_asking(host: BlenderHost) -> None:
    """Frames that the engine could not give are not asked for again until they change."""
    sight, frames = host.sight, host.sight.asking
    sight.asking = ()
    for frame in frames:
        sight.mattes.put(frame, sight.mattes.at(frame))


def _take_mattes(host: BlenderHost, frames: Sequence[int], mattes: Sequence[MatteImage]) -> None:
    for frame in frames:
        found = {
            matte.object: np.frombuffer(matte.image.data, np.uint8).reshape(matte.image.shape)
            for matte in mattes
            if matte.frame == frame and isinstance(matte.image, RawImage)
        }
        host.sight.mattes.put(frame, found)
    redraw()


# Confidence, references, gauges


def _take_confidence(host: BlenderHost, values: Sequence[FrameConfidence]) -> None:
    """All there is; what undo took away is not kept."""
    host.confidence.clear()
    host.show_confidence(values)


def _take_references(host: BlenderHost, reply: References) -> None:
    """Pictures are written by a thread; Blender loads them when they are drawn."""
    host.sight.references = {info.frame: info for info in reply.references}
    pictures = {
        info.frame: info.thumbnail.data
        for info in reply.references
        if isinstance(info.thumbnail, EncodedImage)
    }
    if not bpy.app.background:
        files = {f: thumbnails.file_of(host.token, data) for f, data in pictures.items()}
        host.submit(
            lambda: thumbnails.write(files, pictures), lambda: _show_thumbnails(host, files)
        )


def _show_thumbnails(host: BlenderHost, files: dict[int, Path]) -> None:
    host.sight.thumbnails = thumbnails.load(host.token, files)
    redraw()


def _ask_for_gauges(shot: SteppedShot, state: SessionState, host: BlenderHost) -> None:
    if time.monotonic() > host.sight.status_at + _GAUGES:
        host.sight.status_at = time.monotonic()
        shot.ask(Status(state.session), lambda reply: _take_status(host, reply))


def _take_status(host: BlenderHost, status: StatusReport) -> None:
    if status.gauges != getattr(host.sight.status, "gauges", None):
        redraw()
    host.sight.status = status
