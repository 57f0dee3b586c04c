# SPDX-License-Identifier: Apache-2.0
"""Are validation frames among the training frames?

``python -m training.leak_check TRAIN VALIDATION`` says which are most alike.

Demo clips are often copies of benchmark sequences. Frames are reduced to small grey
thumbnails, made independent of brightness and contrast, and compared by correlation, also
mirrored. Copies correlate above 0.98, other frames of the same shot above 0.9.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.errors import NotFound

__all__ = ["Pair", "main", "nearest_pairs"]

_SIDE = 16
_SUFFIXES = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True)
class Pair:
    """A validation frame, the training frame most like it, and their correlation in -1..1."""

    correlation: float
    validation: Path
    training: Path


def nearest_pairs(training: Path, validation: Path) -> list[Pair]:
    """For every validation folder the most similar pair, the most similar first."""
    train_paths, train = _thumbnails(training)
    valid_paths, valid = _thumbnails(validation)
    mirrored = valid.reshape(-1, _SIDE, _SIDE)[..., ::-1].reshape(valid.shape)
    alike = np.maximum(valid @ train.T, mirrored @ train.T)
    nearest = alike.argmax(1)
    best: dict[Path, Pair] = {}
    for row, path in enumerate(valid_paths):
        pair = Pair(float(alike[row, nearest[row]]), path, train_paths[nearest[row]])
        if path.parent not in best or pair.correlation > best[path.parent].correlation:
            best[path.parent] = pair
    return sorted(best.values(), key=lambda pair: -pair.correlation)


def _thumbnails(root: Path) -> tuple[list[Path], NDArray[np.float32]]:
    """Pictures below ``root`` (not the masks), and their unit vectors."""
    paths = [p for p in sorted(root.rglob("*")) if p.suffix.lower() in _SUFFIXES and _is_picture(p)]
    vectors = np.stack([_thumbnail(path) for path in paths])
    return paths, vectors


def _is_picture(path: Path) -> bool:
    return not {"Annotations", "masks"} & set(path.parts)


def _thumbnail(path: Path) -> NDArray[np.float32]:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise NotFound(f"The picture {path} can't be read.")
    small = (
        cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    )
    small -= small.mean()
    return small / max(float(np.linalg.norm(small)), 1e-6)


def main(arguments: list[str] | None = None) -> int:
    """Prints the nearest pairs; the exit code is 1 when one of them looks like a leak."""
    parser = argparse.ArgumentParser(prog="python -m training.leak_check", description=__doc__)
    parser.add_argument("training", type=Path)
    parser.add_argument("validation", type=Path)
    parser.add_argument(
        "--limit", type=float, default=0.95, help="correlation that counts as a leak"
    )
    options = parser.parse_args(arguments)
    pairs = nearest_pairs(options.training, options.validation)
    for pair in pairs:
        sys.stdout.write(f"{pair.correlation:.3f}  {pair.validation}  {pair.training}\n")
    return int(any(pair.correlation > options.limit for pair in pairs))


if __name__ == "__main__":
    sys.exit(main())
