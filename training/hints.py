# SPDX-License-Identifier: Apache-2.0
"""What optical flow says of a shot's frames, as the decoder is shown it in use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from engine_server.session.flow import Carried, Drift, Link, carry, drifts, hints, link

from .data import Shot

__all__ = ["ShotFlow", "direct_hints", "nearest_references"]

Image = NDArray[np.uint8]


class ShotFlow:
    """Flow between any two frames of a shot, computed as it is asked for and kept.

    Args:
        shot: its frames and masks.
        reach: frames over which a reference is carried at most.
    """

    def __init__(self, shot: Shot, *, reach: int = 24) -> None:
        self.shot, self.reach = shot, reach
        self._links: dict[int, Link] = {}
        self._drifts: dict[tuple[int, int], dict[int, Drift]] = {}

    def carried(self, reference: int, frame: int) -> Carried | None:
        """Masks of a reference as they arrive at another frame, ``None`` beyond reach."""
        way = 1 if frame > reference else -1
        if frame == reference or abs(frame - reference) > self.reach:
            return None
        if (reference, way) not in self._drifts:
            self._drifts[reference, way] = dict(drifts(self._away(reference, way)))
        drift = self._drifts[reference, way].get(frame)
        if drift is None:
            return None
        mask = self.shot.masks[reference]
        return carry({n: (mask == n).astype(np.float32) for n in self.shot.labels}, drift)

    def hints(self, references: Sequence[int], frame: int, labels: Sequence[int]) -> Image:
        """N x 4 x H x W uint8 of the references beside a frame; zeros where there are none."""
        found = (self.carried(r, frame) for r in nearest_references(references, frame))
        return _as_bytes(labels, [c for c in found if c is not None], self.shot.masks.shape[1:])

    def _away(self, reference: int, way: int) -> Iterator[tuple[int, Link]]:
        last = min(max(reference + way * self.reach, 0), len(self.shot.frames) - 1)
        for there in range(reference + way, last + way, way):
            late = there if way > 0 else there + 1
            if late not in self._links:
                self._links[late] = link(self.shot.frames[late - 1], self.shot.frames[late])
            yield there, self._links[late] if way > 0 else self._links[late].reversed()


def nearest_references(references: Sequence[int], frame: int) -> list[int]:
    """The reference before a frame and the one after it, where there are such."""
    before = [r for r in references if r < frame]
    after = [r for r in references if r > frame]
    return sorted(before)[-1:] + sorted(after)[:1]


def direct_hints(frames: Image, masks: Image, references: Sequence[int], query: int) -> Image:
    """Hints from flow between a query and references with nothing in between.

    Args:
        frames: T x H x W x 3 uint8.
        masks: T x N x H x W uint8 coverage.
        references: at most two of the T.
        query: one of the T.

    Returns:
        N x 4 x H x W uint8.
    """
    labels = range(masks.shape[1])
    evidence = []
    for reference in references:
        way = [(query, link(frames[reference], frames[query]))]
        mattes = {n: masks[reference, n].astype(np.float32) / 255 for n in labels}
        evidence += [carry(mattes, drift) for _, drift in drifts(way)]
    return _as_bytes(labels, evidence, masks.shape[2:])


def _as_bytes(labels: Sequence[int], evidence: list[Carried], size: tuple[int, ...]) -> Image:
    if not evidence:
        return np.zeros((len(labels), 4, *size), np.uint8)
    return hints(labels, evidence)
