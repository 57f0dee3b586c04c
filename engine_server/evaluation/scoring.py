# SPDX-License-Identifier: Apache-2.0
"""Predicted masks against ground truth masks, object by object."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.errors import BadMask, UsageError

from .datasets import Labels, MaskFolder, find_sequences
from .measures import boundary_measure, region_measure
from .report import FrameScore, ObjectScore, Report, SequenceScore

__all__ = ["evaluate"]

_NOTHING = MaskFolder("", {})


def evaluate(predictions: Path, ground_truth: Path, *, skip: Path | None = None) -> Report:
    """J and F of predicted masks, per object, sequence and in all.

    Objects are matched by label, frames by the file name, else by the number in it. The frames
    of the ground truth count and no others, so a partial one is fine; an object counts on all
    of them, with 1 where neither side shows it.

    Args:
        predictions: a folder of masks, or one folder of masks per sequence.
        ground_truth: likewise, with the same sequences or some of them.
        skip: likewise; frames that have a mask here (the painted references) are left out. A
            sequence without a folder here is scored whole.

    Raises:
        NotFound: a folder does not exist.
        UsageError: a frame or sequence was not predicted, or no frame is left.
        BadMask: a mask can't be read, has another size than the ground truth, or the ground
            truth shows no object.
    """
    truth = find_sequences(ground_truth)
    predicted = _laid_out_like(truth, ground_truth, predictions)
    skipped = {} if skip is None else _laid_out_like(truth, ground_truth, skip)
    if absent := [name for name in truth if name not in predicted]:
        raise UsageError(
            f"{predictions} has no masks of {len(absent)} sequences of {ground_truth}, "
            f"the first is {absent[0]}.",
            hint="Propagate them, or take them out of the ground truth.",
        )
    return Report(
        tuple(
            _score_sequence(predicted[name], masks, skipped.get(name, _NOTHING))
            for name, masks in truth.items()
        )
    )


def _laid_out_like(
    truth: dict[str, MaskFolder], ground_truth: Path, folder: Path
) -> dict[str, MaskFolder]:
    sequences = find_sequences(folder)
    if ("" in sequences) != ("" in truth):
        raise UsageError(
            f"Of {folder} and {ground_truth} one holds masks and the other folders of masks.",
            hint="Give both as masks of one sequence, or both as one folder per sequence.",
        )
    return sequences


def _score_sequence(predicted: MaskFolder, truth: MaskFolder, skip: MaskFolder) -> SequenceScore:
    predicted = predicted.numbered_like(truth)
    skip = skip.numbered_like(predicted, truth)
    references = [frame for frame in truth.files if frame in skip.files]
    frames = [frame for frame in truth.files if frame not in skip.files]
    _check_frames(frames, predicted, truth)
    present: set[int] = set()
    for frame in references:
        present |= _objects_in(truth.read(frame))
    scores: dict[int, dict[int, FrameScore]] = {}
    for frame in frames:
        mask, true_mask = _read_pair(predicted, truth, frame)
        in_truth = _objects_in(true_mask)
        present |= in_truth
        for label in in_truth | _objects_in(mask):
            score = _score_frame(frame, mask == label, true_mask == label)
            scores.setdefault(label, {})[frame] = score
    if not present:
        raise BadMask(f"The ground truth of {truth.name} shows no object on any frame.")
    objects = [_object_score(label, frames, scores.get(label, {})) for label in sorted(present)]
    return SequenceScore(truth.name, tuple(objects), tuple(sorted(scores.keys() - present)))


def _check_frames(frames: list[int], predicted: MaskFolder, truth: MaskFolder) -> None:
    if not frames:
        raise UsageError(f"No frame of {truth.name} is left to score: all are references.")
    if missing := [frame for frame in frames if frame not in predicted.files]:
        raise UsageError(
            f"{len(missing)} of {len(frames)} frames of {truth.name} were not predicted, "
            f"the first is frame {missing[0]}.",
            hint="Propagate them, or take them out of the ground truth.",
        )


def _read_pair(predicted: MaskFolder, truth: MaskFolder, frame: int) -> tuple[Labels, Labels]:
    mask, true_mask = predicted.read(frame), truth.read(frame)
    if mask.shape != true_mask.shape:
        sizes = [f"{image.shape[1]} x {image.shape[0]}" for image in (mask, true_mask)]
        raise BadMask(
            f"The mask {predicted.files[frame]} is {sizes[0]} pixels, "
            f"its ground truth {truth.files[frame]} {sizes[1]}.",
            hint="Masks and ground truth must have the size of the plate.",
        )
    return mask, true_mask


def _objects_in(labels: Labels) -> set[int]:
    return set(np.flatnonzero(np.bincount(labels.ravel())).tolist()) - {0}


def _score_frame(frame: int, mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> FrameScore:
    return FrameScore(frame, region_measure(mask, truth), boundary_measure(mask, truth))


def _object_score(label: int, frames: list[int], scores: dict[int, FrameScore]) -> ObjectScore:
    """All frames of an object: those without a score show it on neither side."""
    absent = (FrameScore(frame, 1.0, 1.0) for frame in frames)
    return ObjectScore(label, tuple(scores.get(score.frame, score) for score in absent))
