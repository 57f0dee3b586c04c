# SPDX-License-Identifier: Apache-2.0
"""What any network has to beat: the nearest reference, carried by optical flow.

    python -m benchmarks.optical_flow_baseline DATASET -k 3 -o OUT

DATASET holds ``JPEGImages/SEQ`` and ``Annotations/SEQ``. Writes index masks to ``OUT/SEQ`` and
prints J&F per sequence over the frames that are no references. The flow is OpenCV's DIS, medium
preset, from each frame to its neighbour on the side of the reference; masks are carried softly
(bilinear) and decided frame by frame. What comes in at the image border is background.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.davis import DavisSequence, markdown, merge, open_dataset
from engine_server.evaluation import Report, evaluate

Array = NDArray[Any]


def main() -> None:
    """Carry, write, score, print."""
    parser = argparse.ArgumentParser(description="Carry reference masks by optical flow.")
    parser.add_argument("dataset", type=Path, help="holds JPEGImages/SEQ and Annotations/SEQ")
    parser.add_argument("--sequences", nargs="+", default=[], help="which sequences (all)")
    parser.add_argument("-k", type=int, default=3, help="references per sequence (3)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the masks")
    arguments = parser.parse_args()
    sequences = open_dataset(arguments.dataset, arguments.sequences)
    reports = [score(sequence, arguments.k, arguments.output) for sequence in sequences]
    print(markdown(merge(reports)))


def score(sequence: DavisSequence, k: int, output: Path) -> Report:
    """Carry ``k`` references through a sequence, write its masks, and score them."""
    references = sequence.references(k)
    folder = output / sequence.name
    folder.mkdir(parents=True, exist_ok=True)
    for frame, labels in carry(sequence, references):
        name = sequence.images()[frame].stem
        Image.fromarray(labels.astype(np.uint8)).save(folder / f"{name}.png")
    with tempfile.TemporaryDirectory() as temporary:
        painted = sequence.copy_masks(references, Path(temporary) / "references")
        return evaluate(folder, sequence.masks, skip=painted)


def carry(sequence: DavisSequence, references: Sequence[int]) -> Iterator[tuple[int, Array]]:
    """Frame number and labels (H x W) of every frame, each from the reference nearest to it."""
    images = sequence.images()
    frames = list(images)
    for reference in references:
        labels = sequence.truth.read(reference)
        yield reference, labels
        for side in _neighbours(frames, references, reference):
            yield from _walk(images, [reference, *side], labels)


def _neighbours(
    frames: list[int], references: Sequence[int], reference: int
) -> tuple[list[int], list[int]]:
    """The frames that have this reference as their nearest one: those after, those before it."""
    positions = {frame: position for position, frame in enumerate(frames)}

    def nearest(frame: int) -> int:
        return min(references, key=lambda other: (abs(positions[other] - positions[frame]), other))

    mine = [frame for frame in frames if nearest(frame) == reference]
    after = [frame for frame in mine if frame > reference]
    before = [frame for frame in mine if frame < reference]
    return after, before[::-1]


def _walk(images: dict[int, Path], path: list[int], labels: Array) -> Iterator[tuple[int, Array]]:
    """Carry the labels of the first frame of a path along it."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    objects = [int(label) for label in np.unique(labels) if label]
    planes = [(labels == label).astype(np.float32) for label in objects]
    image = _grey(images[path[0]])
    for frame in path[1:]:
        source, image = image, _grey(images[frame])
        x, y = _came_from(flow.calc(image, source, None))  # type: ignore[call-overload]
        planes = [cv2.remap(plane, x, y, cv2.INTER_LINEAR) for plane in planes]
        yield frame, _decide(planes, objects, labels.shape)


def _came_from(flow: Array) -> tuple[Array, Array]:
    """Where each pixel was in the frame before: its x and its y, H x W float32 each."""
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return x + flow[..., 0], y + flow[..., 1]


def _decide(planes: list[Array], objects: list[int], size: tuple[int, ...]) -> Array:
    """The label of the greatest plane; the background is what the objects leave over."""
    if not planes:
        return np.zeros(size, np.int32)
    background = 1 - np.sum(planes, axis=0)
    winner: Array = np.argmax([background, *planes], axis=0)
    return np.array([0, *objects])[winner]


def _grey(path: Path) -> Array:
    with Image.open(path) as image:
        grey: Array = np.asarray(image.convert("L"))
    return grey


if __name__ == "__main__":
    main()
