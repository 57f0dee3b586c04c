# SPDX-License-Identifier: Apache-2.0
"""Simple solids; sizes in metres, turns in degrees about z."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi, radians, sin
from typing import Any

import bpy

Point = tuple[float, float, float]


def box(
    name: str,
    size: Point,
    at: Point,
    material: Any,
    turn: float = 0.0,
) -> Any:
    """A box with slightly rounded edges."""
    bpy.ops.mesh.primitive_cube_add(size=1.0, location=at, rotation=(0, 0, radians(turn)))
    solid = bpy.context.object
    solid.name, solid.scale = name, size
    bpy.ops.object.transform_apply(location=False, rotation=False, scale=True)
    bevel = solid.modifiers.new("bevel", "BEVEL")
    bevel.width, bevel.segments = min(0.012, min(size) * 0.2), 1
    solid.data.materials.append(material)
    return solid


def lathe(
    name: str,
    profile: Sequence[tuple[float, float]],
    at: Point,
    material: Any,
    sides: int = 32,
) -> Any:
    """Turn a (radius, height) profile round z."""
    turns = [(cos(2 * pi * s / sides), sin(2 * pi * s / sides)) for s in range(sides)]
    points = [(r * x, r * y, z) for r, z in profile for x, y in turns]
    faces = []
    for row in range(0, (len(profile) - 1) * sides, sides):
        for s in range(sides):
            ahead = (s + 1) % sides
            faces.append((row + s, row + ahead, row + sides + ahead, row + sides + s))
    return mesh(name, points, faces, material, at)


def mesh(
    name: str,
    points: list[Any],
    faces: list[Any],
    material: Any,
    at: Point = (0, 0, 0),
) -> Any:
    """A flat-shaded mesh from points and faces of point numbers."""
    data = bpy.data.meshes.new(name)
    data.from_pydata(points, [], faces)
    data.materials.append(material)
    thing = bpy.data.objects.new(name, data)
    thing.location = at
    bpy.context.collection.objects.link(thing)
    return thing
