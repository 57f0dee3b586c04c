# SPDX-License-Identifier: Apache-2.0
"""``xmempp suggest``: which frames to paint next."""

from __future__ import annotations

import argparse
import json
import logging
import sys

from rich.console import Console

from engine_server.media import MaskSet, read_masks
from engine_server.session import Session

from .opening import open_session, read_shot
from .progress import frame_progress

__all__ = ["run"]

log = logging.getLogger(__name__)


def run(options: argparse.Namespace, messages: Console) -> int:
    """Runs the command; returns the exit code."""
    stems = _choose(options, messages)
    if not stems:
        log.info("no frame that has a matte is worth painting")
    if options.json:
        told = {"candidates": [{"frame": f, "stem": stem} for f, stem in stems.items()]}
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        sys.stdout.writelines(f"{frame}\t{stem}\n" for frame, stem in stems.items())
    return 0


def _choose(options: argparse.Namespace, messages: Console) -> dict[int, str]:
    """Stems of the chosen frames, best first."""
    with read_shot(options) as (plate, masks), open_session(plate, masks, options) as session:
        session.check_candidates(options.k, options.alpha)
        mattes = None if options.mattes is None else read_masks(options.mattes, plate)
        _load_mattes(session, mattes, messages)
        with frame_progress(messages, "compare", len(plate.frames)) as progress:
            frames = session.candidates(
                options.k,
                alpha=options.alpha,
                min_mask_presence=options.min_mask_presence,
                on_frame=progress.tick,
            )
        return {frame: plate.stem(frame) for frame in frames}


def _load_mattes(session: Session, mattes: MaskSet | None, messages: Console) -> None:
    """Takes earlier results, or makes them."""
    if mattes is not None:
        for frame in mattes.frames:
            known = {i: m for i, m in mattes.frames[frame].items() if i in session.objects}
            if known:
                session.load_mattes(frame, known)
        return
    with frame_progress(messages, "propagate", len(session.plate.frames)) as progress:
        session.propagate(
            on_frame=lambda result: progress.tick(result.frame), on_preparation=progress.prepare
        )
