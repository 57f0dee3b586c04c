# SPDX-License-Identifier: Apache-2.0
"""The artist's story in a fake Nuke with a real engine process, on frames from 1001."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.zygote import Engine
from tests.nuke_fake.plugin import Session, installed, running

from .nuke_shot import FIRST, LAST, OBJECTS, Artist, small_plate, truth


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("nuke"))


@pytest.fixture
def session(home: Path) -> Iterator[Session]:
    with running(home) as found:
        yield found


@pytest.fixture(scope="session")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_plate(tmp_path_factory.mktemp("plates") / "plate")


def test_the_story(session: Session, engine: Engine, plate: Path, tmp_path: Path) -> None:
    artist = Artist(session, plate, tmp_path)
    node = artist.node
    artist.open(engine, *OBJECTS)
    assert node["object"].values() == [*OBJECTS]
    artist.paint(FIRST, *OBJECTS)
    artist.run("reference_add")
    assert node["reference"].values() == [str(FIRST)]
    artist.run("propagate")
    assert artist.files() == [*range(FIRST, LAST + 1)]
    for frame in (FIRST, 1004, LAST):
        planes = artist.downstream(frame).planes
        assert {"creature.alpha", "ball.alpha", "rgba.red", "rgba.alpha"} <= planes.keys()
        assert np.array_equal(planes["rgba.alpha"], planes["creature.alpha"])
        assert artist.overlap(frame, "creature") > 0.6
    assert np.array_equal(artist.downstream(FIRST).planes["ball.alpha"], truth("ball", FIRST))
    assert len(node["confidence"].getKeyList()) >= LAST - FIRST

    node["count"].setValue(2)
    artist.run("suggest")
    marked = [int(frame) for frame in node["candidates"].getKeyList()]
    assert sorted(map(int, node["candidate"].values())) == marked
    best = int(node["candidate"].values()[0])
    assert node["candidates"].getValueAt(best) == 1
    artist.run("candidate_next")
    assert artist.nuke.frame() == best
    artist.paint(best, *OBJECTS)
    artist.run("reference_add")
    assert best not in map(int, node["candidates"].getKeyList())
    artist.run("propagate")
    for name in OBJECTS:
        assert np.array_equal(artist.downstream(best).planes[f"{name}.alpha"], truth(name, best))
    before = artist.nuke.frame()
    assert artist.downstream(before).planes["rgba.red"].max() > 1  # the plate passes unclamped
