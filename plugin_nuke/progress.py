# SPDX-License-Identifier: Apache-2.0
"""Progress bars with a button to cancel: of jobs in the engine, and of frames being sent."""

from __future__ import annotations

import nuke

from .shared.hosts import JobShown

__all__ = ["JobProgress", "SendProgress"]

_TITLES = {"propagate": "Propagating", "suggest": "Looking for frames", "export": "Exporting"}


class JobProgress:
    """The bar of the job that runs; none without windows.

    Attributes:
        job: the job, to be told in the panel.
    """

    def __init__(self) -> None:
        self.job: JobShown | None = None
        self._bar: nuke.ProgressTask | None = None
        self._asked = False

    def show(self, job: JobShown | None) -> None:
        """Shows how far a job is, or that there is none any more."""
        self.job = job
        if job is None:
            self._bar, self._asked = None, False
            return
        if self._bar is None and nuke.GUI:
            self._bar = nuke.ProgressTask(f"XMem++: {_TITLES.get(job.work, job.work)}")
        if self._bar is not None and job.total:
            self._bar.setProgress(min(100, 100 * job.done // job.total))
            self._bar.setMessage(self.words)

    @property
    def words(self) -> str:
        """Such as ``12 of 48 frames, 30 s left`` or ``waiting``; empty without a job."""
        if self.job is None:
            return ""
        if not self.job.total:
            return "waiting"
        left = self.job.seconds_left
        rest = "" if left is None else f", {left:.0f} s left"
        return f"{self.job.done} of {self.job.total} frames{rest}"

    def wants_cancel(self) -> bool:
        """Whether the artist pressed Cancel; told once for each job."""
        pressed = self._bar is not None and bool(self._bar.isCancelled()) and not self._asked
        self._asked = self._asked or pressed
        return pressed


class SendProgress:
    """The bar of frames that are rendered and sent."""

    def __init__(self) -> None:
        self._bar = nuke.ProgressTask("XMem++: Sending the plate") if nuke.GUI else None

    def __call__(self, done: int, total: int) -> bool:
        """Shows how far it is; whether the artist pressed Cancel."""
        if self._bar is None:
            return False
        self._bar.setProgress(100 * done // total)
        self._bar.setMessage(f"{done} of {total} frames")
        return bool(self._bar.isCancelled())
