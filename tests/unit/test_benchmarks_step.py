# SPDX-License-Identifier: Apache-2.0
"""The benchmark of a step at a tiny size: its plain path is XMem's, its table is whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks import step
from benchmarks.drawn import DrawnShot
from benchmarks.plain import PlainPath
from engine_server.network import XMem
from tests.parity.parity_checks import stand_in_network

SHOT = DrawnShot(64, 96)


@pytest.fixture(scope="module")
def network() -> XMem:
    return stand_in_network()


def test_plain_and_engine_path_say_the_same_in_float32(network: XMem) -> None:
    memory = step.remembered(network, SHOT, 3)
    plain = PlainPath(network, memory)
    engine = step.EnginePath(network, step.FLOAT32, memory)
    for number in (3, 4):  # the second with a hidden state
        picture = step.as_tensor(SHOT.frame(number)[0])
        ours, theirs = engine.tracker.step(picture), plain.step(picture)
        torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=0)


def test_affinity_is_dense_and_reads_the_thirty_best(network: XMem) -> None:
    plain = PlainPath(network, step.remembered(network, SHOT, 3))
    with torch.inference_mode():
        picture = step.as_tensor(SHOT.frame(3)[0])[None]
        affinity = plain.affinity(network.encode_key(network.normalise(picture)))
    assert affinity.shape == (1, 3 * 24, 24)
    assert ((affinity > 0).sum(1) <= 30).all()
    torch.testing.assert_close(affinity.sum(1), torch.ones(1, 24))


def test_the_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    words = "--threads 1 --repeats 1 --frames 2 --height 96 --width 96"
    try:
        step.main(words.split())
    finally:
        torch.set_num_threads(threads)
    shown = capsys.readouterr().out
    for row in ("| step |", "| memory frame |", "| mean of ten |", "GFLOP:", "Masks agree on"):
        assert row in shown


def test_the_drawn_shot_moves_and_repeats_itself_exactly() -> None:
    picture, mattes = DrawnShot(40, 60, objects=2).frame(7)
    again, same = DrawnShot(40, 60, objects=2).frame(7)
    assert np.array_equal(picture, again)
    assert all(np.array_equal(mattes[i], same[i]) for i in (1, 2))
    assert picture.shape == (40, 60, 3)
    assert 0.01 < mattes[1].mean() < 0.3
    assert not (mattes[1] * mattes[2]).any()
    assert not np.array_equal(picture, DrawnShot(40, 60, objects=2).frame(8)[0])
