# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers for people: how far a job is, how full memory is."""

from __future__ import annotations

from .shared.hosts import JobShown

__all__ = ["duration", "gigabytes", "sentence"]

_WORK = {"propagate": "Propagating", "suggest": "Looking for frames", "export": "Exporting"}


def sentence(job: JobShown) -> str:
    """``Propagating: 12 of 100 frames, 1 min 20 s left``."""
    work = _WORK.get(job.work, job.work.capitalize())
    if not job.total:
        return f"{work} …"
    left = "" if job.seconds_left is None else f", {duration(job.seconds_left)} left"
    return f"{work}: {job.done} of {job.total} frames{left}"


def duration(seconds: float) -> str:
    """``45 s``, ``1 min 20 s``, ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def gigabytes(count: int) -> str:
    """``1.2 GB``."""
    return f"{count / 1e9:.1f} GB"
