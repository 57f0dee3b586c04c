# SPDX-License-Identifier: GPL-3.0-or-later
"""The two programs that draw in the clip editor; the same for Blender 3.4 to 5.2.

Colours are as they are shown: the clip editor draws after colour management.
"""

from __future__ import annotations

from functools import cache

import gpu
import numpy as np
from gpu.types import (
    GPUBatch,
    GPUShader,
    GPUShaderCreateInfo,
    GPUStageInterfaceInfo,
    GPUVertBuf,
    GPUVertFormat,
)
from numpy.typing import NDArray

__all__ = ["batch", "flat_shader", "forget", "matte_shader", "projection"]

_MATTE = """
float texel(ivec2 at)
{
  return texelFetch(matte, clamp(at, ivec2(0), textureSize(matte, 0) - 1), 0).r;
}

float between(vec2 at)
{
  vec2 corner = floor(at - 0.5);
  vec2 part = at - 0.5 - corner;
  ivec2 first = ivec2(corner);
  float low = mix(texel(first), texel(first + ivec2(1, 0)), part.x);
  float high = mix(texel(first + ivec2(0, 1)), texel(first + ivec2(1, 1)), part.x);
  return mix(low, high, part.y);
}

void main()
{
  float covered = between(place);
  float change = max(fwidth(covered), 1e-4);
  if (zoomed != 0) {
    covered = texel(ivec2(floor(place)));
  }
  if (mode == 0) {
    result = vec4(colour.rgb, colour.a * covered);
  }
  else if (mode == 1) {
    float line = 1.0 - smoothstep(0.5, 1.5, abs(between(place) - 0.5) / change);
    result = vec4(colour.rgb, colour.a * line);
  }
  else if (mode == 2) {
    vec2 cell = floor(gl_FragCoord.xy / 12.0);
    float grey = mod(cell.x + cell.y, 2.0) < 0.5 ? 0.32 : 0.48;
    result = vec4(vec3(grey), 1.0 - covered);
  }
  else if (mode == 3) {
    result = vec4(vec3(0.0), 1.0 - covered);
  }
  else {
    result = vec4(vec3(covered), 1.0);
  }
}
"""


@cache
def matte_shader() -> GPUShader:
    """Draws a tile of a matte; `tiles` has one pixel around what is shown."""
    passed = GPUStageInterfaceInfo("xmempp_matte")
    passed.smooth("VEC2", "place")
    info = _info(passed)
    info.vertex_in(1, "VEC2", "texel_at")
    info.sampler(0, "FLOAT_2D", "matte")
    info.push_constant("VEC4", "colour")
    info.push_constant("INT", "mode")
    info.push_constant("INT", "zoomed")
    info.vertex_source(
        "void main() { place = texel_at; gl_Position = projection * vec4(pos, 0.0, 1.0); }"
    )
    info.fragment_source(_MATTE)
    return gpu.shader.create_from_info(info)


@cache
def flat_shader() -> GPUShader:
    """Draws triangles or lines, each corner in a colour of its own."""
    passed = GPUStageInterfaceInfo("xmempp_flat")
    passed.smooth("VEC4", "tint")
    info = _info(passed)
    info.vertex_in(1, "VEC4", "paint")
    info.vertex_source(
        "void main() { tint = paint; gl_Position = projection * vec4(pos, 0.0, 1.0); }"
    )
    info.fragment_source("void main() { result = tint; }")
    return gpu.shader.create_from_info(info)


def forget() -> None:
    """Lets go of both."""
    matte_shader.cache_clear()
    flat_shader.cache_clear()


def projection() -> object:
    """From pixels of the region to the screen."""
    return gpu.matrix.get_projection_matrix() @ gpu.matrix.get_model_view_matrix()


def batch(kind: str, **corners: NDArray[np.float32]) -> GPUBatch:
    """Something to draw: ``TRIS``, ``TRI_STRIP`` or ``LINES`` with an array per attribute."""
    layout = GPUVertFormat()  # what a shader tells of it by `format_calc` is empty in Blender 5.2
    for name, values in corners.items():
        layout.attr_add(id=name, comp_type="F32", len=values.shape[1], fetch_mode="FLOAT")
    points = GPUVertBuf(layout, len(next(iter(corners.values()))))
    for name, values in corners.items():
        points.attr_fill(name, values)
    return GPUBatch(type=kind, buf=points)


def _info(passed: GPUStageInterfaceInfo) -> GPUShaderCreateInfo:
    info = GPUShaderCreateInfo()
    info.vertex_in(0, "VEC2", "pos")
    info.push_constant("MAT4", "projection")
    info.vertex_out(passed)
    info.fragment_out(0, "VEC4", "result")
    return info
