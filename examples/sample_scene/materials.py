# SPDX-License-Identifier: Apache-2.0
"""Procedural materials; colours are scene-linear RGB."""

from __future__ import annotations

from typing import Any

import bpy

Colour = tuple[float, float, float]

# The clear coat's inputs were renamed in Blender 4.0.
COAT = (
    ("Coat Weight", "Coat Roughness")
    if bpy.app.version >= (4, 0, 0)
    else ("Clearcoat", "Clearcoat Roughness")
)


def _rgba(colour: Colour) -> tuple[float, float, float, float]:
    return (*colour, 1.0)


def _coat(weight: float, roughness: float) -> dict[str, float]:
    return dict(zip(COAT, (weight, roughness), strict=True))


class Graph:
    """A material and its shader nodes, written as nested calls."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.tree.nodes.clear()

    def node(self, kind: str, inputs: dict[str | int, Any] | None = None, **settings: Any) -> Any:
        """Add one shader node; an input that is a socket is linked, any other value is set."""
        node = self.tree.nodes.new("ShaderNode" + kind)
        for name, value in settings.items():
            setattr(node, name, value)
        for key, value in (inputs or {}).items():
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, node.inputs[key])
            else:
                node.inputs[key].default_value = value
        return node

    def coords(self) -> Any:
        """Object coordinates, which stay on a rigid object as it moves."""
        return self.node("TexCoord").outputs["Object"]

    def noise(self, vector: Any, scale: float, detail: float = 2.0, flat: bool = False) -> Any:
        """Fractal noise, 0..1; ``flat`` looks at x and y alone, at half the cost."""
        values = {"Vector": vector, "Scale": scale, "Detail": detail, "Roughness": 0.6}
        return self.node("TexNoise", values, noise_dimensions="2D" if flat else "3D").outputs["Fac"]

    def cells(self, vector: Any, scale: float, feature: str = "F1") -> Any:
        """Flat Voronoi cells: a node with Distance, and Color unless it measures the edges."""
        values = {"Vector": vector, "Scale": scale}
        return self.node("TexVoronoi", values, voronoi_dimensions="2D", feature=feature)

    def ramp(self, value: Any, low: float, high: float) -> Any:
        """Map ``low..high`` to 0..1 with a smooth step, clamped."""
        values = {"Value": value, "From Min": low, "From Max": high}
        return self.node("MapRange", values, interpolation_type="SMOOTHSTEP").outputs["Result"]

    def math(self, operation: str, first: Any, second: Any) -> Any:
        """Combine two scalars."""
        return self.node("Math", {0: first, 1: second}, operation=operation).outputs[0]

    def mix(self, factor: Any, first: Any, second: Any, blend: str = "MIX") -> Any:
        """Blend two colours."""
        colours = [_rgba(c) if isinstance(c, tuple) else c for c in (first, second)]
        values = {"Fac": factor, "Color1": colours[0], "Color2": colours[1]}
        return self.node("MixRGB", values, blend_type=blend).outputs["Color"]

    def surface(
        self,
        colour: Any,
        roughness: Any = 0.7,
        height: Any = None,
        depth: float = 0.02,
        **more: Any,
    ) -> Any:
        """Finish with a principled shader, bumped by ``height`` times ``depth`` metres."""
        base = _rgba(colour) if isinstance(colour, tuple) else colour
        inputs = {"Base Color": base, "Roughness": roughness, **more}
        if height is not None:
            bump = self.node("Bump", {"Height": height, "Distance": depth, "Strength": 1.0})
            inputs["Normal"] = bump.outputs["Normal"]
        shader = self.node("BsdfPrincipled", inputs)
        self.node("OutputMaterial", {"Surface": shader.outputs[0]})
        return self.material


def emission(name: str, colour: Colour, strength: float = 1.0) -> Any:
    """A light-giving flat colour."""
    graph = Graph(name)
    shader = graph.node("Emission", {"Color": _rgba(colour), "Strength": strength})
    graph.node("OutputMaterial", {"Surface": shader.outputs[0]})
    return graph.material


def brick_wall() -> Any:
    """Worn bricks with crumbling plaster, damp and mossy towards the ground (local y is up)."""
    g = Graph("brick wall")
    at = g.coords()
    bricks = g.node(
        "TexBrick",
        {
            "Vector": at,
            "Scale": 1.0,
            "Brick Width": 0.34,
            "Row Height": 0.125,
            "Mortar Size": 0.012,
            "Mortar Smooth": 0.3,
            "Bias": -0.1,
            "Color1": (0.36, 0.105, 0.05, 1),
            "Color2": (0.17, 0.06, 0.04, 1),
            "Mortar": (0.30, 0.26, 0.21, 1),
        },
    )
    grain = g.noise(at, 38.0, 1.0, flat=True)
    colour = g.mix(
        0.55, bricks.outputs["Color"], g.mix(grain, (0.35, 0.3, 0.3), (1.0, 1.0, 1.0)), "MULTIPLY"
    )
    patches = g.math(
        "ADD", g.noise(at, 0.75, 5.0, flat=True), g.math("MULTIPLY", bricks.outputs["Fac"], 0.03)
    )
    plaster = g.ramp(patches, 0.585, 0.60)
    render = g.mix(g.noise(at, 5.0, 3.0, flat=True), (0.30, 0.25, 0.17), (0.58, 0.50, 0.38))
    colour = g.mix(plaster, colour, render)
    up = g.node("SeparateXYZ", {0: at}).outputs["Y"]
    damp = g.ramp(
        g.math("ADD", up, g.math("MULTIPLY", g.noise(at, 2.4, flat=True), -1.3)), 0.05, -0.6
    )
    colour = g.mix(g.math("MULTIPLY", damp, 0.75), colour, (0.045, 0.06, 0.025))
    relief = g.math("SUBTRACT", g.math("MULTIPLY", grain, 0.35), bricks.outputs["Fac"])
    return g.surface(colour, 0.85, relief, 0.018)


def cobbles() -> Any:
    """Rounded paving stones of many greys and browns, some of them wet, sand in the joints."""
    g = Graph("cobbles")
    at = g.coords()
    shift = g.math("MULTIPLY", g.noise(at, 3.0, 0.0, flat=True), 0.15)
    bent = g.node("VectorMath", {0: at, 1: shift}, operation="ADD").outputs[0]
    edge = g.cells(bent, 3.6, "DISTANCE_TO_EDGE").outputs["Distance"]
    tint = g.node("SeparateXYZ", {0: g.cells(bent, 3.6).outputs["Color"]}).outputs["X"]
    colour = g.mix(tint, (0.13, 0.115, 0.10), (0.40, 0.32, 0.24))
    grain = g.noise(at, 26.0, 2.0, flat=True)
    colour = g.mix(0.7, colour, g.mix(grain, (0.3, 0.3, 0.32), (1.25, 1.2, 1.15)), "MULTIPLY")
    joint = g.ramp(edge, 0.045, 0.015)
    colour = g.mix(
        joint, colour, g.mix(g.noise(at, 1.4, flat=True), (0.05, 0.075, 0.02), (0.12, 0.10, 0.07))
    )
    wet = g.ramp(g.noise(at, 0.9, flat=True), 0.53, 0.62)
    colour = g.mix(g.math("MULTIPLY", wet, 0.45), colour, (0.02, 0.02, 0.02))
    roughness = g.math("SUBTRACT", 0.8, g.math("MULTIPLY", wet, 0.5))
    return g.surface(colour, roughness, g.ramp(edge, 0.0, 0.16), 0.05)


def wood(name: str, dark: Colour, light: Colour, peel: float = 0.0) -> Any:
    """Planks with grain along local z; ``peel`` 0..1 wears the paint down to bare wood."""
    g = Graph(name)
    at = g.coords()
    stretched = g.node("Mapping", {"Vector": at, "Scale": (9.0, 9.0, 0.9)}).outputs[0]
    grain = g.noise(stretched, 2.2, 3.0)
    colour = g.mix(g.ramp(grain, 0.3, 0.7), dark, light)
    worn = g.ramp(
        g.math("ADD", g.noise(at, 4.5, 4.0), g.math("MULTIPLY", grain, 0.25)),
        0.78 - 0.2 * peel,
        0.80 - 0.2 * peel,
    )
    bare = g.mix(grain, (0.10, 0.065, 0.04), (0.34, 0.24, 0.15))
    return g.surface(g.mix(worn, colour, bare) if peel else colour, 0.62, grain, 0.012)


def painted(name: str, colour: Colour, roughness: float = 0.45, dirt: float = 0.6) -> Any:
    """Any hand-worn solid thing: a colour broken up by stains and fine bumps."""
    g = Graph(name)
    at = g.coords()
    stains = g.ramp(g.noise(at, 5.0, 4.0), 0.42, 0.7)
    dirty = (colour[0] * 0.3 + 0.02, colour[1] * 0.3 + 0.015, colour[2] * 0.3 + 0.01)
    mixed = g.mix(g.math("MULTIPLY", stains, dirt), colour, dirty)
    return g.surface(
        mixed,
        g.math("ADD", roughness, g.math("MULTIPLY", stains, 0.25)),
        g.noise(at, 30.0, 0.0),
        0.004,
    )


def skin() -> Any:
    """The creature: turquoise with dark spots and a cream belly, soft sheen, sharp highlights.

    Reads the mesh attributes ``skin_at`` (undeformed position) and ``belly`` (0..1), so that the
    pattern moves with the deforming skin.
    """
    g = Graph("skin")
    rest = g.node("Attribute", attribute_name="skin_at").outputs["Vector"]
    belly = g.node("Attribute", attribute_name="belly").outputs["Fac"]
    cells = g.node("TexVoronoi", {"Vector": rest, "Scale": 5.5, "Randomness": 0.8}).outputs[
        "Distance"
    ]
    base = g.mix(g.noise(rest, 4.0), (0.015, 0.20, 0.22), (0.04, 0.40, 0.36))
    spotted = g.mix(g.ramp(cells, 0.40, 0.34), base, (0.008, 0.055, 0.10))
    front = g.mix(g.noise(rest, 9.0), (0.62, 0.50, 0.24), (0.80, 0.68, 0.40))
    colour = g.mix(g.ramp(belly, 0.4, 0.6), spotted, front)
    pores = g.noise(rest, 45.0, 0.0)
    return g.surface(colour, 0.38, pores, 0.006, **_coat(0.6, 0.12))


def glossy(name: str, colour: Colour, roughness: float = 0.08) -> Any:
    """Clean and shiny: eyes, horns, the ball."""
    return Graph(name).surface(colour, roughness, **_coat(0.5, 0.05))
