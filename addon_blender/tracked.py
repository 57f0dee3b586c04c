# SPDX-License-Identifier: GPL-3.0-or-later
"""Points of masks that follow a track: where they are at a frame.

Blender evaluates them for its own drawing, and hands nothing of it to Python. What it knows and
Python doesn't is where the track was when the point was tied to it. That lies at the end of the
point's data, which have been the same since masks came to Blender (2.64); it is read from there,
and only if all around it is what it should be.
"""

from __future__ import annotations

import ctypes

import bpy
import numpy as np
from numpy.typing import NDArray

__all__ = ["followed", "follows", "is_known"]

Points = NDArray[np.float64]

_CLIP = int.from_bytes(b"MC", "little")
_TYPES = {"POINT_TRACK": 0, "PLANE_TRACK": 1}
_UNKNOWN = {("ALIGNED", "FREE"), ("ALIGNED", "ALIGNED_DOUBLESIDE")}  # no button makes these
_AUTO = 2.5614  # what Blender divides the length of automatic handles by


class _Parent(ctypes.Structure):
    """What a point follows, in Blender's memory (`DNA_mask_types.h`)."""

    _fields_ = (
        ("id_type", ctypes.c_int),
        ("type", ctypes.c_int),
        ("id", ctypes.c_void_p),
        ("parent", ctypes.c_char * 64),
        ("sub_parent", ctypes.c_char * 64),
        ("place", ctypes.c_float * 2),
        ("corners", ctypes.c_float * 8),
    )


def follows(point: bpy.types.MaskSplinePoint) -> bool:
    """Whether a point is tied to something."""
    return point.parent.id is not None


def is_known(spline: bpy.types.MaskSpline) -> bool:
    """Whether `followed` can tell where the points of a spline are."""
    followers = [point for point in spline.points if follows(point)]
    memory = [_memory(point) for point in followers]
    kinds = {(point.handle_left_type, point.handle_right_type) for point in spline.points}
    return None not in memory and not (followers and kinds & _UNKNOWN)


def followed(spline: bpy.types.MaskSpline, knots: Points, scene_frame: int) -> Points:
    """Where the points of a spline are at a frame.

    Args:
        spline: its points follow what `is_known`.
        knots: N x 3 x 2: left handle, point, right handle, before that.
        scene_frame: the scene's frame.
    """
    matrices = {
        index: _matrix(point, scene_frame)
        for index, point in enumerate(spline.points)
        if follows(point)
    }
    if not matrices:
        return knots
    moved = knots.copy()
    for index, matrix in matrices.items():
        through = np.pad(knots[index], ((0, 0), (0, 1)), constant_values=1) @ matrix.T
        moved[index] = through[:, :2] / through[:, 2:]
    return _with_handles(spline, moved)


def _memory(point: bpy.types.MaskSplinePoint) -> _Parent | None:
    """What Blender keeps; None if it is not what it is taken for."""
    parent, start = point.parent, point.as_pointer()
    found = _Parent.from_address(parent.as_pointer())
    fits = (
        parent.as_pointer() - start == 88
        and found.type == _TYPES.get(parent.type)
        and found.id == parent.id.as_pointer()
        and found.parent == parent.parent.encode()
        and found.sub_parent == parent.sub_parent.encode()
    )
    return found if fits else None


def _matrix(point: bpy.types.MaskSplinePoint, scene_frame: int) -> Points:
    """What moves a point, in the mask's own places: 3 x 3."""
    kept, clip = _memory(point), point.parent.id
    groups = clip.tracking.objects if kept is not None and kept.id_type == _CLIP else {}
    group = groups.get(point.parent.parent)
    if group is None:
        return np.eye(3)
    frame = scene_frame - clip.frame_start + 1
    if point.parent.type == "POINT_TRACK":
        return _by_track(group.tracks.get(point.parent.sub_parent), kept, clip, frame)
    return _by_plane(group.plane_tracks.get(point.parent.sub_parent), kept, clip, scene_frame)


