# SPDX-License-Identifier: Apache-2.0
"""Trains the embedded model: ``python -m training.train --data DIR --out DIR --minutes 100``."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from pathlib import Path

import cv2
import torch

from engine_server.network import LITE, XMem
from shared.errors import XmemppError

from .data import HELD_OUT, load_shots, load_stills, split_shots
from .loop import LoopConfig, Trainer
from .sampler import ClipSampler, SamplerConfig

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    try:
        _train(options)
    except XmemppError as error:
        logging.getLogger(__name__).error("%s", error)
        return 1
    return 0


def _train(options: argparse.Namespace) -> None:
    shots, held_out = split_shots(
        load_shots(options.data, licence=options.licence), options.hold_out
    )
    stills = load_stills(options.data, licence=options.licence)
    several = SamplerConfig.reference_odds[: options.most_references]
    odds = tuple(share / sum(several) for share in several)
    crops = SamplerConfig(
        options.size, options.clips, options.frames, options.video_share, reference_odds=odds
    )
    config = LoopConfig(
        minutes=options.minutes, iterations=options.iterations, rate=options.rate,
        score_minutes=options.score_minutes,
    )  # fmt: skip
    trainer = Trainer(
        XMem(LITE), ClipSampler(shots, stills, crops), held_out, options.out, config,
        seed=options.seed, pretrained=not options.untrained_trunk, start=options.start,
    )  # fmt: skip
    given = {name: str(value) for name, value in vars(options).items()}
    (options.out / "options.json").write_text(json.dumps(given, indent=1), encoding="utf-8")
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    trainer.run(stop=lambda: bool(stopped))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with video/ and stills/")
    parser.add_argument(
        "--out", type=Path, required=True, help="checkpoints and log; continued if it has some"
    )
    parser.add_argument(
        "--start", type=Path, help="checkpoint whose averaged weights to begin with"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--minutes", type=float, default=0.0, help="time limit, resumed runs included"
    )
    parser.add_argument("--iterations", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate")
    parser.add_argument("--size", type=int, default=192, help="side of the crops")
    parser.add_argument("--clips", type=int, default=4, help="clips per batch")
    parser.add_argument("--frames", type=int, default=4, help="frames per clip")
    parser.add_argument("--most-references", type=int, choices=(1, 2, 3), default=3)
    parser.add_argument("--video-share", type=float, default=0.6)
    parser.add_argument("--score-minutes", type=float, default=10.0, help="between held-out scores")
    parser.add_argument("--licence", choices=("any", "permissive"), default="any")
    parser.add_argument("--hold-out", nargs="*", default=HELD_OUT, help="shots kept aside")
    parser.add_argument(
        "--untrained-trunk", action="store_true", help="do without ImageNet weights"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
