# SPDX-License-Identifier: Apache-2.0
"""The picture of ``docs/blender-layers.md``: ``picture.py -- ZIP SAMPLE_SHOT FOLDER PICTURE``.

The creature of the sample shot is painted on three frames, propagated and composited by the nodes
that the add-on sets up; left the plate, right the creature alone on a chequered ground. With an
engine: ``XMEMPP_ENGINE=... python tests/hosts/scripts/picture.py -- ...``
"""

import sys
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from inside import arguments, install, open_plate

PAINTED, SHOWN = (1001, 1022, 1048), 1016


def painted(clip, shot):
    """Three frames, painted in images of the plate's size."""
    creature = clip.xmempp.objects["creature"]
    for frame in PAINTED:
        image = bpy.data.images.load(f"{shot}/truth_alpha/creature/plate.{frame}.png")
        image.colorspace_settings.name = "Non-Color"
        creature.source, creature.image = "IMAGE", image
        bpy.context.scene.frame_set(frame)
        bpy.ops.xmempp.reference_add()
        bpy.ops.xmempp.wait()


def rendered(folder, size):
    """The scene's output at the frame that is shown, premultiplied and linear."""
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.filepath, scene.frame_start = f"{folder}/composite_####", SHOWN
    scene.frame_end = SHOWN
    bpy.ops.render.render(animation=True)
    return pixels_of(f"{folder}/composite_{SHOWN}.exr")


def pixels_of(path):
    """H x W x 4, rows from the bottom, as stored."""
    image = bpy.data.images.load(str(path))
    image.colorspace_settings.name = "Non-Color"
    width, height = image.size
    pixels = np.array(image.pixels[:]).reshape(height, width, -1)
    if pixels.shape[2] == 3:
        pixels = np.dstack([pixels, np.ones((height, width))])
    return pixels


def displayed(linear):
    """Scene-linear values as sRGB."""
    low = np.clip(linear, 0, 1)
    return np.where(low <= 0.0031308, 12.92 * low, 1.055 * low ** (1 / 2.4) - 0.055)


def save(path, pixels):
    """As a JPEG."""
    height, width = pixels.shape[:2]
    image = bpy.data.images.new("picture", width, height)
    image.pixels.foreach_set(np.dstack([pixels, np.ones((height, width))]).astype("f4").ravel())
    image.filepath_raw, image.file_format = str(path), "JPEG"
    bpy.context.scene.render.image_settings.quality = 88
    image.save()


def main():
    archive, shot, folder, picture = arguments()
    package = install(archive)
    chosen = bpy.context.preferences.addons[package].preferences
    chosen.workspace, chosen.device = f"{folder}/workspace", "cpu"
    clip = open_plate(f"{shot}/plate")
    clip.frame_start, clip.xmempp.model, clip.xmempp.mattes = 1001, "lite", f"{folder}/mattes"
    bpy.ops.xmempp.engine_start()
    bpy.ops.xmempp.clip_open()
    bpy.ops.xmempp.wait()
    bpy.ops.xmempp.object_add(object_name="creature")
    bpy.ops.xmempp.wait()
    painted(clip, shot)
    bpy.ops.xmempp.propagate()
    bpy.ops.xmempp.wait(seconds=3000)
    bpy.ops.xmempp.compositor_add(output=True)
    above = rendered(folder, clip.size)
    plate = pixels_of(f"{shot}/plate/plate.{SHOWN}.exr")
    rows, columns = np.mgrid[: above.shape[0], : above.shape[1]] // 16
    ground = np.where((rows + columns) % 2, 0.12, 0.22)[..., None]
    over = above[..., :3] + (1 - above[..., 3:]) * ground
    save(picture, displayed(np.hstack([plate[..., :3], over])))
    bpy.ops.preferences.addon_disable(module=package)


main()
