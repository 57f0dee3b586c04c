# SPDX-License-Identifier: Apache-2.0
"""Objects painted in colours: which colours are objects, and how much of each is in a pixel.

A colour is an object if it forms plateaus. Colours in between are mixtures, as an
anti-aliased edge makes them: of an object and the black background, or of two objects that
touch. So a soft edge becomes opacity and never an object of its own.

Objects that are the pure channels of a picture (red, green, blue) may also be mattes of their
own, packed into one file, and overlap: see `_are_channels`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from engine_server.media.mask_evidence import Evidence
from engine_server.media.palette import DAVIS_PALETTE

__all__ = ["ColourRule", "pack", "unpack"]

_NEAR = 24.0  # distance in RGB within which a colour counts as a mixture
_MIN_PIXELS = 4
_PAIR_LIMIT = 40  # with more objects only mixtures with the background are considered
_TWO_OBJECTS_PENALTY = 2.0  # where both explain a colour, the background is the likelier
_PURE_BONUS = 1.0  # a label's own colour is that label, though it may be half of a brighter one
_CHANNELS_OVER = 1.1  # a mixture of pure channels sums to 1; this is more, with a margin
_CHANNELS_SHADES = 8
_CHANNELS_TOP_SHARE = 0.3
_FULL = 255

Colour = tuple[int, int, int]


def pack(rgb: NDArray[np.uint8]) -> NDArray[np.int32]:
    """One integer for each colour, 0xRRGGBB; ... x 3 to ..."""
    wide = rgb.astype(np.int32)
    return np.asarray(wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2])


def unpack(code: int) -> Colour:
    """The colour of an integer."""
    return code >> 16 & 255, code >> 8 & 255, code & 255


def _points(codes: Iterable[int]) -> NDArray[np.float32]:
    """Packed colours as points, U x 3."""
    return np.array([unpack(code) for code in codes], np.float32)


class ColourRule:
    """Labels of colours, decided from all masks of a set.

    Labels are those of ``known`` colours; else the indexes of the DAVIS palette, if every
    colour is in it; else 1, 2, ... from the brightest red down (red, green, blue).

    Args:
        evidence: packed colour -> what was seen of it, background left out.
        known: colours whose labels are settled, from palette pictures of the same set.
        exact: whether colours are stored without loss, so that one without a plateau that is
            no mixture either is a thin object and not a blemish.

    Attributes:
        colours: label -> colour.
        explained: share of the painted pixels that are objects or mixtures of them.
        doubtful: label -> the labels whose overlap would have the same colour, if each had a
            channel of its own: red and green, where yellow is an object.
    """

    def __init__(
        self,
        evidence: Mapping[int, Evidence],
        known: Mapping[int, Colour] | None = None,
        *,
        exact: bool = True,
    ) -> None:
        plateaus = _plateaus(evidence)
        self._channels = exact and _are_channels(evidence, plateaus)
        if exact and not self._channels:
            plateaus += _thin_colours(evidence, plateaus)
        colours = [unpack(code) for code in sorted(plateaus, reverse=True)[:_FULL]]
        self.colours: dict[int, Colour] = _label(colours, known or {})
        self._labels = sorted(self.colours)
        objects = [self.colours[label] for label in self._labels]
        self._points = np.array([(0, 0, 0), *objects], np.float32)
        self.doubtful: dict[int, tuple[int, ...]] = _sums(self.colours, known or {})
        self.explained = self._explained_share(evidence)

    def _explained_share(self, evidence: Mapping[int, Evidence]) -> float:
        """The share of painted pixels that are objects or mixtures of them."""
        total = sum(found.count for found in evidence.values())
        if not total or not self._labels or self._channels:
            return 1.0
        _, distance = _mix(_points(evidence), self._points)
        near = distance <= _NEAR + _TWO_OBJECTS_PENALTY
        counts = np.array([found.count for found in evidence.values()])
        return float(counts[near].sum() / total)

    def mattes(self, rgb: NDArray[np.uint8]) -> dict[int, NDArray[np.float32]]:
        """The opacity of every object in a picture (H x W x 3), each H x W in 0..1."""
        if self._channels:
            return {label: _channel(rgb, colour) for label, colour in self.colours.items()}
        codes, inverse = np.unique(pack(rgb), return_inverse=True)
        weights, _ = _mix(_points(codes.tolist()), self._points)
        height, width = rgb.shape[:2]
        planes = (weights[:, i + 1][inverse.ravel()] for i in range(len(self._labels)))
        shaped = (plane.reshape(height, width) for plane in planes)
        return dict(zip(self._labels, shaped, strict=True))


def _mix(
    colours: NDArray[np.float32], points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Each colour as a mixture of two points.

    Args:
        colours: U x 3.
        points: (N + 1) x 3, the background and N objects.

    Returns:
        Weights U x (N + 1), which sum to 1, and distances U from the nearest mixture.
    """
    away = np.linalg.norm(colours[:, None] - points, axis=2)  # U x (N + 1)
    nearest = away.argmin(axis=1)
    best = away.min(axis=1) - _PURE_BONUS
    weights = np.eye(len(points), dtype=np.float32)[nearest]
    for first, second in _pairs(len(points)):
        line = points[second] - points[first]
        offset = colours - points[first]
        share = np.clip(offset @ line / max(float(line @ line), 1.0), 0.0, 1.0)
        distance = np.linalg.norm(offset - share[:, None] * line, axis=1)
        if first > 0:
            distance += _TWO_OBJECTS_PENALTY * ((share > 0) & (share < 1))
        better = distance < best
        best[better] = distance[better]
        weights[better] = 0.0
        weights[better, first] = 1.0 - share[better]
        weights[better, second] = share[better]
    return weights, np.maximum(best, 0.0)


