# SPDX-License-Identifier: Apache-2.0
"""What is loaded while other work is done, and what is begun in that time."""

from __future__ import annotations

import argparse
import gc
import sys
import threading
import time
from pathlib import Path
from unittest import mock

import pytest

from engine_server import cli
from engine_server.commands.loading import load, load_meanwhile
from engine_server.commands.opening import begun_flow
from engine_server.media import open_plate, read_masks
from engine_server.session.scaling import Scaling
from tests.drawn import draw_shot, write_masks, write_movie, write_plate

FIRST = 1001


class Interrupted(Exception):
    """What stops a command in a test."""


SHOT = draw_shot(4)


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a module that takes a while."""
    (tmp_path / "slow_to_load.py").write_text(
        "import gc, time\ntime.sleep(0.3)\ncollected = gc.isenabled()\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "slow_to_load", raising=False)
    return "slow_to_load"


def test_who_needs_a_module_waits_for_it(slow: str) -> None:
    load_meanwhile(slow)
    assert vars(load(slow))["collected"] is False


def test_garbage_is_collected_again_when_all_is_loaded(slow: str) -> None:
    load_meanwhile(slow)
    time.sleep(0.1)
    load(slow)
    for thread in threading.enumerate():
        if thread.name == "loading":
            thread.join()
    assert gc.isenabled()


def test_what_can_not_be_loaded_fails_where_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With the first error: to import the same again may fail otherwise."""
    (tmp_path / "broken_once.py").write_text(
        "import sys\nsys.tried = getattr(sys, 'tried', 0) + 1\nraise ImportError(sys.tried)\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "tried", 0, raising=False)
    load_meanwhile("broken_once")
    time.sleep(0.1)
    with pytest.raises(ImportError, match=r"^1$"):
        load("broken_once")
    assert capfd.readouterr().err == ""


def test_of_a_movie_no_flow_is_begun(tmp_path: Path) -> None:
    """Painted frames are read from it at the same time, and it would seek again and again."""
    movie = write_movie(tmp_path / "shot.mp4", [*SHOT.pictures])
    plate = open_plate(movie)
    masks = write_masks(tmp_path / "m", {plate.stem(plate.frames[0]): SHOT.labels[0]})
    options = argparse.Namespace(flow=True, adapt=None, range=None, direction="forward", size=480)
    with begun_flow(plate, read_masks(masks, plate), options) as found:
        assert found is None


@pytest.mark.parametrize(
    ("painted", "told", "begun"),
    [
        ((0, 3), {}, True),
        ((0,), {"range": (FIRST, FIRST)}, False),
        ((0, 1, 2, 3), {}, False),
        ((0, 3), {"flow": False}, False),
        ((0, 3), {"adapt": 5.0}, False),
    ],
)
def test_flow_is_begun_where_it_is_needed_first(
    tmp_path: Path, painted: tuple[int, ...], told: dict[str, object], *, begun: bool
) -> None:
    plate = open_plate(write_plate(tmp_path / "plate", SHOT.pictures))
    masks = write_masks(tmp_path / "m", {f"frame.{FIRST + i:04d}": SHOT.labels[i] for i in painted})
    defaults = {"flow": True, "adapt": None, "range": None, "direction": "forward", "size": 480}
    options = argparse.Namespace(**{**defaults, **told})
    with begun_flow(plate, read_masks(masks, plate), options) as found:
        assert (found is not None) == begun
        if found is not None:
            scaling = Scaling.to_short_side(plate.size, 480)
            steps = found.take(plate.frames, scaling, 1)
            assert [step.second for step in steps or ()] == list(plate.frames[1:])


def test_flow_is_begun_on_both_sides_of_a_painted_frame(tmp_path: Path) -> None:
    plate = open_plate(write_plate(tmp_path / "plate", SHOT.pictures))
    masks = write_masks(tmp_path / "m", {f"frame.{FIRST + 1:04d}": SHOT.labels[1]})
    options = argparse.Namespace(flow=True, adapt=None, range=None, direction="both", size=480)
    scaling = Scaling.to_short_side(plate.size, 480)
    with begun_flow(plate, read_masks(masks, plate), options) as found:
        assert found is not None
        assert found.take(plate.frames[1:], scaling, 1) is not None
        assert found.take(plate.frames[:2], scaling, 1) is not None


def test_one_heap_is_chosen_before_threads_begin() -> None:
    """A thread that is there before keeps a heap of its own."""
    work = mock.Mock()
    work.main.side_effect = Interrupted
    with (
        mock.patch.multiple(cli, one_heap=work.one_heap, main=work.main),
        pytest.raises(Interrupted),
    ):
        cli.command()
    assert [call[0] for call in work.mock_calls] == ["one_heap", "main"]
