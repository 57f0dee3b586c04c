# SPDX-License-Identifier: Apache-2.0
"""Blender as a host keeps its promises: ``contract.py -- ZIP PLATE FOLDER``."""

import sys
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from host_contract import CHECKS
from inside import arguments, draw_mask, install, open_plate, part


class BlenderStage:
    """A fresh file with the plate as a clip, shown from the scene's frame 1 on."""

    def __init__(self, package: str, plate: str, folder: str) -> None:
        bpy.ops.wm.read_homefile(use_empty=True)
        self._package = package
        self._clip = open_plate(plate)
        self._clip.xmempp.mattes = folder
        self._folder = Path(folder)
        self._work = part(package, "background").Background()
        bpy.context.scene.timeline_markers.new("XM++ mine", frame=3)
        self.size = (self._clip.size[1], self._clip.size[0])
        self.host = part(package, "host").BlenderHost(self._clip, self._work.submit)

    def shared(self, name):
        return part(self._package, f"shared.{name}")

    def paint(self, name):
        obj = self._clip.xmempp.objects[name]
        obj.source, obj.layer = "MASK", "disc"
        obj.mask = draw_mask("roto", [(10, 10), (40, 10), (40, 40)], self.size)

    def png(self):
        image = bpy.data.images.new("matte", self.size[1], self.size[0])
        image.filepath_raw, image.file_format = str(self._folder / "one matte"), "PNG"
        image.save()
        return Path(image.filepath_raw).read_bytes()

    def marked(self):
        marks = [mark for mark in bpy.context.scene.timeline_markers if mark.name != "XM++ mine"]
        shift = 1000
        return [mark.frame + shift for mark in sorted(marks, key=lambda mark: mark.name)]

    def artists_marks(self):
        marks = bpy.context.scene.timeline_markers
        return [mark.frame + 1000 for mark in marks if mark.name == "XM++ mine"]

    def shown(self):
        end = time.monotonic() + 10
        while self._work.busy and time.monotonic() < end:
            self._work.deliver(0.01)
        ids = {obj.name: obj.object for obj in self._clip.xmempp.objects if obj.result}
        files = self._folder.rglob("*.*.png")
        return {(int(path.name.split(".")[-2]), ids[path.parent.name]) for path in files}


def main():
    archive, plate, folder = arguments()
    package = install(archive)
    for name, check in CHECKS.items():
        mattes = Path(folder) / name
        mattes.mkdir()
        check(BlenderStage(package, plate, str(mattes)))


main()
