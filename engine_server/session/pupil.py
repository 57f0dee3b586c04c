# SPDX-License-Identifier: Apache-2.0
"""A network that learns from painted frames: its last layers, in float32.

What is trained comes after everything that makes memory tokens, so these stay what they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from ..memory import Memory
from ..network import Features, XMem, aggregate
from ..network.inference import Runtime, network_input, pad_to_stride, unpad
from ..network.loss import segmentation_loss
from .crops import Crop, Example, draw_crop, nudged
from .flow import Float, carry, drifts, hints, in_unit, link
from .flow_between import FlowBetween
from .tracker import Tracker

__all__ = ["Pupil", "Recipe"]

FLOW_PLANES = 4  # of each object, see `flow.hints`


@dataclass(frozen=True)
class Recipe:
    """How the last layers are fitted: plain steps, of whose second half the mean is taken.

    Attributes:
        parts: names of the decoder's parts that may be trained, in their order.
        last: how many of those that a decoder has, counted from the end.
        rate: Adam's learning rate.
        warm_up: steps until it is reached.
        side: of the crops, pixels.
        itself: share of the crops that may look at their own reference in memory, as frames
            close to it do.
    """

    parts: tuple[str, ...] = ("up_8_4", "up_4_2", "pred")
    last: int = 2
    rate: float = 5e-4
    warm_up: int = 5
    side: int = 256
    itself: float = 0.5


class Pupil:
    """Predicts painted frames from others, and learns to do it better.

    Args:
        network: float32, prepared for inference; its decoder is changed.
        tracker: of that network, with the examples in permanent memory.
        examples: painted frames.
        flow: what optical flow says of each of them.
    """

    def __init__(
        self, tracker: Tracker, examples: Sequence[Example], flow: FlowBetween, recipe: Recipe
    ) -> None:
        self.network: XMem = tracker.network
        self.device, self.recipe, self.flow = tracker.runtime.device, recipe, flow
        self.examples = {example.frame: example for example in examples}
        permanent = tracker.memory.permanent
        self._tokens = dict(zip(permanent.frames, permanent.parts(), strict=True))
        self._original = self.state()

    def state(self) -> dict[str, Tensor]:
        """A copy of the decoder's numbers, on the CPU."""
        return {
            name: tensor.detach().to("cpu", copy=True)
            for name, tensor in self.network.decoder.state_dict().items()
        }

    def forget(self) -> None:
        """Takes all that was learnt back."""
        self.network.decoder.load_state_dict(self._original)

    @torch.no_grad()
    def score(self, frame: int, known: Collection[int]) -> float | None:
        """How well a painted frame is predicted from others.

        Args:
            frame: of an example.
            known: frames of those in memory, without that one.

        Returns:
            mean over the objects of the soft intersection over union, 0..1; ``None`` where the
            others tell of none of its objects.
        """
        example = self.examples[frame]
        objects = self._objects(example, known)
        if not objects:
            return None
        told = self._hints(example, objects, known)
        return self._score(example, objects, known, told)

    @torch.no_grad()
    def score_beside(self, frame: int, known: Collection[int]) -> float:
        """The same for a frame right beside a painted one, which is in memory, too.

        Args:
            frame: of an example, which is moved a little.
            known: frames of the others in memory.
        """
        example = self.examples[frame]
        moved, objects, told = nudged(example), list(example.mattes), None
        if self.network.config.hints:
            before = np.stack(list(example.mattes.values()))
            told = np.zeros((len(objects), FLOW_PLANES, *before.shape[1:]), np.float32)
            told[:, :2] = _beside(example.picture, moved.picture, before)
        return self._score(moved, objects, [*known, frame], told)

    def _score(
        self, example: Example, objects: list[int], known: Collection[int], told: Float | None
    ) -> float:
        logits = self._logits(example.picture, objects, known, told)
        prob = aggregate(torch.sigmoid(logits[0]), 0)[1:].cpu().numpy()
        scores = [_soft_iou(p, example.mattes[i]) for p, i in zip(prob, objects, strict=True)]
        return float(np.mean(scores))

    def learn(self, known: Sequence[int], steps: int, seed: int) -> Iterator[int]:
        """Fits the last layers to some examples, one crop a step.

        Args:
            known: frames of the examples, which take turns.
            steps: how many.
            seed: of everything drawn.

        Yields:
            the frame of each step's crop; ended early, what was learnt so far stays.
        """
        trained = self._trained()
        optimiser, mean = torch.optim.Adam(trained), _Mean(trained)
        rng = np.random.default_rng(seed)
        try:
            for step in range(steps):
                optimiser.param_groups[0]["lr"] = self._rate(step)
                frame = known[step % len(known)]
                loss = self._loss(rng, self.examples[frame], known)
                if loss is not None:
                    optimiser.zero_grad(set_to_none=True)
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimiser.step()
                if 2 * step >= steps:
                    mean.take()
                yield frame
        finally:
            mean.give()
            self.network.requires_grad_(False)

    def _rate(self, step: int) -> float:
        return self.recipe.rate * min(1, (step + 1) / self.recipe.warm_up)

    def _trained(self) -> list[nn.Parameter]:
        children = dict(self.network.decoder.named_children())
        parts = [children[name] for name in self.recipe.parts if name in children]
        trained = [p for part in parts[-self.recipe.last :] for p in part.parameters()]
        for parameter in trained:
            parameter.requires_grad_(True)
        return trained

    def _loss(self, rng: Generator, example: Example, known: Sequence[int]) -> Tensor | None:
        """Of one crop, predicted from the other examples or from its own, too."""
        others = [frame for frame in known if frame != example.frame]
        own = not others or bool(rng.random() < self.recipe.itself)
        memory = list(known) if own else others
        objects = self._objects(example, memory)
        if not objects:
            return None
        planes = np.stack([example.mattes[i] for i in objects])
        told = self._hints(example, objects, others)
        if told is not None:
            planes = np.concatenate([planes, told.reshape(-1, *planes.shape[1:])])
        crop = draw_crop(rng, example, planes, self._side(example))
        shown = self._crop_hints(rng, crop, len(objects), own=own)
        logits = self._logits(crop.picture, objects, memory, shown)
        targets = torch.from_numpy(crop.planes[None, : len(objects)]).to(self.device)
        return segmentation_loss(logits, targets.clamp(0, 1), 1.0)

    def _crop_hints(self, rng: Generator, crop: Crop, count: int, *, own: bool) -> Float | None:
        """Hints N x T x S x S: those of the picture, or of a frame right beside the example."""
        if not self.network.config.hints:
            return None
        told = crop.planes[count:].reshape(count, FLOW_PLANES, *crop.planes.shape[1:]).copy()
        if own:
            at = 2 * int(rng.integers(2))
            told[:, at : at + 2] = _beside(crop.plain, crop.picture, crop.still[:count])
            if rng.random() < 0.5:
                told[:, 2 - at : 4 - at] = 0
        return told

    def _side(self, example: Example) -> int:
        height, width = example.picture.shape[:2]
        stride = self.network.config.stride
        return max(stride, min(self.recipe.side, int(height), int(width)) // stride * stride)

    def _objects(self, example: Example, known: Collection[int]) -> list[int]:
        """Objects of an example that others tell of."""
        told = {i for frame in known for i in self.examples[frame].mattes}
        return [i for i in example.mattes if i in told]

    def _hints(
        self, example: Example, objects: Sequence[int], known: Collection[int]
    ) -> Float | None:
        """N x T x h x w for a network that takes some."""
        if not self.network.config.hints:
            return None
        return self.flow.hints(example.frame, objects, known)

    def _logits(
        self,
        picture: NDArray[np.uint8],
        objects: list[int],
        known: Collection[int],
        told: Float | None,
    ) -> Tensor:
        """1 x N x h x w; of all that is done only the decoder can learn."""
        with torch.no_grad():
            features, readout, pad = self._look(picture, objects, known)
            shown = None if told is None else self._padded(torch.from_numpy(told))[None]
        hidden = self.network.new_hidden(1, len(objects), *readout.shape[-2:])
        _, logits = self.network.decode(features, readout, hidden, shown, update=False)
        return unpad(logits, pad)

    def _look(
        self, picture: NDArray[np.uint8], objects: list[int], known: Collection[int]
    ) -> tuple[Features, Tensor, tuple[int, int, int, int]]:
        memory = Memory(self.network.config.memory)
        for frame in known:
            memory.put_reference(frame, self._tokens[frame])
        rgb = torch.from_numpy(picture).permute(2, 0, 1)
        image, pad = network_input(self.network, rgb, Runtime(self.device, torch.float32))
        features = self.network.encode_key(image)
        return features, memory.read(features.key[0], features.selection[0], objects)[None], pad

    def _padded(self, planes: Tensor) -> Tensor:
        return pad_to_stride(planes.to(self.device), self.network.config.stride)[0]


class _Mean:
    """Mean of what some parameters were at certain times."""

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.parameters = parameters
        self._sums = [torch.zeros_like(parameter) for parameter in parameters]
        self._count = 0

    @torch.no_grad()
    def take(self) -> None:
        """Counts what they are now."""
        self._count += 1
        for total, parameter in zip(self._sums, self.parameters, strict=True):
            total.add_(parameter)

    @torch.no_grad()
    def give(self) -> None:
        """Makes them their mean, if anything was counted."""
        for total, parameter in zip(self._sums, self.parameters, strict=True):
            if self._count:
                parameter.copy_(total / self._count)


def _beside(before: NDArray[np.uint8], after: NDArray[np.uint8], mattes: Float) -> Float:
    """Hints N x 2 x h x w of mattes N x h x w that flow carries from one picture to the next."""
    objects = range(len(mattes))
    for _, drift in drifts([(0, link(before, after))]):
        return in_unit(hints(objects, [carry(dict(enumerate(mattes)), drift)]))[:, :2]
    return np.zeros((len(mattes), 2, *mattes.shape[1:]), np.float32)


def _soft_iou(found: Float, painted: Float) -> float:
    """One pixel is added to both sides, so that two empty mattes agree."""
    both, either = np.minimum(found, painted).sum(), np.maximum(found, painted).sum()
    return float((both + 1) / (either + 1))
