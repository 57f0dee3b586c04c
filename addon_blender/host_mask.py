# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks of Blender as mattes, at any frame, without moving the artist's frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import bpy
import numpy as np

from .feather import Spline, steps_of
from .host_rendered import needs_rendering, rendered
from .raster import Matte, Points, blend, fill, sampled
from .shared.errors import BadMask
from .soft_raster import soft_fill
from .tracked import followed

__all__ = ["is_drawn", "matte_of_mask", "reader_of_mask"]

_PRIVATE = ".XMem++"
_WOUND = bpy.app.version >= (5, 2)  # only a spline that goes the other way around cuts a hole
_PLACES = ("handle_left", "co", "handle_right")


def matte_of_mask(
    mask: bpy.types.Mask, layer: str, scene_frame: int, size: tuple[int, int]
) -> Matte | None:
    """What a mask covers at a frame, as `reader_of_mask` and at once.

    Returns:
        H x W, 0..1, rows from the top; None where nothing is drawn.
    """
    read = reader_of_mask(mask, layer, scene_frame, size)
    return None if read is None else read()


def reader_of_mask(
    mask: bpy.types.Mask, layer: str, scene_frame: int, size: tuple[int, int]
) -> Callable[[], Matte] | None:
    """What makes a matte of a mask at a frame, in any thread: its outlines are read here.

    Args:
        mask: the mask.
        layer: one of its layers; empty for all, blended as their modes say.
        scene_frame: the scene's frame.
        size: height and width in pixels.

    Returns:
        None where nothing is drawn.

    Raises:
        BadMask: there is no such layer, or it has to be rendered and has changes that are not
            keyed.
    """
    with _as_shown(mask, scene_frame) as seen:
        layers = [one for one in seen.layers if layer in ("", one.name)]
        if not layers:
            raise BadMask(f"Mask '{mask.name}' has no layer '{layer}'.", hint="Choose another.")
        drawn = [one for one in layers if is_drawn(one)]
        if not any(needs_rendering(one) for one in drawn):
            read = [_Drawn.of(one, size, scene_frame) for one in drawn]
            return (lambda: _blended(read, size, together=not layer)) if read else None
    _check_keys(mask, scene_frame)
    matte = rendered(mask, layer, scene_frame, size)
    return lambda: matte


def is_drawn(layer: bpy.types.MaskLayer) -> bool:
    """Whether a layer has an outline that is rendered."""
    return not layer.hide_render and any(len(one.points) > 1 for one in layer.splines)


@contextmanager
def _as_shown(mask: bpy.types.Mask, scene_frame: int) -> Iterator[bpy.types.Mask]:
    """The mask as the artist sees it at this frame, changes that are not keyed among them."""
    if scene_frame == bpy.context.scene.frame_current:
        bpy.context.view_layer.update()
        yield mask
        return
    with _evaluated(mask, scene_frame) as seen:
        yield seen


@contextmanager
def _evaluated(mask: bpy.types.Mask, scene_frame: int) -> Iterator[bpy.types.Mask]:
    """The mask as it is at a frame, by a scene that nobody sees."""
    scene = bpy.data.scenes.new(_PRIVATE)
    try:
        scene.frame_set(scene_frame)
        yield mask.evaluated_get(scene.view_layers[0].depsgraph)
    finally:
        bpy.data.scenes.remove(scene)


@dataclass(frozen=True)
class _Drawn:
    """A layer as it was drawn."""

    splines: list[Spline]
    alpha: float
    invert: bool
    mode: str
    falloff: str
    holes: bool

    @classmethod
    def of(cls, layer: bpy.types.MaskLayer, size: tuple[int, int], scene_frame: int) -> _Drawn:
        long = [one for one in layer.splines if len(one.points) > 1]
        splines = [_spline(one, size, scene_frame) for one in long]
        shape = layer.falloff, layer.use_fill_holes
        return cls(splines, layer.alpha, layer.invert, layer.blend, *shape)

    def covered(self, size: tuple[int, int]) -> Matte:
        """What it covers: to the pixel where it is hard, else as the compositor has it."""
        if any(spline.soft for spline in self.splines):
            shape = {"holes": self.holes, "falloff": self.falloff}
            return soft_fill(self.splines, *size, **shape, wound=_WOUND)
        outlines = [_outline(spline, size) for spline in self.splines]
        return fill(outlines, *size, holes=self.holes, wound=_WOUND)


def _blended(layers: list[_Drawn], size: tuple[int, int], *, together: bool) -> Matte:
    matte = np.zeros(size, np.float32)
    for layer in layers:
        covered = layer.covered(size)
        weighed = covered if layer.alpha == 1 else covered * np.float32(layer.alpha)
        own = 1 - weighed if layer.invert else weighed
        matte = blend(matte, own, layer.mode, layer.alpha) if together else own
    return matte


def _spline(spline: bpy.types.MaskSpline, size: tuple[int, int], scene_frame: int) -> Spline:
    points = spline.points
    read = Spline(
        knots=np.stack([_values(points, name) for name in _PLACES], axis=1),
        weights=_values(points, "weight", 1).ravel(),
        between=tuple(tuple((w.u, w.weight) for w in one.feather_points) for one in points),
        cyclic=spline.use_cyclic,
        filled=spline.use_fill,
        even=spline.offset_mode == "EVEN",
        ease=spline.weight_interpolation == "EASE",
        untied=spline.use_self_intersection_check,
    )
    knots = followed(spline, read.knots, scene_frame)
    return replace(read, knots=knots, steps=steps_of(read, size))


def _values(points: bpy.types.MaskSplinePoints, name: str, each: int = 2) -> Points:
    values = np.empty(each * len(points), np.float32)
    points.foreach_get(name, values)
    return values.reshape(-1, each).astype(np.float64)


def _outline(spline: Spline, size: tuple[int, int]) -> Points:
    """Pixels from the top left: a mask spans the longer side by 0..1, from the middle, y up."""
    height, width = size
    knots = spline.knots
    if not spline.cyclic:  # a straight line closes it
        knots = knots.copy()
        knots[-1, 2], knots[0, 0] = knots[-1, 1], knots[0, 1]
    middle, turned = np.array([width / 2, height / 2]), np.array([1, -1])
    return sampled((knots - 0.5) * max(size) * turned + middle)


def _check_keys(mask: bpy.types.Mask, scene_frame: int) -> None:
    """Refuses to render what would silently come out differently: the render knows only keys."""
    with _as_shown(mask, scene_frame) as shown, _evaluated(mask, scene_frame) as keyed:
        if not all(map(np.allclose, _places(shown), _places(keyed))):
            raise BadMask(
                f"Mask '{mask.name}' has changes that are not keyed.",
                hint="Press I with the pointer over the mask, and try again.",
            )


def _places(mask: bpy.types.Mask) -> list[Points]:
    """Points and handles of each spline, as the mask has them."""
    splines = [spline for layer in mask.layers for spline in layer.splines]
    return [
        np.array([(*p.handle_left, *p.co, *p.handle_right) for p in spline.points])
        for spline in splines
    ]
