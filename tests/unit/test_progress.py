# SPDX-License-Identifier: Apache-2.0
"""What a command says of its progress, on a terminal and in a log."""

from __future__ import annotations

import io
import logging
from unittest import mock

import pytest
from rich.console import Console

from engine_server import Preparation
from engine_server.commands.progress import frame_progress

REFERENCE = Preparation("references", 1003, 1, 3)
FLOW = Preparation("flow", 1007, 4, 20)


def test_the_bar_names_what_is_prepared() -> None:
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=120)
    with frame_progress(console, "propagate", 4) as progress:
        for work, words in (
            (REFERENCE, "encoding reference 2 of 3, frame 1003"),
            (FLOW, "optical flow, frame 1007"),
            (Preparation("adapt", 1003, 5, 200), "adapting to the shot, step 5 of at most 200"),
        ):
            progress.prepare(work)
            progress.columns.refresh()  # type: ignore[attr-defined]
            assert words in drawn.getvalue()
        progress.tick(1001)
    assert "1/4" in drawn.getvalue()
    assert "frame 1001" in drawn.getvalue()


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> object:
    with mock.patch("engine_server.commands.progress.time.monotonic", Clock()) as clock:
        yield clock


def test_a_log_has_a_line_for_the_references_and_one_every_ten_seconds(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    steps = [("references", 0), ("references", 1), ("flow", 9), ("tick", 1), ("flow", 2)]
    with (
        caplog.at_level(logging.INFO),
        frame_progress(Console(file=io.StringIO()), "propagate", 9) as progress,
    ):
        for what, seconds in steps:
            clock.now += seconds
            if what == "tick":
                progress.tick(1001)
            else:
                progress.prepare(Preparation(what, 1001, int(seconds > 0), 2))  # type: ignore[arg-type]
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "propagate: encoding reference 1 of 2, frame 1001",
        "propagate: optical flow, frame 1001",
    ]


def test_the_rate_does_not_count_the_encoding_of_references(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.INFO),
        frame_progress(Console(file=io.StringIO()), "propagate", 2) as progress,
    ):
        clock.now += 50
        progress.prepare(REFERENCE)
        for frame in (1001, 1002):
            clock.now += 2
            progress.tick(frame)
    assert "2/2 frames, frame 1002, 0.5 frames/s, 0 s left" in caplog.text
