# SPDX-License-Identifier: Apache-2.0
"""A progress bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from engine_server.session import Preparation

__all__ = ["FrameProgress", "frame_progress"]

log = logging.getLogger(__name__)

LOG_EVERY_S = 10.0


class FrameProgress(Protocol):
    """What a command tells of its progress."""

    def tick(self, frame: int) -> None:
        """A frame is finished."""

    def prepare(self, work: Preparation) -> None:
        """Work goes on that results have to wait for."""


@contextmanager
def frame_progress(messages: Console, task: str, total: int) -> Iterator[FrameProgress]:
    """A bar for a task of so many frames where messages go to a terminal, else log lines."""
    if messages.is_terminal:
        with _columns(messages) as columns:
            yield _Bar(columns, task, total)
    else:
        yield _LogLines(task, total)


def _columns(messages: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=messages,
    )


class _Bar:
    """Drawn anew all the time; the note beside it says what is going on."""

    def __init__(self, columns: Progress, task: str, total: int) -> None:
        self.columns = columns
        self.row = columns.add_task(task, total=total, note="")
        self.rate = _Rate()

    def tick(self, frame: int) -> None:
        rate = self.rate.after_one_more()
        self.columns.update(self.row, advance=1, note=f"frame {frame}  {rate:.1f} frames/s")

    def prepare(self, work: Preparation) -> None:
        self.rate.put_off(work)
        self.columns.update(self.row, note=_sentence(work))


class _LogLines:
    """Says how far it is: when references are encoded, at the end, and every ten seconds."""

    def __init__(self, task: str, total: int) -> None:
        self.task, self.total = task, total
        self.rate = _Rate()
        self.said = time.monotonic()

    def tick(self, frame: int) -> None:
        rate = self.rate.after_one_more()
        left = self.total - self.rate.done
        if left > 0 and not self._silent_for_long():
            return
        log.info(
            "%s: %d/%d frames, frame %d, %.1f frames/s, %.0f s left",
            *(self.task, self.rate.done, self.total, frame, rate, left / rate),
        )

    def prepare(self, work: Preparation) -> None:
        self.rate.put_off(work)
        begins = (work.stage == "references" and work.done == 0) or (
            work.stage == "adapt" and work.done == 1
        )
        if self._silent_for_long() or begins:
            log.info("%s: %s", self.task, _sentence(work))

    def _silent_for_long(self) -> bool:
        """Whether it is time to say something; it is taken as said."""
        now = time.monotonic()
        if now - self.said < LOG_EVERY_S:
            return False
        self.said = now
        return True


class _Rate:
    """Frames per second since the references were encoded."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.done = 0

    def after_one_more(self) -> float:
        self.done += 1
        return self.done / max(1e-9, time.monotonic() - self.start)

    def put_off(self, work: Preparation) -> None:
        """The network's first look at the references is no measure of the frames."""
        if work.stage == "references" and not self.done:
            self.start = time.monotonic()


def _sentence(work: Preparation) -> str:
    if work.stage == "references":
        return f"encoding reference {work.done + 1} of {work.total}, frame {work.frame}"
    if work.stage == "adapt":
        return f"adapting to the shot, step {work.done} of at most {work.total}"
    return f"optical flow, frame {work.frame}"
