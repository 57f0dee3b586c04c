# SPDX-License-Identifier: Apache-2.0
"""Object 1: a soft creature, bent vertex by vertex into one shape key per frame.

Local axes at rest: it looks along +x, its left is +y, up is +z, the ground is z = 0; metres.
"""

from __future__ import annotations

from math import cos, pi, radians, sin
from typing import Any

import bpy
from mathutils import Matrix, Vector

from sample_scene import materials, motion

# A lone metaball of influence radius 1 shows a surface of this radius (stiffness 2, threshold 0.6).
METABALL_SURFACE = 0.575

# x, y, z and radius of the visible surface of the balls that the body is blended from.
_MIDDLE = [
    (0.00, 0, 0.52, 0.40),
    (0.04, 0, 0.80, 0.33),
    (0.09, 0, 1.22, 0.36),
    (0.36, 0, 1.13, 0.22),
    (-0.34, 0, 0.36, 0.24),
    (-0.54, 0, 0.28, 0.18),
    (-0.72, 0, 0.25, 0.145),
    (-0.88, 0, 0.27, 0.12),
    (-1.02, 0, 0.33, 0.10),
    (-1.13, 0, 0.42, 0.085),
    (-1.20, 0, 0.53, 0.075),
    (-1.22, 0, 0.64, 0.085),
]
_LEFT = [
    (0.06, 0.40, 0.82, 0.13),
    (0.10, 0.52, 0.72, 0.105),
    (0.15, 0.62, 0.62, 0.10),
    (0.20, 0.70, 0.53, 0.13),
    (0.02, 0.24, 0.24, 0.19),
    (0.05, 0.25, 0.12, 0.15),
    (0.17, 0.26, 0.09, 0.13),
    (0.27, 0.27, 0.08, 0.11),
    (0.02, 0.15, 1.56, 0.06),
    (0.00, 0.19, 1.66, 0.05),
    (-0.02, 0.23, 1.76, 0.05),
    (-0.03, 0.26, 1.86, 0.085),
]


def build() -> Any:
    """Make the creature, deform it and move it over the whole shot."""
    body = _skin_mesh()
    parts = [*_eyes(), *_smile(), *_spikes()]
    bpy.ops.object.select_all(action="DESELECT")
    for thing in (body, *parts):
        thing.select_set(True)
    bpy.context.view_layer.objects.active = body
    bpy.ops.object.join()
    body.name = "creature"
    for polygon in body.data.polygons:
        polygon.use_smooth = True
    _store_rest(body.data)
    _bake_poses(body)
    motion.place_creature(body)
    body.modifiers.new("smooth", "SUBSURF").render_levels = 1
    body.modifiers["smooth"].levels = 0
    body.cycles.motion_steps = 1
    return body


def _skin_mesh() -> Any:
    """Blend metaballs into one skin and turn it into a mesh."""
    data = bpy.data.metaballs.new("creature")
    data.resolution = data.render_resolution = 0.045
    right = [(x, -y, z, radius) for x, y, z, radius in _LEFT]
    for x, y, z, radius in (*_MIDDLE, *_LEFT, *right):
        ball = data.elements.new()
        ball.co, ball.radius = (x, y, z), radius / METABALL_SURFACE
    blob = bpy.data.objects.new("creature", data)
    bpy.context.collection.objects.link(blob)
    bpy.context.view_layer.objects.active = blob
    blob.select_set(True)
    bpy.ops.object.convert(target="MESH")
    body = bpy.context.view_layer.objects.active
    body.data.materials.append(materials.skin())
    return body


def _sphere(centre: tuple[float, float, float], radius: float, material: Any) -> Any:
    bpy.ops.mesh.primitive_uv_sphere_add(segments=20, ring_count=12, radius=radius, location=centre)
    ball = bpy.context.object
    ball.data.materials.append(material)
    return ball


def _eyes() -> list[Any]:
    white = materials.glossy("eye", (0.85, 0.83, 0.78))
    black = materials.glossy("pupil", (0.004, 0.004, 0.006), 0.03)
    spheres = []
    for side in (-1, 1):
        spheres.append(_sphere((0.31, side * 0.18, 1.40), 0.155, white))
        spheres.append(_sphere((0.39, side * 0.19, 1.415), 0.098, black))
    return spheres


def _smile() -> list[Any]:
    dark = materials.painted("mouth", (0.05, 0.008, 0.012))
    beads = []
    for angle in (radians(step) for step in range(-52, 53, 8)):
        x, y, z = 0.34 + 0.235 * cos(angle), 0.235 * sin(angle), 1.06 + 0.2 * (1 - cos(angle))
        beads.append(_sphere((x, y, z), 0.022, dark))
    return beads


