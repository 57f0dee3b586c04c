# SPDX-License-Identifier: Apache-2.0
"""Weeds, potted plants, and the branches out of the picture that dapple the light."""

from __future__ import annotations

from math import cos, pi, sin
from random import Random
from typing import Any

from mathutils import Euler, Vector

from sample_scene import materials, shapes

CORNER_TUFTS = ((-2.35, -2.6), (-2.05, -2.9), (-2.6, -2.2), (2.0, -3.0), (2.3, -2.7), (2.55, -2.3))
BRANCHES = ((-3.4, 2.2), (-2.4, 2.9), (-1.2, 3.3), (2.6, 2.7), (3.4, 1.7), (0.6, 3.4), (4.0, 3.0))
POT = ((0.0, 0.3), (0.19, 0.3), (0.2, 0.4), (0.235, 0.4), (0.235, 0.32), (0.21, 0.31), (0.15, 0.0))


class Foliage:
    """Leaves of one material, gathered into one mesh."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)  # noqa: S311 - a picture, not a secret
        self.points: list[Vector] = []
        self.faces: list[tuple[int, ...]] = []

    def tuft(self, centre: Vector, count: int, reach: float, width: float) -> None:
        """Add blades that spring from ``centre``, up to about ``reach`` metres long."""
        rng = self.rng
        for _ in range(count):
            angle, spread = rng.uniform(0, 2 * pi), rng.uniform(0.15, 0.8)
            aim = Vector((cos(angle) * spread, sin(angle) * spread, rng.uniform(0.5, 1.0)))
            root = centre + Vector((rng.gauss(0, 0.03), rng.gauss(0, 0.03), 0))
            self._blade(root, centre + aim * reach, width)

    def _blade(self, root: Vector, tip: Vector, width: float) -> None:
        """Add a leaf bent upwards, pointed at its tip."""
        rng, first = self.rng, len(self.points)
        across = Vector((rng.uniform(-1, 1), rng.uniform(-1, 1), 0)).normalized() * width
        for step in range(4):
            t = step / 3
            bow = Vector((0, 0, 0.25 * (tip - root).length * sin(pi * t)))
            half = across * ((1 - t) ** 0.6 if step else 0.6)
            self.points += [root.lerp(tip, t) + bow - half, root.lerp(tip, t) + bow + half]
        for row in range(first, first + 6, 2):
            self.faces.append((row, row + 1, row + 3, row + 2))

    def leaf(self, centre: Vector, size: float) -> None:
        """Add one loose leaf, turned at random."""
        turn = Euler([self.rng.uniform(0, 6.3) for _ in "xyz"]).to_matrix()
        corners = ((-1.6, 0, 0), (0, -0.7, 0), (1.6, 0, 0), (0, 0.7, 0))
        self.faces.append(tuple(range(len(self.points), len(self.points) + 4)))
        self.points += [centre + turn @ Vector(corner) * size for corner in corners]

    def grow(self, name: str, material: Any, *, smooth: bool = False) -> None:
        """Put the gathered leaves into the scene."""
        thing = shapes.mesh(name, self.points, self.faces, material)
        thing.data.polygons.foreach_set("use_smooth", [smooth] * len(self.faces))


def grass(seed: int) -> None:
    """Weeds along the foot of the wall and, close to the lens, in both lower corners."""
    weeds = Foliage(seed)
    for _ in range(75):
        root = Vector((weeds.rng.uniform(-4.5, 5), weeds.rng.gauss(2.68, 0.06), 0))
        weeds.tuft(root, 9, weeds.rng.uniform(0.12, 0.32), 0.012)
    for x, y in CORNER_TUFTS:
        weeds.tuft(Vector((x, y, 0)), 22, weeds.rng.uniform(0.3, 0.5), 0.013)
    weeds.grow("grass", materials.painted("grass", (0.10, 0.19, 0.025), 0.6, 0.4), smooth=True)


def potted_plants(seed: int) -> None:
    """Three plants in terracotta, close to the wall."""
    clay = materials.painted("terracotta", (0.45, 0.14, 0.06), 0.8)
    plants = Foliage(seed)
    for x, y, size in ((-0.72, 2.5, 1.0), (1.75, 2.35, 1.15), (-3.3, 1.7, 1.25)):
        shapes.lathe("pot", [(r * size, z * size) for r, z in POT], (x, y, 0), clay)
        plants.tuft(Vector((x, y, 0.3 * size)), 34, 0.62 * size, 0.035)
    plants.grow("plants", materials.painted("leaf", (0.06, 0.22, 0.04), 0.35, 0.3))


def leaf_shadows(seed: int, wall_y: float, sun: Euler) -> None:
    """Branches on the way from the sun to the wall, far above the picture."""
    towards_sun = sun.to_matrix() @ Vector((0, 0, 1))
    branches = Foliage(seed)
    for x, z in BRANCHES:
        heart = Vector((x, wall_y, z)) + towards_sun * 7.5
        for _ in range(60):
            centre = heart + Vector([branches.rng.gauss(0, 0.42) for _ in "xyz"])
            branches.leaf(centre, branches.rng.uniform(0.05, 0.12))
    branches.grow("branches", materials.painted("branch leaf", (0.05, 0.15, 0.03)))
