# SPDX-License-Identifier: Apache-2.0
"""A tiny drawn training set in the layout that `training.data` reads: a trial of the loop."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

__all__ = ["draw_training_set"]


def draw_training_set(root: Path, *, frames: int = 8, shots: int = 2, stills: int = 6) -> Path:
    """Discs over noise: shots (disc 2 only from the second on), and two sets of stills.

    Args:
        root: folder to draw into.
        frames: per shot, each 96 x 80 pixels.
        shots: how many.
        stills: how many, in the sets ``drawn`` and ``other`` by turns.

    Returns:
        ``root``.
    """
    rng = np.random.default_rng(0)
    for shot in range(shots):
        for frame in range(frames):
            discs = [(1, 14 + 4 * frame, 30)] + [(2, 50 - 3 * frame, 60)] * shot
            _write(
                root / "video", f"shot{shot}/{frame:05d}", discs, rng, ("JPEGImages", "Annotations")
            )
    for number in range(stills):
        folder = root / "stills" / ("drawn" if number % 2 else "other")
        _write(folder, f"{number:03d}", [(1, 24 + 3 * number, 40)], rng, ("images", "masks"))
    return root


def _write(
    root: Path,
    name: str,
    discs: list[tuple[int, int, int]],
    rng: np.random.Generator,
    folders: tuple[str, str],
) -> None:
    image = cv2.resize(rng.integers(0, 120, (10, 12, 3)).astype(np.uint8), (96, 80))
    mask = np.zeros((80, 96), np.uint8)
    for label, x, y in discs:
        cv2.circle(image, (x, y), 13, (40, 60, 250) if label == 1 else (250, 240, 40), -1)
        cv2.circle(mask, (x, y), 13, label, -1)
    for folder, picture, suffix in zip(folders, (image, mask), (".jpg", ".png"), strict=True):
        path = root / folder / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture)
