# SPDX-License-Identifier: Apache-2.0
"""The host of the plugin for Nuke keeps the promises that all hosts are held to, in the fake."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its own manual uses
import pytest

from tests.nuke_fake.plugin import Session, installed, running

from ..hosts.scripts.host_contract import CHECKS, FIRST, LAST

WIDTH, HEIGHT = 64, 36


class NukeStage:
    """A node with a plate and a Roto; an engine that answers with one empty file for a frame."""

    size = (HEIGHT, WIDTH)

    def __init__(self, session: Session, folder: Path) -> None:
        self.session, nuke = session, session.nuke
        self._folder = folder
        nuke.root()["name"].setValue(str(folder / "comp.nk"))
        plate = nuke.nodes.Read(file=f"{folder}/plate.%04d.exr", first=FIRST, last=LAST)
        _write_exr(folder / "plate.1001.exr")
        plate["on_error"].setValue("black")
        self.roto = nuke.nodes.Roto(inputs=[plate])
        self.node = session.part("graph").build(plate, self.roto)
        self.node["shot"].setValue("shot")
        session.plugin._commands()
        frames = session.part("host_frame").Frames(lambda *_: None)
        self.host = session.part("host").NukeHost(self.node, frames, self._answer, _at_once)
        source = session.part("sources").Source("matte", "rgba.alpha")
        self.host.coming = {"ball": source, "hand": source}

    def _answer(
        self, request: Any, then: Callable[[Any], object], ends: Callable[[], object]
    ) -> None:
        messages, image = self.shared("messages"), self.shared("image")
        layer = messages.ObjectLayer(1, "hand")
        data = _write_exr(self._folder / "matte.exr")
        frames = [messages.FrameImage(f, image.EncodedImage("exr", data)) for f in request.frames]
        then(messages.Layers((layer,), tuple(frames)))
        ends()

    def shared(self, name: str) -> ModuleType:
        return self.session.part(f"shared.{name}")

    def paint(self, name: str) -> None:
        self.session.nuke.Layer("paint", ["paint.hand"])  # where nothing is painted
        kept = {1: ("matte", "paint.hand"), 2: ("matte", "rgba.alpha")}
        self.session.part("sources").store(self.node, kept)
        frame = self.host.current_frame()
        self.roto._painted[frame, "rgba.alpha"] = np.ones((HEIGHT, WIDTH), np.float32)

    def png(self) -> bytes:
        raise NotImplementedError("it takes files of layers")

    def described(self, image: Any) -> tuple[tuple[int, int], tuple[str, ...]]:
        (self._folder / "sent.exr").write_bytes(io.BytesIO(image.data).getvalue())
        spec = oiio.ImageInput.open(str(self._folder / "sent.exr")).spec()
        return (spec.full_height, spec.full_width), spec.channelnames

    def marked(self) -> list[int]:
        return [int(frame) for frame in self.node["candidate"].values() if frame != "-"]

    def artists_marks(self) -> list[int]:
        return [1003]  # candidates are keys of a knob of their own

    def shown(self) -> set[tuple[int, int]]:
        files = self.session.part("files")
        return {(frame, 1) for frame in files.frames(files.shown(self.node))}


def _at_once(work: Callable[[], object], then: Callable[[], object]) -> None:
    work()
    then()


def _write_exr(path: Path) -> bytes:
    spec = oiio.ImageSpec(WIDTH, HEIGHT, 1, "half")
    spec.channelnames = ("hand.alpha",)
    output = oiio.ImageOutput.create(str(path))
    output.open(str(path), spec)
    output.write_image(np.zeros((HEIGHT, WIDTH, 1), np.float32))
    output.close()
    return path.read_bytes()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("nuke"))


@pytest.fixture
def stage(home: Path, tmp_path: Path) -> Iterator[NukeStage]:
    with running(home) as session:
        yield NukeStage(session, tmp_path)


@pytest.mark.parametrize("name", CHECKS)
def test_a_promise(stage: NukeStage, name: str) -> None:
    CHECKS[name](stage)
