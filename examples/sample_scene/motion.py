# SPDX-License-Identifier: Apache-2.0
"""All that moves: the creature's acting, the ball's way, the camera.

Angles in radians, lengths in metres, time in frames.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from math import cos, exp, pi, radians, sin
from typing import Any

from sample_scene import FIRST_FRAME, LAST_FRAME

# One frame more on either side, for the open shutter of the first and the last.
SHOT_FRAMES = range(FIRST_FRAME - 1, LAST_FRAME + 2)
TAKE_OFF, LANDING = 1014, 1026
BALL_RADIUS = 0.42

Keys = tuple[tuple[float, float], ...]


# The creature's acting: it waves, crouches, leaps to the right, lands softly, waves again.
ACTING: dict[str, Keys] = {
    "stretch": (
        (1000, 1.0), (1007, 1.02), (1012, 0.72), (1015, 1.24),
        (1020, 1.04), (1025, 1.16), (1026, 1.10), (1027, 1.0),
    ),
    "lean": (
        (1000, 0), (1008, -0.1), (1012, 0.45), (1016, 0.5),
        (1022, 0.1), (1027, 0.3), (1032, 0), (1049, -0.1),
    ),
    "look": ((1000, -0.35), (1009, -0.2), (1013, 0.35), (1026, 0.1), (1034, -0.4), (1049, -0.5)),
    "airborne": ((1010, 0), (1015, 1.0), (1023, 0.9), (1028, 0)),
    "waving": ((1000, 1), (1008, 1), (1012, 0), (1033, 0), (1038, 1), (1049, 1)),
    "stride": ((1010, 0), (1016, 0.75), (1020, 0.2), (1024, -0.45), (1027, 0)),
    "tuck": ((1010, 0), (1015, 0.6), (1020, -0.2), (1025, -0.5), (1027, 0)),
    "tail_lift": (
        (1000, 0.1), (1012, 0.35), (1016, -0.45), (1022, 0.15),
        (1027, 0.75), (1033, 0.15), (1049, 0.1),
    ),
    "feelers": (
        (1000, 0), (1010, 0.1), (1014, 0.5), (1017, -0.8), (1022, -0.3),
        (1026, -0.5), (1029, 0.75), (1033, -0.3), (1038, 0.12), (1049, 0),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Pose:
    """How the creature is bent at one frame."""

    stretch: float
    lean: float
    look: float
    left_arm: float
    right_arm: float
    arm_swing: float
    stride: float
    tuck: float
    tail_lift: float
    tail_reach: float
    tail_phase: float
    feelers: float


def curve(keys: Keys, frame: float) -> float:
    """A cubic through (frame, value) keys, level at both ends (Catmull-Rom tangents)."""
    frames = [key[0] for key in keys]
    index = min(max(bisect_right(frames, frame) - 1, 0), len(keys) - 2)
    (f0, v0), (f1, v1) = keys[index], keys[index + 1]
    t = min(1.0, max(0.0, (frame - f0) / (f1 - f0)))
    m0, m1 = (_slope(keys, i) * (f1 - f0) for i in (index, index + 1))
    return (
        (2 * t**3 - 3 * t**2 + 1) * v0
        + (t**3 - 2 * t**2 + t) * m0
        + (3 * t**2 - 2 * t**3) * v1
        + (t**3 - t**2) * m1
    )


def _slope(keys: Keys, index: int) -> float:
    if index in (0, len(keys) - 1):
        return 0.0
    (f0, v0), (f1, v1) = keys[index - 1], keys[index + 1]
    return (v1 - v0) / (f1 - f0)


def _hop(frame: float, start: float, end: float, height: float) -> float:
    """Height above ground on a ballistic hop, 0 before and after."""
    t = (frame - start) / (end - start)
    return 4.0 * height * t * (1.0 - t) if 0.0 < t < 1.0 else 0.0


def _height(frame: float) -> float:
    return _hop(frame, TAKE_OFF, LANDING, 0.60) + _hop(frame, 1036, 1043, 0.16)


def _across(frame: float) -> float:
    """Position along the wall: a step back, one fast leap to the right, a small hop on."""
    if frame <= TAKE_OFF:
        return curve(((1000, -1.62), (1006, -1.60), (TAKE_OFF, -1.78)), frame)
    if frame <= LANDING:
        return -1.78 + (frame - TAKE_OFF) / (LANDING - TAKE_OFF) * 2.83
    return curve(((LANDING, 1.05), (1029, 1.17), (1036, 1.20), (1043, 1.42), (1050, 1.44)), frame)


def _wobble(frame: float, start: float, size: float) -> float:
    """A damped ringing after an impact."""
    age = frame - start
    return -size * exp(-age / 4.5) * cos(age * 2 * pi / 7.0) if age >= 0 else 0.0


def pose(frame: float) -> Pose:
    """How the creature is bent: its acting, and what swings along with it."""
    at = {name: curve(keys, frame) for name, keys in ACTING.items()}
    wave = sin((frame - 1001) * 2 * pi / 8)
    airborne, waving = at.pop("airborne"), at.pop("waving")
    for impact, size in ((LANDING + 1, 0.26), (1043, 0.10)):
        at["stretch"] += _wobble(frame, impact, size)
    return Pose(
        **at,
        left_arm=1.5 * airborne + 0.25 * waving,
        right_arm=1.3 * airborne + waving * (1.55 + 0.5 * wave),
        arm_swing=0.15 * wave * (1 - airborne),
        tail_reach=0.75 - 0.35 * airborne,
        tail_phase=(frame - 1001) * 2 * pi / 13,
    )


def place_creature(body: Any) -> None:
    """Key where the creature is and which way it faces, at every frame."""
    facing: Keys = ((1000, -62), (1008, -55), (1013, -24), (1025, -26), (1033, -58), (1049, -70))
    for frame in SHOT_FRAMES:
        body.location = (_across(frame), 0.0, _height(frame))
        body.rotation_euler = (0.0, 0.0, radians(curve(facing, frame)))
        _key_transform(body, frame)
    make_linear(body)


def place_ball(ball: Any) -> None:
    """Roll from right to left behind the creature without slipping, over slightly uneven stones."""
    for frame in SHOT_FRAMES:
        age = frame - FIRST_FRAME
        x = 2.55 - 0.082 * age + 0.00028 * age * age
        ball.location = (x, 0.95, BALL_RADIUS + 0.012 * abs(sin(age * 0.7)))
        ball.rotation_euler = (0.7, x / BALL_RADIUS, 0.0)
        _key_transform(ball, frame)
    make_linear(ball)
    ball.cycles.motion_steps = 1


def place_camera(camera: Any) -> None:
    """Truck right, creep in, pan and roll a little, as if hand-held."""
    for frame in SHOT_FRAMES:
        t = (frame - FIRST_FRAME) / (LAST_FRAME - FIRST_FRAME)
        shake = sin(t * 11.0) + 0.5 * sin(t * 27.0 + 1.0)
        camera.location = (-0.75 + 1.25 * t, -6.5 + 0.35 * t, 1.42 + 0.02 * shake)
        camera.rotation_euler = (
            radians(88.6 + 0.16 * shake),
            radians(0.5 * sin(t * 7.0)),
            radians(-1.5 + 3.0 * t + 0.12 * shake),
        )
        _key_transform(camera, frame)
    make_linear(camera)


def _key_transform(thing: Any, frame: int) -> None:
    thing.keyframe_insert("location", frame=frame)
    thing.keyframe_insert("rotation_euler", frame=frame)


def make_linear(owner: Any) -> None:
    """Straight interpolation: the curves are sampled at every frame already."""
    for fcurve in owner.animation_data.action.fcurves:
        for point in fcurve.keyframe_points:
            point.interpolation = "LINEAR"
