# SPDX-License-Identifier: Apache-2.0
"""Render the sample shot, in Blender or with its Python module (``pip install bpy==4.2.0``).

    blender --background --python examples/make_sample_shot.py -- OUT [options]
    python examples/make_sample_shot.py OUT [options]

Writes, with the same camera, lens filter and shutter,
    OUT/plate/plate.1001.exr ...   the picture: half float, scene-linear, RGB, lossless
    OUT/cover/plate.1001.exr ...   the share of each pixel that object 1 (red), 2 (green) fills
Then ``examples/pack_sample_shot.py OUT examples/sample_shot`` makes the files that are shipped.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).parent))

from sample_scene import FIRST_FRAME, LAST_FRAME, backlot, creature, materials


def main() -> None:
    """Build the scene and render the frames asked for, the picture first."""
    options = _options()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    backlot.build()
    things = (creature.build(), backlot.ball())
    bpy.context.scene.camera = backlot.camera()
    _set_up(options)
    if "plate" in options.passes:
        _denoise(bpy.context.scene.cycles)
        _render(options, "plate", options.samples)
    if "cover" in options.passes:
        _show_coverage(*things)
        _render(options, "cover", options.cover_samples)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("make_sample_shot.py", description="Render the sample shot.")
    frames, passes = range(FIRST_FRAME, LAST_FRAME + 1), ("plate", "cover")
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, nargs="*", default=frames)
    parser.add_argument("--passes", nargs="*", choices=passes, default=passes)
    parser.add_argument("--width", type=int, default=640, help="the height follows, 16:9")
    parser.add_argument("--samples", type=int, default=14, help="per pixel, for the picture")
    parser.add_argument("--cover-samples", type=int, default=48, help="per pixel, for the coverage")
    # Blender's own arguments come first, up to a lone "--"; as a Python script there are none.
    after = sys.argv.index("--") if "--" in sys.argv else 0
    return parser.parse_args(sys.argv[after + 1 :])


def _set_up(options: argparse.Namespace) -> None:
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = FIRST_FRAME, LAST_FRAME
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y = options.width, options.width * 9 // 16
    render.use_motion_blur, render.motion_blur_shutter = True, 0.5
    render.use_persistent_data = True
    render.image_settings.file_format = "OPEN_EXR"
    render.image_settings.color_mode, render.image_settings.color_depth = "RGB", "16"
    render.image_settings.exr_codec = "ZIP"
    _set_up_paths(scene.cycles)


def _set_up_paths(cycles: Any) -> None:
    """Few bounces and clamped indirect light keep the picture calm at few samples."""
    cycles.seed, cycles.use_animated_seed = 1, True
    cycles.use_adaptive_sampling = False
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 2, 1, 1
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect, cycles.blur_glossy = 2.0, 1.0


def _denoise(cycles: Any) -> None:
    """Use Open Image Denoise; distributions' own Blender packages are built without it."""
    try:
        cycles.denoiser = "OPENIMAGEDENOISE"
    except TypeError:
        cycles.use_denoising = False
        logger = logging.getLogger(__name__)
        logger.warning("This Blender has no denoiser: raise --samples to 256, or expect grain.")
    else:
        cycles.use_denoising, cycles.denoising_prefilter = True, "FAST"


def _show_coverage(first: Any, second: Any) -> None:
    """Paint object 1 flat red, object 2 flat green and the world black, all without light.

    A pixel is then the share of it that shows each object, motion blur and occlusion included.
    """
    colours = {first.name: (1.0, 0.0, 0.0), second.name: (0.0, 1.0, 0.0)}
    flat = {name: materials.emission(f"cover {name}", colour) for name, colour in colours.items()}
    black = materials.emission("cover none", (0.0, 0.0, 0.0), 0.0)
    for thing in bpy.data.objects:
        for slot in thing.material_slots:
            slot.material = flat.get(thing.name, black)
    bpy.context.scene.world = None
    bpy.context.scene.cycles.max_bounces = 0
    bpy.context.scene.cycles.use_denoising = False


def _render(options: argparse.Namespace, name: str, samples: int) -> None:
    scene = bpy.context.scene
    scene.cycles.samples = samples
    for frame in options.frames:
        scene.frame_set(frame)
        scene.render.filepath = str(options.out.resolve() / name / f"plate.{frame}.exr")
        bpy.ops.render.render(write_still=True)


if __name__ == "__main__":
    main()
