# SPDX-License-Identifier: Apache-2.0
"""A movie as a plate, its first frame is 0: ``movie.py -- ZIP MOVIE FOLDER``."""

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from inside import arguments, draw_mask, install, part


def main() -> None:
    archive, movie, folder = arguments()
    package = install(archive)
    bridge = part(package, "bridge").current()
    chosen = bpy.context.preferences.addons[package].preferences
    chosen.workspace, chosen.device = f"{folder}/workspace", "cpu"
    clip = bpy.data.movieclips.load(movie)
    assert clip.source == "MOVIE"
    clip.frame_start, clip.xmempp.model = 101, "lite"
    bpy.ops.xmempp.engine_start()
    bpy.ops.xmempp.clip_open()
    bpy.ops.xmempp.wait(seconds=120)
    assert bridge.shot(clip).state.frames == ((0, clip.frame_duration - 1),)
    assert (clip.xmempp.first, clip.xmempp.last) == (0, clip.frame_duration - 1)
    draw_mask("roto", [(10, 10), (30, 10), (30, 30), (10, 30)], (48, 80))
    bpy.ops.xmempp.object_add(object_name="disc", mask="roto", layer="disc")
    bpy.ops.xmempp.wait(seconds=60)
    bpy.context.scene.frame_set(103)
    bpy.ops.xmempp.reference_add()
    bpy.ops.xmempp.wait(seconds=60)
    assert [reference.frame for reference in clip.xmempp.references] == [2]
    bpy.context.scene.frame_set(1)
    bpy.ops.xmempp.reference_jump(frame=2)
    assert bpy.context.scene.frame_current == 103
    bpy.ops.xmempp.propagate(use_range=True, first=1, last=3)
    bpy.ops.xmempp.wait(seconds=120)
    assert bridge.shot(clip).state.done == ((1, 3),)
    bpy.ops.preferences.addon_disable(module=package)


main()
