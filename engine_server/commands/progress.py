# SPDX-License-Identifier: Apache-2.0
"""A progress bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["frame_progress"]

log = logging.getLogger(__name__)

LOG_EVERY_S = 10.0


@contextmanager
def frame_progress(messages: Console, task: str, total: int) -> Iterator[Callable[[int], None]]:
    """Gives a function to call with each finished frame number."""
    if messages.is_terminal:
        with _bar(messages) as bar:
            row = bar.add_task(task, total=total, rate="")
            start = time.monotonic()

            def tick(frame: int) -> None:
                done = bar.tasks[row].completed + 1
                rate = f"frame {frame}  {done / max(1e-9, time.monotonic() - start):.1f} frames/s"
                bar.update(row, advance=1, rate=rate)

            yield tick
    else:
        yield _LogLines(task, total)


def _bar(messages: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=messages,
    )


class _LogLines:
    """Says how far it is: at the end, and every ten seconds on the way."""

    def __init__(self, task: str, total: int) -> None:
        self.task, self.total = task, total
        self.start = self.said = time.monotonic()
        self.done = 0

    def __call__(self, frame: int) -> None:
        self.done += 1
        now = time.monotonic()
        if self.done < self.total and now - self.said < LOG_EVERY_S:
            return
        self.said = now
        rate = self.done / max(1e-9, now - self.start)
        left = (self.total - self.done) / rate
        log.info(
            "%s: %d/%d frames, frame %d, %.1f frames/s, %.0f s left",
            *(self.task, self.done, self.total, frame, rate, left),
        )
