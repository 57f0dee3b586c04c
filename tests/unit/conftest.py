# SPDX-License-Identifier: Apache-2.0
"""Fixtures that several modules here share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image as PillowImage

from engine_server.media import Plate, open_plate
from engine_server.network import LITE, XMem
from tests.nuke_fake.plugin import Session, installed, running
from tests.unit.mask_files import HEIGHT, WIDTH

State = dict[str, torch.Tensor]


@pytest.fixture
def plate(tmp_path: Path) -> Plate:
    folder = tmp_path / "plate"
    folder.mkdir()
    for frame in range(1001, 1006):
        picture = PillowImage.new("RGB", (WIDTH, HEIGHT), (90, 90, 90))
        picture.save(folder / f"plate.{frame}.png")
    return open_plate(folder)


@pytest.fixture(scope="module")
def lite_state() -> State:
    torch.manual_seed(0)
    return {name: tensor.clone() for name, tensor in XMem(LITE).state_dict().items()}


@pytest.fixture(scope="module")
def lite_bytes(lite_state: State, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("weights") / "lite.pth"
    torch.save(lite_state, path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def nuke_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin for Nuke, built and unzipped."""
    return installed(tmp_path_factory.mktemp("nuke"))


@pytest.fixture
def session(nuke_home: Path) -> Iterator[Session]:
    """A fake Nuke with windows and the plugin."""
    with running(nuke_home, gui=True) as found:
        yield found
