# SPDX-License-Identifier: Apache-2.0
"""``xmempp propagate``: painted masks in, a matte on every frame out."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from engine_server import __version__
from engine_server.digest import sha256_of
from engine_server.media import MaskSet, Plate
from engine_server.session.sweeps import Direction, frames_in
from shared.errors import BadPlate

from .loading import load_meanwhile
from .opening import NETWORK, begun_flow, open_session, read_shot
from .outputs import MatteWriter
from .progress import frame_progress

if TYPE_CHECKING:
    from engine_server.session import FrameResult, PropagationReport, Session

__all__ = ["carry", "run"]

log = logging.getLogger(__name__)


def run(options: argparse.Namespace, messages: Console) -> int:
    """Runs the command; returns the exit code."""
    load_meanwhile(NETWORK)
    with read_shot(options) as (plate, masks):
        writer = _prepared_writer(plate, masks, options)
        with (
            begun_flow(plate, masks, options) as begun,
            open_session(plate, masks, options, begun) as session,
        ):
            ran: dict[str, object] = {**_what_runs(session)} if options.json else {}
            if options.adapt is not None:
                ran["adapt"] = _adapted(session, messages, options.adapt)
            report = carry(
                session,
                writer,
                messages,
                frames=options.range,
                direction=options.direction,
                flow=options.flow,
            )
    if options.json:
        told = {"output": str(options.output), **_done(report), **ran}
        sys.stdout.write(json.dumps(told) + "\n")
    if not report.done:
        raise BadPlate(f"None of the {len(report.skipped)} frames could be done: {_first(report)}")
    return 0


def _adapted(session: Session, messages: Console, seconds: float) -> dict[str, object]:
    """Fits the network to what is painted; what came of it, for JSON."""
    from engine_server.session import Budget

    with frame_progress(messages, "adapt", 1) as progress:
        adaptation = session.adapt(Budget(seconds), on_preparation=progress.prepare)
    told = asdict(adaptation) if adaptation else {}
    for name, value in told.items():
        if isinstance(value, dict):
            told[name] = {str(frame): round(score, 4) for frame, score in value.items()}
    return told


def _prepared_writer(plate: Plate, masks: MaskSet, options: argparse.Namespace) -> MatteWriter:
    """A writer that has looked whether anything is in its way."""
    writer = MatteWriter(
        options.output,
        plate,
        masks.names,
        masks.palette,
        overlays=options.overlays,
        soft=options.soft,
    )
    inputs = _inputs(plate, masks, options.masks.expanduser())
    frames = frames_in(plate, options.range)
    writer.prepare(frames, overwrite=options.overwrite, inputs=inputs)
    return writer


def _done(report: PropagationReport) -> dict[str, object]:
    skipped = {str(frame): reason for frame, reason in report.skipped.items()}
    return {"frames": sorted(report.done), "skipped": skipped}


def _what_runs(session: Session) -> dict[str, str]:
    """What a farm's log needs to tell results of one network from those of another."""
    from engine_server.network.inference import precision_of

    return {
        "version": __version__,
        "model": session.tracker.network.config.name,
        "weights": str(session.weights),
        "sha256": sha256_of(session.weights),
        "device": str(session.runtime.device),
        "precision": precision_of(session.tracker.network, session.runtime),
    }


def _inputs(plate: Plate, masks: MaskSet, source: Path) -> Iterator[Path]:
    """Every file that is read, and MASKS where each folder in it is taken for an object."""
    yield from masks.files
    yield from map(plate.path, plate.frames)
    if source.is_dir() and masks.files[0].parent != source:
        yield source


def carry(
    session: Session,
    writer: MatteWriter,
    messages: Console,
    *,
    frames: tuple[int, int] | None = None,
    direction: Direction = "forward",
    flow: bool = True,
) -> PropagationReport:
    """Propagates a session and writes the results as they come."""
    total = len(frames_in(session.plate, frames))
    with writer, frame_progress(messages, "propagate", total) as progress:

        def finished(result: FrameResult) -> None:
            writer.take(result)
            progress.tick(result.frame)

        report = session.propagate(
            frames=frames,
            direction=direction,
            flow=flow,
            on_frame=finished,
            on_preparation=progress.prepare,
            keep=False,
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
