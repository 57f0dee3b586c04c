# SPDX-License-Identifier: Apache-2.0
"""``xmempp propagate``: painted masks in, a matte on every frame out."""

from __future__ import annotations

import argparse
import json
import logging
import sys

from rich.console import Console

from engine_server.session import Direction, FrameResult, PropagationReport, Session
from engine_server.session.sweeps import frames_in
from shared.errors import BadPlate

from .opening import open_session, read_shot
from .outputs import MatteWriter
from .progress import frame_progress

__all__ = ["carry", "run"]

log = logging.getLogger(__name__)


def run(options: argparse.Namespace, messages: Console) -> int:
    """Runs the command; returns the exit code."""
    plate, masks = read_shot(options)
    writer = MatteWriter(
        options.output,
        plate,
        masks.names,
        masks.palette,
        overlays=options.overlays,
        soft=options.soft,
    )
    frames = frames_in(plate, options.range)
    inputs = (options.masks, plate.path(frames[0]).parent)
    writer.prepare(frames, overwrite=options.overwrite, inputs=inputs)
    with open_session(plate, masks, options) as session:
        report = carry(
            session,
            writer,
            messages,
            frames=options.range,
            direction=options.direction,
            flow=options.flow,
        )
    if options.json:
        told = {
            "output": str(options.output),
            "frames": sorted(report.done),
            "skipped": {str(frame): reason for frame, reason in report.skipped.items()},
        }
        sys.stdout.write(json.dumps(told) + "\n")
    if not report.done:
        raise BadPlate(f"None of the {len(frames)} frames could be done: {_first(report)}")
    return 0


def carry(
    session: Session,
    writer: MatteWriter,
    messages: Console,
    *,
    frames: tuple[int, int] | None = None,
    direction: Direction = "forward",
    flow: bool = False,
) -> PropagationReport:
    """Propagates a session and writes the results as they come."""
    total = len(frames_in(session.plate, frames))
    with writer, frame_progress(messages, "propagate", total) as tick:

        def finished(result: FrameResult) -> None:
            writer.take(result)
            tick(result.frame)

        report = session.propagate(
            frames=frames, direction=direction, flow=flow, on_frame=finished, keep=False
        )
    log.info("%d frames in %s%s", len(report.done), writer.folder, _skipped(report))
    return report


def _first(report: PropagationReport) -> str:
    return next(iter(report.skipped.values()), "it was stopped before the first.")


def _skipped(report: PropagationReport) -> str:
    if not report.skipped:
        return ""
    numbers = ", ".join(map(str, sorted(report.skipped)))
    return f"; {len(report.skipped)} skipped: {numbers}"
