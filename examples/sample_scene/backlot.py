# SPDX-License-Identifier: Apache-2.0
"""The place: a sunny brick courtyard full of things that look a little like the two objects."""

from __future__ import annotations

from math import cos, radians, sin
from random import Random
from typing import Any

import bpy
from mathutils import Euler

from sample_scene import greenery, materials, motion, shapes

WALL_Y = 3.0
SUN = Euler((radians(48), radians(-14), radians(-36)))
BARREL = (
    *((0.0, 0.86), (0.3, 0.86), (0.33, 0.9), (0.345, 0.86), (0.35, 0.6), (0.365, 0.58)),
    *((0.35, 0.56), (0.35, 0.3), (0.365, 0.28), (0.35, 0.26), (0.34, 0.0)),
)


def build(seed: int = 7) -> None:
    """Everything that is not object 1 or 2, lights included."""
    _ground_and_wall()
    _door()
    _lamp()
    _clutter()
    _pebbles(Random(seed))  # noqa: S311 - a picture, not a secret
    greenery.grass(seed + 1)
    greenery.potted_plants(seed + 2)
    _light()
    greenery.leaf_shadows(seed + 3, WALL_Y, SUN)


def ball() -> Any:
    """Object 2: a shiny striped ball."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=48, ring_count=32, radius=motion.BALL_RADIUS)
    thing = bpy.context.object
    thing.name = "ball"
    thing.data.materials.append(materials.glossy("ball red", (0.55, 0.035, 0.025), 0.18))
    thing.data.materials.append(materials.glossy("ball cream", (0.78, 0.70, 0.52), 0.18))
    thing.data.materials.append(materials.glossy("ball blue", (0.03, 0.10, 0.30), 0.18))
    for face in thing.data.polygons:
        face.use_smooth = True
        height = abs(face.center.y) / motion.BALL_RADIUS
        face.material_index = 2 if height > 0.93 else int(height * 4.3 + 0.5) % 2
    motion.place_ball(thing)
    return thing


def camera() -> Any:
    """The moving camera, 38 mm on a 36 mm wide film back."""
    thing = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    thing.data.lens = 38.0
    bpy.context.collection.objects.link(thing)
    motion.place_camera(thing)
    return thing


def _ground_and_wall() -> None:
    bpy.ops.mesh.primitive_plane_add(size=30.0)
    bpy.context.object.data.materials.append(materials.cobbles())
    bpy.ops.mesh.primitive_plane_add(
        size=30.0, location=(0, WALL_Y, 0), rotation=(radians(90), 0, 0)
    )
    bpy.context.object.data.materials.append(materials.brick_wall())
    stone = materials.painted("kerb stone", (0.30, 0.26, 0.21), 0.8)
    for index in range(16):
        shapes.box("kerb", (0.86, 0.28, 0.17), (-6.6 + index * 0.88, WALL_Y - 0.12, 0.05), stone)


def _door() -> None:
    """A weathered turquoise plank door, close to the creature in colour."""
    paint = materials.wood("door paint", (0.02, 0.16, 0.17), (0.05, 0.30, 0.29), peel=0.6)
    frame = materials.wood("door frame", (0.10, 0.06, 0.035), (0.24, 0.15, 0.08))
    for index in range(6):
        shapes.box("plank", (0.205, 0.05, 2.2), (-0.15 + index * 0.215, WALL_Y - 0.05, 1.1), paint)
    for x in (-0.34, 1.02):
        shapes.box("post", (0.14, 0.16, 2.4), (x, WALL_Y - 0.06, 1.2), frame)
    shapes.box("lintel", (1.6, 0.2, 0.18), (0.34, WALL_Y - 0.07, 2.36), frame)
    iron = materials.painted("iron", (0.03, 0.03, 0.032), 0.4)
    for z in (0.5, 1.75):
        shapes.box("hinge", (1.0, 0.03, 0.07), (0.28, WALL_Y - 0.09, z), iron)
    shapes.box("latch", (0.05, 0.08, 0.2), (0.83, WALL_Y - 0.1, 1.1), iron)


def _lamp() -> None:
    """A lit wall lamp: scene-linear values far above 1."""
    iron = materials.painted("lamp iron", (0.04, 0.04, 0.04), 0.4)
    shade = [(0.02, 0.22), (0.06, 0.2), (0.2, 0.02), (0.2, 0.0)]
    shapes.lathe("shade", shade, (2.8, WALL_Y - 0.35, 2.15), iron)
    shapes.box("arm", (0.03, 0.4, 0.03), (2.8, WALL_Y - 0.18, 2.36), iron)
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.085, location=(2.8, WALL_Y - 0.35, 2.14))
    bpy.context.object.data.materials.append(materials.emission("bulb", (1.0, 0.62, 0.25), 14.0))
    glow = bpy.data.objects.new("glow", bpy.data.lights.new("glow", "POINT"))
    glow.data.energy, glow.data.color, glow.data.shadow_soft_size = 22.0, (1.0, 0.62, 0.28), 0.1
    glow.location = (2.8, WALL_Y - 0.45, 2.0)
    bpy.context.collection.objects.link(glow)


def _crate(at: tuple[float, float], size: float, turn: float, base: float, material: Any) -> None:
    """A slatted crate: three boards a side round a dark core."""
    core = materials.painted("crate core", (0.03, 0.022, 0.015), 0.9)
    shapes.box("core", (size * 0.93,) * 3, (*at, base + size / 2), core, turn)
    for side in range(4):
        angle = radians(turn + 90 * side)
        reach = size / 2 - 0.015
        for level in range(3):
            z = base + size * (0.17 + 0.33 * level)
            middle = (at[0] + reach * sin(angle), at[1] - reach * cos(angle), z)
            shapes.box("slat", (size, 0.03, size * 0.29), middle, material, turn + 90 * side)
    shapes.box("lid", (size, size, 0.03), (*at, base + size), material, turn)


def _clutter() -> None:
    """Crates, drums, a bucket, a tyre: many in the colours of the two objects."""
    pine = materials.wood("pine", (0.16, 0.09, 0.045), (0.42, 0.27, 0.13))
    teal = materials.wood("teal wood", (0.015, 0.14, 0.15), (0.04, 0.27, 0.26), peel=0.9)
    _crate((-2.55, 2.2), 0.85, 12, 0.0, pine)
    _crate((-1.62, 2.35), 0.6, -9, 0.0, teal)
    _crate((-2.5, 2.25), 0.55, 31, 0.87, teal)
    blue = materials.painted("barrel blue", (0.02, 0.19, 0.22), 0.4)
    shapes.lathe("barrel", BARREL, (3.05, 2.3, 0.0), blue)
    red = materials.painted("barrel red", (0.33, 0.035, 0.02), 0.4)
    shapes.lathe("barrel", BARREL, (3.75, 2.0, 0.0), red)
    enamel = materials.painted("bucket red", (0.48, 0.03, 0.02), 0.3)
    bucket = [(0.19, 0.36), (0.2, 0.37), (0.205, 0.36), (0.145, 0.0)]
    shapes.lathe("bucket", bucket, (1.3, 2.45, 0.0), enamel)
    _tyre()
    _pipe()
    _leaning_planks(pine)


def _tyre() -> None:
    bpy.ops.mesh.primitive_torus_add(
        major_radius=0.36,
        minor_radius=0.13,
        location=(2.3, 2.62, 0.42),
        rotation=(radians(74), 0, 0.2),
    )
    rubber = materials.painted("rubber", (0.018, 0.018, 0.02), 0.75)
    bpy.context.object.data.materials.append(rubber)


def _pipe() -> None:
    iron = materials.painted("pipe", (0.12, 0.20, 0.18), 0.35)
    shapes.lathe("pipe", [(0.06, 0.0), (0.06, 5.0)], (-1.02, WALL_Y - 0.12, 0.0), iron)
    collar = [(0.05, 0.0), (0.085, 0.0), (0.085, 0.09), (0.05, 0.09)]
    for z in (0.6, 1.9):
        shapes.lathe("collar", collar, (-1.02, WALL_Y - 0.12, z), iron)


def _leaning_planks(material: Any) -> None:
    for index, lean in enumerate((7, 11, 9)):
        at = (-3.45 + index * 0.24, WALL_Y - 0.32, 1.1)
        plank = shapes.box("leaning plank", (0.19, 0.035, 2.3), at, material)
        plank.rotation_euler = (radians(-lean), radians(3 * index - 4), 0)


def _pebbles(rng: Random) -> None:
    stone = materials.painted("pebble", (0.26, 0.21, 0.17), 0.8)
    brown = materials.painted("brick crumb", (0.33, 0.10, 0.05), 0.85)
    for _ in range(70):
        at = (rng.uniform(-4, 4.4), rng.choice((rng.uniform(-3.2, 2.7), rng.gauss(2.6, 0.15))), 0.0)
        bpy.ops.mesh.primitive_ico_sphere_add(
            subdivisions=2,
            radius=rng.uniform(0.02, 0.065),
            location=at,
            rotation=[rng.uniform(0, 6) for _ in "xyz"],
        )
        pebble = bpy.context.object
        pebble.scale = [rng.uniform(0.5, 1.2) for _ in "xyz"]
        pebble.data.materials.append(rng.choice((stone, stone, brown)))


def _light() -> None:
    """A low warm sun from the front left, a blue sky."""
    sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
    sun.data.energy, sun.data.angle, sun.data.color = 4.6, radians(1.2), (1.0, 0.86, 0.66)
    sun.rotation_euler = SUN
    bpy.context.collection.objects.link(sun)
    world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (0.42, 0.58, 0.95, 1)
    background.inputs["Strength"].default_value = 0.75
    bpy.context.scene.world = world
