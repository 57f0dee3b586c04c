# SPDX-License-Identifier: GPL-3.0-or-later
"""Candidates as markers of the timeline. Markers of the artist are never touched.

A marker can't carry anything but its name, so that the name tells whose it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import bpy

__all__ = ["move_markers", "show_markers"]

_PREFIX = "XM++"
_LONGEST = 63  # bytes of a name


def show_markers(scene: bpy.types.Scene, clip: bpy.types.MovieClip, frames: Sequence[int]) -> None:
    """Marks frames, best first, in place of those marked before for the clip.

    Args:
        scene: its timeline gets the markers; those of before go from all, as scenes are copied.
        clip: the clip; it keeps under which name its markers go.
        frames: of the scene.
    """
    for each in bpy.data.scenes:
        for _, marker in _marked(each, clip.xmempp.marked_as):
            each.timeline_markers.remove(marker)
    clip.xmempp.marked_as = clip.name
    for rank, frame in enumerate(frames, start=1):
        scene.timeline_markers.new(_name(rank, clip.name), frame=frame)


def move_markers(clip: bpy.types.MovieClip, frames: Sequence[int]) -> None:
    """Brings the markers that are there to where the scenes show the frames now.

    Args:
        clip: the clip.
        frames: of the scene, best first, as they were marked.
    """
    for each in bpy.data.scenes:
        for rank, marker in _marked(each, clip.xmempp.marked_as):
            if rank <= len(frames):
                marker.frame = frames[rank - 1]


def _marked(scene: bpy.types.Scene, clip: str) -> list[tuple[int, bpy.types.TimelineMarker]]:
    """Rank and marker of the candidates of a clip that had that name."""
    found = [(_rank(marker.name, clip), marker) for marker in scene.timeline_markers if clip]
    return [(rank, marker) for rank, marker in found if rank]


def _rank(name: str, clip: str) -> int:
    """Which candidate of a clip has a marker of that name; 0 if it is none of ours."""
    word = "".join(name.split(" ")[1:2])
    rank = int(word) if word.isascii() and word.isdigit() else 0
    return rank if name == _name(rank, clip) else 0


def _name(rank: int, clip: str) -> str:
    return f"{_PREFIX} {rank} {clip}".encode()[:_LONGEST].decode("utf-8", "ignore")
