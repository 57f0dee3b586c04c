# SPDX-License-Identifier: Apache-2.0
"""Sessions on unusual clips: tiny, single, crowded, movies, float plates; and on a plain one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine_server import FrameResult
from engine_server.evaluation.measures import region_measure
from tests.drawn import Shot, draw_shot, write_movie, write_picture
from tests.unit.sessions import FIRST, NETWORKS, painted_session, session_on


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("size", [(9, 13), (1, 1), (3, 200), (17, 16)])
@pytest.mark.parametrize("flow", [False, True])
def test_plates_smaller_than_a_token(
    tmp_path: Path, network: str, size: tuple[int, int], flow: bool
) -> None:
    shot = draw_shot(3, height=size[0], width=size[1])
    session, _ = painted_session(tmp_path, shot, network=network)
    assert session.propagate(flow=flow).done == [1001, 1002, 1003]
    assert session.matte(1003, 1).shape == size
    session.candidates(2)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
def test_a_clip_of_one_frame(tmp_path: Path, network: str, direction: str) -> None:
    shot = draw_shot(1)
    session, _ = painted_session(tmp_path, shot, network=network)
    assert session.propagate(direction=direction).done == [FIRST]
    assert np.array_equal(session.matte(FIRST, 1), shot.matte(0))
    assert session.candidates() == []


@pytest.mark.parametrize("network", NETWORKS)
def test_30_objects(tmp_path: Path, network: str) -> None:
    drawn = draw_shot(3)
    labels = np.zeros(drawn.size, np.uint8)
    for i in range(30):
        row, column = divmod(i, 6)
        labels[row * 9 + 1 : row * 9 + 8, column * 13 + 1 : column * 13 + 11] = i + 1
    shot = Shot(drawn.pictures, [labels] * 3)
    session, _ = painted_session(tmp_path, shot, objects=range(1, 31), network=network)
    results: list[FrameResult] = []
    session.propagate(on_frame=results.append)
    assert [len(result.mattes) for result in results] == [30] * 3
    assert np.array_equal(results[0].labels(), labels)
    total = np.sum(list(results[2].mattes.values()), axis=0)
    assert total.max() <= 1 + 1e-3


def test_a_movie(tmp_path: Path) -> None:
    shot = draw_shot()
    session = session_on(write_movie(tmp_path / "shot.mkv", shot.pictures))
    session.add_object("hero")
    session.set_reference(0, {1: shot.matte(0)})
    results: list[FrameResult] = []
    session.propagate(on_frame=results.append, direction="backward")
    assert [result.frame for result in results] == [5, 4, 3, 2, 1, 0]
    assert np.array_equal(results[0].view, shot.pictures[5])


def test_float_plates_with_values_that_are_no_light(tmp_path: Path) -> None:
    shot = draw_shot()
    for index, picture in enumerate(shot.pictures):
        light = (picture / 255).astype(np.float32) ** 2.2
        light[:4, :4], light[:4, 4:8], light[4:8, :4], light[4:8, 4:8] = np.nan, np.inf, -np.inf, 9
        write_picture(tmp_path / f"plate.{FIRST + index}.exr", light)
    session = session_on(tmp_path)
    session.add_object("hero")
    session.set_reference(FIRST, {1: shot.matte(0)})
    results: list[FrameResult] = []
    report = session.propagate(on_frame=results.append)
    assert not report.skipped
    for result in results:
        assert np.isfinite(result.mattes[1]).all()
        assert result.view[:4, 4:8].min() == 255
        assert result.view[:4, :4].max() == 0


def test_a_plate_larger_than_the_networks_view(tmp_path: Path) -> None:
    shot = draw_shot(3, height=96, width=161)
    session, _ = painted_session(tmp_path, shot, size=32)
    session.propagate()
    assert session.scaling.model == (64, 107)  # the closest look: twice the size asked for
    assert session.matte(1003, 1).shape == (96, 161)
    assert np.array_equal(session.matte(1001, 1), shot.matte(0))


def test_the_disc_of_a_plain_shot_is_found(tmp_path: Path) -> None:
    """The one test that asks whether the embedded weights are any good."""
    shot = draw_shot(12, height=144, width=240, radius=0.2)
    session, _ = painted_session(tmp_path, shot, at=(0, 11))
    session.propagate()
    scores = [
        region_measure(session.matte(FIRST + i, 1) > 0.5, shot.labels[i] == 1) for i in range(1, 11)
    ]
    assert np.mean(scores) > 0.8
