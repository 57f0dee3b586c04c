# SPDX-License-Identifier: Apache-2.0
"""One EXR for each frame with an alpha for each object, as programs with layers want it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its own manual uses
import pytest

from benchmarks.zygote import Engine
from engine_server.server import answers_mattes
from shared.client import Client
from shared.errors import UsageError
from shared.image import EncodedImage
from shared.messages import AddObject, Export, GetLayers, Layers, Limits, RenameObject
from tests.drawn import draw_shot, write_plate

from .engines import connected, finished, opened, paint

SHOT = draw_shot(3)


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    return write_plate(tmp_path / "plate", SHOT.pictures)


def read(path: Path) -> tuple[dict[str, np.ndarray], oiio.ImageSpec]:
    """The channels of a file by name."""
    source = oiio.ImageInput.open(str(path))
    spec = source.spec()
    pixels = source.read_image("float")
    assert not source.seek_subimage(1, 0)
    return {name: pixels[..., n] for n, name in enumerate(spec.channelnames)}, spec


def painted(client: Client, plate: Path) -> str:
    """A session with two objects, one of them painted with a soft edge."""
    session = opened(client, plate)
    client.ask(RenameObject(1, "01 héro"), session)
    client.ask(AddObject("hero.left"), session)
    paint(client, session, 1001, {1: SHOT.matte(0) * np.float32(0.3)})
    return session


def saved(layers: Layers, folder: Path) -> list[Path]:
    """The files of an answer."""
    paths = []
    for frame in layers.frames:
        assert isinstance(frame.image, EncodedImage)
        paths.append(folder / f"{frame.frame}.exr")
        paths[-1].write_bytes(bytes(frame.image.data))
    return paths


def test_layers_are_one_file_for_each_frame(engine: Engine, plate: Path, tmp_path: Path) -> None:
    with connected(engine) as client:
        session = painted(client, plate)
        whole = client.ask(GetLayers((1001, 1002), "float32"), session)
        half = client.ask(GetLayers((1001,)), session)
    assert [frame.frame for frame in whole.frames] == [1001]  # 1002 has no matte yet
    assert [(one.object, one.layer) for one in whole.layers] == [
        (1, "object_01_hero"),
        (2, "hero_left"),
    ]
    planes, spec = read(saved(whole, tmp_path)[0])
    assert {*planes} == {"object_01_hero.alpha", "hero_left.alpha"}
    assert not spec.tile_width
    assert np.array_equal(planes["object_01_hero.alpha"], SHOT.matte(0) * np.float32(0.3))
    assert not planes["hero_left.alpha"].any()
    planes, spec = read(saved(half, tmp_path)[0])
    assert str(spec.format) == "half"


def test_an_answer_that_is_too_large_is_refused() -> None:
    answers_mattes._check_total(Limits().total_bytes, "The layers of 9 frames")
    with pytest.raises(UsageError, match="The layers of 9 frames don't fit into one answer"):
        answers_mattes._check_total(Limits().total_bytes + 1, "The layers of 9 frames")


def test_an_export_has_the_same_names(engine: Engine, plate: Path, tmp_path: Path) -> None:
    out = tmp_path / "projects" / "out"
    with connected(engine) as client:
        session = painted(client, plate)
        finished(client, client.ask(Export(str(out), "{clip}.{frame}"), session).job)
    planes, _ = read(out / "plate.1001.exr")
    assert {*planes} == {"object_01_hero.alpha"}
