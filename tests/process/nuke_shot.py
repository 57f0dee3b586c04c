# SPDX-License-Identifier: Apache-2.0
"""An artist with the XMem++ node in a fake Nuke, on real rendered frames, made small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its own manual uses
from numpy.typing import NDArray

from benchmarks.zygote import Engine
from tests.nuke_fake.plugin import Session
from tests.nuke_fake.render import Picture, pull

SAMPLE = Path(__file__).parents[2] / "examples" / "sample_shot"
SIZE = (128, 72)  # width and height
FIRST, LAST = 1001, 1008
OBJECTS = ("creature", "ball")

Plane = NDArray[np.float32]


def small_plate(folder: Path, first: int = FIRST, last: int = LAST) -> Path:
    """Frames of the sample shot, half float with values above 1; their pattern."""
    folder.mkdir()
    for frame in range(first, last + 1):
        pixels = _pixels(SAMPLE / "plate" / f"plate.{frame}.exr")
        small = cv2.resize(pixels, SIZE, interpolation=cv2.INTER_AREA)
        write_picture(folder / f"plate.{frame}.exr", small)
    return folder / "plate.%04d.exr"


def write_picture(path: Path, pixels: Plane, names: str = "RGB") -> None:
    """An EXR of half floats, with a channel for each letter."""
    spec = oiio.ImageSpec(*SIZE, len(names), "half")
    spec.channelnames = tuple(names)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec)
    output.write_image(pixels)
    output.close()


def truth(obj: str, frame: int) -> Plane:
    """What an artist would paint, in steps of 1/256, which a half float keeps."""
    alpha = _pixels(SAMPLE / "truth_alpha" / obj / f"plate.{frame}.png")[..., 0]
    small = cv2.resize(alpha, SIZE, interpolation=cv2.INTER_AREA)
    return np.round(small * 256) / np.float32(256)


def _pixels(path: Path) -> Plane:
    return np.asarray(oiio.ImageInput.open(str(path)).read_image("float"), np.float32)


class Artist:
    """One node with its plate and paint.

    Args:
        session: a running Nuke.
        plate: pattern of the plate's files.
        folder: for the script.
        last: frame of the plate.
    """

    def __init__(self, session: Session, plate: Path, folder: Path, last: int = LAST) -> None:
        self.session, self.app, self.nuke = session, session.app, session.nuke
        root = self.nuke.root()
        root["first_frame"].setValue(FIRST)
        root["last_frame"].setValue(last)
        self.nuke.scriptSaveAs(str(folder / "comp.nk"), True)
        self.read = self.nuke.nodes.Read(file=str(plate), first=FIRST, last=last)
        self.nuke.Layer("paint", ["paint.ball"])
        self.roto = self.nuke.nodes.Roto(inputs=[self.read], name="Paint")
        self.node = session.part("graph").build(self.read, self.roto)
        self.node["size"].setValue(72)
        self.node["model"].setValue("lite")
        self.nuke.frame(FIRST)

    def run(self, command: str, **options: Any) -> None:
        """Presses a button and waits."""
        self.session.plugin.run(self.node, command, **options)

    def open(self, engine: Engine, *objects: str) -> None:
        """Connects to an engine, opens the shot, adds objects."""
        self.node["connection_file"].setValue(str(engine.file))
        self.run("engine_connect")
        self.run("clip_open")
        for name in objects:
            channel = "rgba.alpha" if name == "creature" else "paint.ball"
            self.run("object_add", name=name, source=f"matte:{channel}")

    def paint(self, frame: int, *objects: str) -> None:
        """Paints objects at a frame, as they are, and goes there."""
        for name in objects:
            channel = "rgba.alpha" if name == "creature" else "paint.ball"
            self.roto._painted[frame, channel] = truth(name, frame)
        self.nuke.frame(frame)

    def downstream(self, frame: int) -> Picture:
        """What a node after this one sees."""
        picture = pull(self.node, frame)
        assert picture is not None
        return picture

    def overlap(self, frame: int, name: str) -> float:
        """How much a layer and the truth have in common, 0 to 1."""
        matte, wanted = self.downstream(frame).planes[f"{name}.alpha"], truth(name, frame)
        return float(np.minimum(matte, wanted).sum() / np.maximum(matte, wanted).sum())

    def files(self) -> list[int]:
        """Frames that have an EXR."""
        files = self.session.part("files")
        return [*files.frames(files.newest(self.node))]