def _spikes() -> list[Any]:
    """Horn plates down the back and the tail, and the tips of the feelers."""
    horn = materials.glossy("horn", (0.85, 0.22, 0.03), 0.25)
    roots = [
        (-0.26, 1.36, 55),
        (-0.29, 1.12, 75),
        (-0.33, 0.88, 80),
        (-0.42, 0.64, 55),
        (-0.58, 0.46, 25),
        (-0.76, 0.40, 5),
        (-0.92, 0.40, -10),
    ]
    spikes = []
    for index, (x, z, lean) in enumerate(roots):
        size = 0.13 - 0.008 * index
        bpy.ops.mesh.primitive_cone_add(
            vertices=14,
            radius1=size * 0.75,
            depth=size * 2.2,
            location=(x, 0, z),
            rotation=(0, -radians(lean), 0),
        )
        bpy.context.object.data.materials.append(horn)
        spikes.append(bpy.context.object)
    tips = [_sphere((-0.03, side * 0.26, 1.87), 0.085, horn) for side in (-1, 1)]
    return [*spikes, *tips]


def _store_rest(mesh: Any) -> None:
    """Keep what the skin's pattern needs of the undeformed shape."""
    mesh.attributes.new("skin_at", "FLOAT_VECTOR", "POINT")
    mesh.attributes.new("belly", "FLOAT", "POINT")
    # Looked up only now: adding an attribute moves the ones before it.
    rest, belly = mesh.attributes["skin_at"], mesh.attributes["belly"]
    for vertex in mesh.vertices:
        x, y, z = vertex.co
        rest.data[vertex.index].vector = vertex.co
        body = (
            _step(0.12, 0.22, x - 0.25 * abs(z - 0.6))
            * _step(0.36, 0.2, abs(y))
            * _step(0.16, 0.24, z)
        )
        muzzle = _step(0.3, 0.38, x) * _step(1.16, 1.08, z)
        belly.data[vertex.index].value = min(1.0, max(body * _step(1.0, 0.9, z), muzzle))


def _bake_poses(body: Any) -> None:
    """One shape key per frame, each on for its own frame and fading linearly to the next."""
    rest = [vertex.co.copy() for vertex in body.data.vertices]
    body.shape_key_add(name="rest")
    for frame in motion.SHOT_FRAMES:
        pose = motion.pose(frame)
        key = body.shape_key_add(name=f"pose {frame}")
        key.data.foreach_set("co", [axis for point in rest for axis in _bend(point, pose)])
        for offset in (-1, 0, 1):
            key.value = 1.0 - abs(offset)
            key.keyframe_insert("value", frame=frame + offset)
    motion.make_linear(body.data.shape_keys)


def _step(low: float, high: float, value: float) -> float:
    """Smooth step from 0 at ``low`` to 1 at ``high`` (either may be the larger)."""
    t = min(1.0, max(0.0, (value - low) / (high - low)))
    return t * t * (3 - 2 * t)


def _turn(point: Vector, pivot: tuple[float, float, float], axis: str, angle: float) -> Vector:
    centre = Vector(pivot)
    return Matrix.Rotation(angle, 3, axis) @ (point - centre) + centre


def _bend(rest: Vector, pose: motion.Pose) -> Vector:
    """Carry one resting point into a pose: limbs first, then trunk, then squash."""
    point = _bend_limbs(rest, pose)
    point = _turn(point, (0.0, 0.0, 1.0), "Z", pose.look * _step(0.9, 1.12, rest.z))
    point = _turn(
        point, (0.0, 0.0, 0.3), "Y", pose.lean * _step(0.2, 1.5, rest.z) * _step(-0.6, -0.3, rest.x)
    )
    wide = 1.0 / max(pose.stretch, 0.3) ** 0.6
    return Vector((point.x * wide, point.y * wide, point.z * pose.stretch))


def _bend_limbs(rest: Vector, pose: motion.Pose) -> Vector:
    point, side = rest.copy(), 1.0 if rest.y > 0 else -1.0
    arm = _step(0.33, 0.56, abs(rest.y)) * _step(0.3, 0.4, rest.z) * _step(1.1, 1.0, rest.z)
    if arm:
        lift, swing = (pose.left_arm if side > 0 else pose.right_arm), pose.arm_swing
        point = _turn(point, (0.05, side * 0.36, 0.84), "X", side * lift * arm)
        point = _turn(point, (0.05, side * 0.36, 0.84), "Y", side * swing * arm)
    leg = _step(0.34, 0.14, rest.z) * _step(0.06, 0.16, abs(rest.y)) * _step(-0.3, -0.2, rest.x)
    if leg:
        point = _turn(
            point, (0.0, side * 0.24, 0.34), "Y", side * pose.stride * leg + pose.tuck * leg
        )
    tail = _step(-0.28, -1.25, rest.x)
    if tail:
        point = _turn(point, (-0.3, 0.0, 0.4), "Y", pose.tail_lift * tail)
        point = _turn(
            point,
            (-0.3, 0.0, 0.4),
            "Z",
            pose.tail_reach * tail * sin(pose.tail_phase - tail * 0.6 * pi),
        )
    feeler = _step(1.50, 1.9, rest.z)
    if feeler:
        point = _turn(point, (0.02, side * 0.15, 1.5), "Y", pose.feelers * feeler)
    return point
