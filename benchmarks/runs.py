# SPDX-License-Identifier: Apache-2.0
"""Sequences of a data set through a `Session`: what ``xmempp propagate`` does, without files."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.davis import DavisSequence
from engine_server import FrameResult, Session


def add_data_options(parser: argparse.ArgumentParser, k: Sequence[int]) -> None:
    """What every measurement on a data set is told; ``k`` are the default numbers of references."""
    parser.add_argument("dataset", type=Path, help="holds JPEGImages/SEQ and Annotations/SEQ")
    parser.add_argument("--sequences", nargs="+", default=[], help="which sequences (all)")
    parser.add_argument("-k", type=int, nargs="+", default=k, help=f"painted frames each ({k})")
    parser.add_argument("--model", default="lite", help="name or file of the weights (lite)")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda or mps (cpu)")


def painted_objects(sequence: DavisSequence, k: int) -> list[int]:
    """Labels on any of ``k`` evenly spaced masks; what is on none of them can't be asked for."""
    masks = [sequence.truth.read(frame) for frame in sequence.references(k)]
    return sorted({int(label) for mask in masks for label in np.unique(mask)} - {0})


def painted(
    sequence: DavisSequence, k: int, *, model: str = "lite", device: str = "cpu"
) -> Session:
    """A session in which the masks of ``k`` evenly spaced frames are painted; to be closed."""
    session = Session.open(sequence.plate, model=model, device=device)
    objects = painted_objects(sequence, k)
    for obj in objects:
        session.add_object(f"object {obj}", obj=obj)
    for frame in sequence.references(k):
        mask = sequence.truth.read(frame)
        session.set_reference(frame, {obj: mask == obj for obj in objects})
    return session


def propagated(
    sequence: DavisSequence, k: int, *, model: str = "lite", device: str = "cpu", flow: bool = True
) -> Iterator[FrameResult]:
    """Results of all frames in their order, the masks of ``k`` evenly spaced ones being painted."""
    with painted(sequence, k, model=model, device=device) as session:
        for step in session.propagate_frames(flow=flow):
            if isinstance(step, FrameResult):
                yield step