def _by_track(
    track: bpy.types.MovieTrackingTrack | None,
    kept: _Parent,
    clip: bpy.types.MovieClip,
    frame: int,
) -> Points:
    matrix = np.eye(3)
    if track is not None:
        marker = track.markers.find_frame(frame, exact=False)
        at = np.array(marker.co) + np.array(track.offset)
        high = _high(clip)
        squeeze = (1 / high, 1) if high > 1 else (1, high)
        matrix[:2, 2] = (at - 0.5) * squeeze + 0.5 - np.array(kept.place)
    return matrix


def _by_plane(
    track: bpy.types.MovieTrackingPlaneTrack | None,
    kept: _Parent,
    clip: bpy.types.MovieClip,
    frame: int,
) -> Points:
    if track is None:
        return np.eye(3)
    corners = np.array(track.markers.find_frame(frame, exact=False).corners)
    to_mask, axis, high = np.eye(3), 0 if _high(clip) > 1 else 1, _high(clip)
    to_mask[axis, axis], to_mask[axis, 2] = high, 0.5 - 0.5 * high
    through = _between(np.array(kept.corners).reshape(4, 2), corners)
    return to_mask @ through @ np.linalg.inv(to_mask)


def _high(clip: bpy.types.MovieClip) -> float:
    """Height of a clip's picture for a width of one; of one that was never read Blender takes 1."""
    width, height = clip.size
    if not (width and height):
        return 1.0
    aspect = clip.display_aspect
    return height / width * aspect[1] / aspect[0] / clip.tracking.camera.pixel_aspect


def _between(before: Points, after: Points) -> Points:
    """The homography from four corners to four others: 3 x 3; none where they lie on a line."""
    rows = []
    for (x, y), (u, v) in zip(before, after, strict=True):
        rows.append((x, y, 1, 0, 0, 0, -u * x, -u * y))
        rows.append((0, 0, 0, x, y, 1, -v * x, -v * y))
    try:
        return np.append(np.linalg.solve(np.array(rows), after.ravel()), 1).reshape(3, 3)
    except np.linalg.LinAlgError:
        return np.eye(3)


def _with_handles(spline: bpy.types.MaskSpline, knots: Points) -> Points:
    """Handles that Blender sets by itself, anew: their points moved."""
    points, found = knots[:, 1], knots.copy()
    before, behind = np.roll(points, 1, axis=0), np.roll(points, -1, axis=0)
    if not spline.use_cyclic:
        before[0], behind[-1] = 2 * points[0] - points[1], 2 * points[-1] - points[-2]
    for index, point in enumerate(spline.points):
        if point.handle_left_type in ("AUTO", "VECTOR"):
            kinds = point.handle_left_type, point.handle_right_type
            found[index] = _handles(before[index], knots[index], behind[index], kinds)
    return found


def _handles(before: Points, knot: Points, behind: Points, kinds: tuple[str, str]) -> Points:
    """A point with its handles, as Blender's curves have them."""
    left, middle, right = knot
    back, on = middle - before, behind - middle
    long_back, long_on = (float(np.hypot(*one)) or 1.0 for one in (back, on))
    along = on / long_on + back / long_back
    length = _AUTO * float(np.hypot(*along))
    long_back = min(long_back, 5 * long_on)
    long_on = min(long_on, 5 * long_back)
    made = {
        "AUTO": (along * long_back / length, along * long_on / length) if length else None,
        "VECTOR": (back / 3, on / 3),
    }
    first, second = (made.get(kind) for kind in kinds)
    left = left if first is None else middle - first[0]
    right = right if second is None else middle + second[1]
    if first is not None and kinds[1].startswith("ALIGNED"):
        right = _opposite(left, middle, right)
    return np.stack([left, middle, right])


def _opposite(left: Points, middle: Points, right: Points) -> Points:
    """A handle as long as it was, on a line with the other one."""
    long, wanted = np.hypot(*(middle - left)), np.hypot(*(right - middle))
    return middle + (middle - left) * (wanted / long) if long else right
