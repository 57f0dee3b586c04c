# SPDX-License-Identifier: Apache-2.0
"""The benchmark of the selector, on few frames."""

from __future__ import annotations

import pytest
import torch

from benchmarks import candidates
from engine_server.session.candidates import choose_candidates, dissimilarity

SHOT = candidates.DriftingShot((6, 10), (96, 160))


def test_neighbours_in_time_are_alike() -> None:
    first, second, later = (SHOT.sketch(frame) for frame in (0, 1, 60))
    assert dissimilarity(first, second) < 0.5 * dissimilarity(first, later)


@pytest.mark.parametrize("previous", [[0], [3, 20], [39, 0, 11]])
def test_lists_are_those_of_comparing_everything(previous: list[int]) -> None:
    frames = [SHOT.sketch(5 * i) for i in range(40)]
    assert any(not frame.present for frame in frames)
    expected = candidates.by_comparing_everything(frames, previous, 6)
    assert len(expected) == 6
    assert choose_candidates(frames, previous, 6) == expected


def test_a_sketch_at_480p_is_small() -> None:
    assert candidates.held(candidates.DriftingShot().sketch(0)) < 0.9e6


def test_the_figures_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    try:
        candidates.main(["--frames", "6", "-k", "2", "--threads", "1", "--short", "4"])
    finally:
        torch.set_num_threads(threads)
    shown = capsys.readouterr().out
    assert "6 frames, 3 painted, 2 wanted" in shown
    assert "MB a frame" in shown
    assert shown.strip().endswith("True")