def _pairs(count: int) -> Iterable[tuple[int, int]]:
    """Pairs of points; with many objects only those of the background with each."""
    if count <= _PAIR_LIMIT:
        return combinations(range(count), 2)
    return ((0, index) for index in range(1, count))


def _plateaus(evidence: Mapping[int, Evidence]) -> list[int]:
    """Plateau colours, packed; without any the commonest colour."""
    chosen = [
        code
        for code, found in evidence.items()
        if found.flat >= _MIN_PIXELS and found.is_plateau(_FULL)
    ]
    if not chosen and evidence:
        chosen = [max(evidence, key=lambda code: (evidence[code].count, code))]
    return chosen


def _thin_colours(evidence: Mapping[int, Evidence], plateaus: list[int]) -> list[int]:
    """Colours of thin things that no mixture of plateaus explains."""
    rest = sorted(set(evidence) - set(plateaus), key=lambda code: -evidence[code].count)
    candidates = [code for code in rest if evidence[code].count >= _MIN_PIXELS]
    thin: list[int] = []
    for code in _outliers(candidates, plateaus):
        chosen = plateaus + thin
        if len(chosen) < _FULL and _outliers([code], chosen):
            thin.append(code)
    return thin


def _are_channels(evidence: Mapping[int, Evidence], plateaus: list[int]) -> bool:
    """Whether the pure channels of a picture are mattes that overlap.

    Where one painted object covers another, red and green together are never more than 1. Where
    they are, in many shades of which none stands out as a thin object of that colour would, each
    channel has a matte of its own.
    """
    points = _points(plateaus)
    if len(plateaus) < 2 or ((points > 0).sum(axis=1) != 1).any():
        return False
    white = points.max(axis=0)
    if np.count_nonzero(white) != len(plateaus):
        return False
    codes = list(evidence)
    shares = _points(codes) / np.maximum(white, 1.0)
    unknown = (shares[:, white == 0] > 0).any(axis=1)
    over = ~unknown & (shares.sum(axis=1) > _CHANNELS_OVER)
    counts = np.array([evidence[code].count for code in codes])[over]
    shades = int(counts.size)
    return shades >= _CHANNELS_SHADES and bool(counts.max() <= _CHANNELS_TOP_SHARE * counts.sum())


def _channel(rgb: NDArray[np.uint8], colour: Colour) -> NDArray[np.float32]:
    """The matte in the one channel that a colour has."""
    white = max(colour)
    plane = rgb[..., colour.index(white)] / np.float32(white)
    return np.asarray(np.minimum(plane, 1.0), np.float32)


def _sums(colours: Mapping[int, Colour], known: Mapping[int, Colour]) -> dict[int, tuple[int, ...]]:
    """Labels whose colour is the sum of pure channels that are labels, too.

    Not those whose meaning is settled: by a palette of the set, or by DAVIS' own.
    """
    if all(colour in DAVIS_PALETTE for colour in colours.values()):
        return {}
    pure = {colour: label for label, colour in colours.items() if np.count_nonzero(colour) == 1}
    found = {}
    for label, colour in colours.items():
        parts = [tuple(level * (i == at) for i in range(3)) for at, level in enumerate(colour)]
        labels = [pure[part] for part in parts if part in pure]
        if 1 < len(labels) == np.count_nonzero(colour) and label not in known:
            found[label] = tuple(sorted(labels))
    return found


def _outliers(codes: list[int], chosen: list[int]) -> list[int]:
    """The few colours that are not mixtures of chosen ones; none if there are many."""
    if not codes or not chosen:
        return []
    _, distance = _mix(_points(codes), _points([0, *chosen]))
    far = [code for code, away in zip(codes, distance, strict=True) if away > 2 * _NEAR]
    return far if len(far) <= 2 * _PAIR_LIMIT else []


def _label(colours: list[Colour], known: Mapping[int, Colour]) -> dict[int, Colour]:
    """A label for every colour."""
    settled = {colour: label for label, colour in known.items()}
    davis = {colour: label for label, colour in enumerate(DAVIS_PALETTE) if label}
    if all(colour in davis for colour in colours):
        settled = {**davis, **settled}
    taken = {settled[colour] for colour in colours if colour in settled} | set(known)
    free = (label for label in range(1, _FULL + 1) if label not in taken)
    return {settled.get(colour) or next(free): colour for colour in colours}
