# SPDX-License-Identifier: Apache-2.0
"""Training clips: real video and moving stills, in random views and colours.

The frames of a clip come from anywhere in a shot and in any order: the first ones serve as
references. That is how permanent memory is used, and frames need no other order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .augment import Floats, Image, affine, bend, degrade, light, random_look, sample_maps
from .data import Shot, Still
from .hints import ShotFlow, direct_hints
from .layers import Sprite, cut_sprite, paste, random_path, split_by_curve, strung, warp_planes

__all__ = ["Batch", "Clip", "ClipSampler", "SamplerConfig"]

#: A target must cover so many crop pixels in some reference, or the clip is drawn anew.
_SMALLEST_TARGET = 100


@dataclass(frozen=True)
class SamplerConfig:
    """What clips are made of.

    Attributes:
        size: side of the crops, a multiple of 16.
        clips, frames: per batch, per clip.
        video_share: of clips that come from real video, the rest from stills.
        object_odds: of 1, 2, 3 objects in a batch.
        reference_odds: of 1, 2, 3 references in a batch.
        hint_share: of clips that are shown what optical flow says.
        memorise_share: of batches whose queries enter the memory as they are predicted.
        strand_share: of pasted targets that have thin strands tied to them.
        cut_share: of clips in which the shot is cut at a query: another picture, no target.
    """

    size: int = 192
    clips: int = 4
    frames: int = 4
    video_share: float = 0.6
    object_odds: tuple[float, ...] = (0.7, 0.25, 0.05)
    reference_odds: tuple[float, ...] = (0.35, 0.4, 0.25)
    hint_share: float = 0.6
    memorise_share: float = 0.5
    strand_share: float = 0.4
    cut_share: float = 0.06


@dataclass(frozen=True)
class Clip:
    """Frames T x S x S x 3 uint8 RGB, coverage of the targets T x N x S x S uint8, and hints.

    Hints are T x N x 4 x S x S uint8 (see `engine_server.session.flow.hints`), or ``None``.
    """

    frames: Image
    masks: Image
    hints: Image | None = None


@dataclass(frozen=True)
class Batch:
    """Clips of equal make; the first ``references`` frames of each are references.

    Attributes:
        frames: B x T x S x S x 3 uint8.
        masks: B x T x N x S x S uint8.
        hints: B x T x N x 4 x S x S uint8.
        memorise: whether queries enter the memory as they are predicted.
    """

    frames: Image
    masks: Image
    hints: Image
    references: int
    memorise: bool


class ClipSampler:
    """Draws clips; the same seed and calls give the same clips."""

    def __init__(
        self, shots: Sequence[Shot], stills: Sequence[Still], config: SamplerConfig
    ) -> None:
        self.shots, self.config = list(shots), config
        self._flow = [ShotFlow(shot) for shot in self.shots]
        self._sets: dict[str, list[Still]] = {}
        for still in stills:
            self._sets.setdefault(still.source, []).append(still)
        names = list(self._sets)
        # A large set counts for more, a small one is still seen.
        weights = np.sqrt([len(self._sets[name]) for name in names])
        self._names, self._odds = names, weights / max(weights.sum(), 1)
        lengths = np.sqrt([len(shot.frames) * len(shot.labels) for shot in self.shots])
        self._shot_odds = lengths / max(lengths.sum(), 1)

    def batch(self, rng: Generator) -> Batch:
        """Clips with one number of objects and of references, both drawn."""
        odds = self.config.object_odds
        objects = 1 + int(rng.choice(len(odds), p=odds))
        references = 1 + int(
            rng.choice(len(self.config.reference_odds), p=self.config.reference_odds)
        )
        references = min(references, self.config.frames - 1)  # something is left to segment
        clips = [self.clip(rng, objects, references) for _ in range(self.config.clips)]
        return Batch(
            np.stack([c.frames for c in clips]),
            np.stack([c.masks for c in clips]),
            np.stack([_hints_or_none(c) for c in clips]),
            references,
            memorise=bool(rng.random() < self.config.memorise_share),
        )

    def clip(self, rng: Generator, objects: int, references: int) -> Clip:
        """One clip in which a reference shows every target."""
        while True:
            from_video = self.shots and (not self._names or rng.random() < self.config.video_share)
            clip = (self.video_clip if from_video else self.still_clip)(rng, objects, references)
            seen = (clip.masks[:references] > 127).sum((2, 3)).max(0)
            if seen.min() >= _SMALLEST_TARGET:
                return self._cut(rng, clip, references)

    def _cut(self, rng: Generator, clip: Clip, references: int) -> Clip:
        """Now and then a query shows another still: nothing of the target is there."""
        if not self._names or rng.random() >= self.config.cut_share:
            return clip
        query, image = int(rng.integers(references, len(clip.frames))), self.still(rng).image
        middle, side = np.array(image.shape[1::-1]) / 2, min(image.shape[:2])
        view = affine(middle, side * rng.uniform(0.5, 1.0), self.config.size)
        clip.frames[query] = random_look(rng, 1.0).apply(
            self._seen(image, (), view, bend(rng, 1.0))[0]
        )
        clip.masks[query] = 0
        if clip.hints is not None:
            clip.hints[query] = 0
        return clip

    def still(self, rng: Generator) -> Still:
        """A still from a set drawn by weight."""
        stills = self._sets[str(rng.choice(self._names, p=self._odds))]
        return stills[int(rng.integers(len(stills)))]

    def video_clip(self, rng: Generator, objects: int, references: int) -> Clip:
        """Frames from anywhere in a shot or a stretch of it; sprites make up the number."""
        number = int(rng.choice(len(self.shots), p=self._shot_odds))
        shot = self.shots[number]
        labels = rng.permutation(shot.labels)[:objects]
        span = (
            len(shot.frames) if rng.random() < 0.6 else int(rng.integers(8, len(shot.frames) + 1))
        )
        start = int(rng.integers(len(shot.frames) - span + 1))
        picks = start + rng.choice(span, self.config.frames, replace=span < self.config.frames)
        views = self._video_views(rng, shot, picks, int(labels[0]))
        scenes, hinted = [], bool(rng.random() < self.config.hint_share)
        hints = np.zeros((len(picks), objects, 4, *[self.config.size] * 2), np.uint8)
        for i, (frame, matrix) in enumerate(zip(picks, views, strict=True)):
            grid = bend(rng, 1.0)
            planes = tuple(np.uint8(255) * (shot.masks[frame] == n) for n in labels)
            scenes.append(self._seen(shot.frames[frame], planes, matrix, grid))
            if hinted and i >= references:
                told = self._flow[number].hints(picks[:references], frame, labels)
                hints[i, : len(labels)] = self._warped(told, matrix, grid)
        extra = 0.25 if self._names else 0.0
        clip = self._dress(rng, scenes, objects - len(labels), clutter=extra, occluder=extra)
        return Clip(clip.frames, clip.masks, _shuffled(rng, hints))

    def _warped(self, hints: Image, matrix: Floats, grid: Floats) -> Image:
        maps = sample_maps(matrix, self.config.size, grid)
        flat = tuple(hints.reshape(-1, *hints.shape[2:]))
        seen = np.stack(warp_planes(flat, maps, cv2.BORDER_CONSTANT))
        return seen.reshape(len(hints), 4, *seen.shape[1:])

    def still_clip(self, rng: Generator, objects: int, references: int) -> Clip:
        """A still whose own objects are the targets, or a backdrop that sprites move over."""
        whole = rng.random() < 0.4
        still = self.still(rng)
        planes = self._targets(rng, still, objects) if whole else ()
        scenes = self._moving_scenes(rng, still, planes)
        clip = self._dress(rng, scenes, objects - len(planes), clutter=0.5, occluder=0.3)
        return self._with_flow(rng, clip, references)

    def _with_flow(self, rng: Generator, clip: Clip, references: int) -> Clip:
        """Hints from one or two of the references, straight to every query."""
        if rng.random() >= self.config.hint_share:
            return clip
        hints = np.zeros((*clip.masks.shape[:2], 4, *clip.masks.shape[2:]), np.uint8)
        for query in range(references, len(clip.frames)):
            chosen = rng.permutation(references)[:2]
            hints[query] = direct_hints(clip.frames, clip.masks, chosen, query)
        return Clip(clip.frames, clip.masks, _shuffled(rng, hints))

    def _moving_scenes(
        self, rng: Generator, still: Still, planes: tuple[Image, ...]
    ) -> list[tuple[Image, list[Image]]]:
        """The still seen by a camera that drifts, its content bending when it has targets."""
        size = self.config.size
        height, width = still.mask.shape
        short = min(height, width)
        middle, reach = np.array([width, height]) / 2, np.array([0.0, 0.0])
        side = short * rng.uniform(0.6, 1.0)
        if planes:
            middle, extent = _box(planes[0])
            side = float(np.clip(extent * rng.uniform(0.9, 2.2), 0.3 * short, 1.1 * short))
        reach = 0.12 * side * rng.uniform(0.2, 2.0)
        flip, grid = bool(rng.random() < 0.5), bend(rng, rng.uniform(0, 4))
        scenes = []
        for _ in range(self.config.frames):
            view = affine(
                _inside(middle + rng.normal(0, reach, 2), side, (height, width)),
                side * np.exp(rng.normal(0, 0.12)),
                size,
                angle=rng.normal(0, 0.12),
                stretch=np.exp(rng.normal(0, 0.06)),
                flip=flip,
            )
            scenes.append(
                self._seen(still.image, planes, view, grid + bend(rng, 3.0) * bool(planes))
            )
        return scenes

    def _video_views(
        self, rng: Generator, shot: Shot, picks: NDArray[np.int_], label: int
    ) -> list[Floats]:
        """A crop for each frame: it follows the target loosely, or stays where it is."""
        shape = (shot.masks.shape[1], shot.masks.shape[2])
        boxes = [_box(shot.masks[frame] == label) for frame in picks]
        short = min(shape)
        largest = max(extent for _, extent in boxes)
        low = min(max(0.3 * short, 0.8 * largest), 0.9 * short)
        side = float(np.exp(rng.uniform(np.log(low), np.log(1.1 * short))))
        flip, angle = bool(rng.random() < 0.5), rng.normal(0, 0.08)
        stays, home = rng.random() < 0.35, boxes[0][0] + rng.uniform(-0.2, 0.2, 2) * side
        views = []
        for middle, extent in boxes:
            centre = home if stays or not extent else middle + rng.uniform(-0.33, 0.33, 2) * side
            zoom = np.exp(rng.normal(0, 0.05 if stays else 0.12))
            views.append(
                affine(
                    _inside(centre, side, shape), side * zoom, self.config.size,
                    angle=angle + rng.normal(0, 0.04), stretch=np.exp(rng.normal(0, 0.04)),
                    flip=flip,
                )
            )  # fmt: skip
        return views

    def _seen(
        self, image: Image, planes: tuple[Image, ...], matrix: Floats, grid: Floats
    ) -> tuple[Image, list[Image]]:
        maps = sample_maps(matrix, self.config.size, grid)
        pixels, *seen = warp_planes((image, *planes), maps, cv2.BORDER_REFLECT_101)
        return pixels, seen

    def _targets(self, rng: Generator, still: Still, objects: int) -> tuple[Image, ...]:
        """Coverage of up to so many targets: whole instances, or the parts of one."""
        labels = rng.permutation(still.labels)[:objects]
        planes = [np.uint8(255) * (still.mask == n) for n in labels]
        if rng.random() < 0.3:
            parts = split_by_curve(rng, planes[0])
            if parts is not None:
                planes = [*parts, *planes[1:]] if objects > 1 else [parts[0]]
        return tuple(planes[:objects])

    def _sprite(self, rng: Generator, objects: int) -> tuple[Sprite, float]:
        """A cut-out with up to so many labelled parts (none: clutter), and its size."""
        still = self.still(rng)
        look = random_look(rng, 0.6)
        if not objects:
            coverage = np.uint8(255) * (still.mask == rng.choice(still.labels))
            return cut_sprite(look.apply(still.image), coverage), _box(coverage)[1]
        parts = self._targets(rng, still, min(objects, 2))
        if len(parts) < 2 or rng.random() < 0.5:
            label = int(np.median(still.mask[parts[0] > 0]))
            coverage = np.uint8(255) * (still.mask == label)
            parts = tuple(p for p in parts if np.any(p & coverage))
        else:
            coverage = np.uint8(255) * np.isin(
                still.mask, [np.median(still.mask[p > 0]) for p in parts]
            )
        sprite = cut_sprite(look.apply(still.image), coverage, parts)
        if rng.random() < self.config.strand_share:
            sprite = strung(rng, sprite)
        return sprite, _box(coverage)[1]

    def _dress(
        self, rng: Generator, scenes: list[tuple[Image, list[Image]]], missing: int,
        *, clutter: float, occluder: float,
    ) -> Clip:  # fmt: skip
        """Draws clutter, the missing targets and something that passes in front; then colours."""
        cast: list[tuple[int, float]] = [(0, 1.0)] * int(rng.random() < clutter)
        cast += [(missing, 1.0)] * bool(missing)
        order = [*cast, (0, 0.7)] if rng.random() < occluder else cast
        times = rng.uniform(0, 1, len(scenes))
        if rng.random() < 0.3:  # a short stretch: small motion
            times = times * 0.25
        for wanted, bulk in order:
            while wanted >= 0:
                sprite, extent = self._sprite(rng, wanted)
                path = random_path(rng, self.config.size, calm=rng.uniform(0.3, 1.0))
                scale = (
                    self.config.size
                    * bulk
                    * np.exp(rng.uniform(np.log(0.2), np.log(0.85)))
                    / extent
                )
                scenes = [
                    paste(image, planes, sprite, path, float(time), scale)
                    for (image, planes), time in zip(scenes, times, strict=True)
                ]
                wanted = wanted - len(sprite.parts) or -1
        return self._finish(rng, scenes)

    def _finish(self, rng: Generator, scenes: list[tuple[Image, list[Image]]]) -> Clip:
        """Colour of the clip, small changes a frame, uneven light, faults of camera and codec."""
        whole = random_look(rng, 1.0)
        change = 0.5 if rng.random() < 0.2 else 0.12
        uneven = rng.uniform(0, 0.35) if rng.random() < 0.3 else 0.0
        faults = {
            kind: rng.uniform(0, 1)
            for kind in ("blur", "sharpen", "noise", "jpeg")
            if rng.random() < 0.2
        }
        images = []
        for image, _ in scenes:
            image = random_look(rng, change).apply(whole.apply(image))
            image = light(rng, image, uneven) if uneven else image
            for kind, amount in faults.items():
                image = degrade(rng, image, kind, amount * rng.uniform(0, 1))
            images.append(image)
        return Clip(np.stack(images), np.stack([np.stack(planes) for _, planes in scenes]))


def _hints_or_none(clip: Clip) -> Image:
    shape = (*clip.masks.shape[:2], 4, *clip.masks.shape[2:])
    return np.zeros(shape, np.uint8) if clip.hints is None else clip.hints


def _shuffled(rng: Generator, hints: Image) -> Image:
    """Either slot may come first or be missing."""
    slots = [[0, 1], [2, 3]]
    order = slots[0] + slots[1] if rng.random() < 0.5 else slots[1] + slots[0]
    hints = hints[:, :, order]
    if rng.random() < 0.2:
        hints[:, :, 2:] = 0
    return hints


def _box(plane: NDArray[np.generic]) -> tuple[NDArray[np.float64], float]:
    """Middle (x, y) and longer side of what is not 0; the picture's middle and 0 when all is."""
    columns, rows = np.flatnonzero(plane.any(0)), np.flatnonzero(plane.any(1))
    if not len(rows):
        return np.array(plane.shape[::-1]) / 2, 0.0
    middle = np.array([columns[0] + columns[-1], rows[0] + rows[-1]]) / 2
    return middle, float(max(columns[-1] - columns[0], rows[-1] - rows[0]) + 1)


def _inside(
    centre: NDArray[np.float64], side: float, shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Moves a crop's centre so that little of it lies outside the picture."""
    extent, half = np.array(shape[::-1], float), side * 0.45
    return np.where(
        extent > 2 * half, np.clip(centre, half, np.maximum(extent - half, half)), extent / 2
    )
