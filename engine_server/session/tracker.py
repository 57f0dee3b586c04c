# SPDX-License-Identifier: Apache-2.0
"""One pass of the network over frames, with its memory: XMem++'s inference.

The tracker knows neither files nor frame rates: pictures and mattes in, probabilities out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..memory import Memory, Places, Reading, Tokens
from ..network import Features, MemoryConfig, XMem, aggregate
from ..network.inference import Runtime, network_input, pad_to_stride, unpad
from .extent import Extent
from .keys import FrameKeys

__all__ = ["Found", "Plan", "Tracker", "as_mattes", "as_picture"]

Pad = tuple[int, int, int, int]


@dataclass(frozen=True)
class Plan:
    """What a look at the next frame of a sweep goes by.

    Attributes:
        reading: the memory as it is now.
        hidden: the state that the frame before left, ``None`` at the beginning.
        memorise: whether the frame is to be memorised.
        update: whether the decoder updates the hidden state.
    """

    reading: Reading
    hidden: Tensor | None
    memorise: bool
    update: bool


@dataclass(frozen=True)
class Found:
    """What a look at a frame found.

    Attributes:
        planes: (N + 1) x H x W float32, background first, summing to 1.
        keys: what the frame looks like; ``None`` where the network did not have to look.
        glance: (N + 1) x h x w of a first look at all of it; ``None`` where there is only one.
        reading, usage: what was read of memory, and how much of each token.
        tokens: what is to be memorised of the frame.
        hidden: the state that it leaves.
    """

    planes: Tensor
    keys: FrameKeys | None = None
    glance: NDArray[np.float32] | None = None
    reading: Reading | None = None
    usage: Tensor | None = None
    tokens: Tokens | None = None
    hidden: Tensor | None = None


class Tracker:
    """Carries mattes of some objects from frame to frame.

    A step has three parts, so that frames can be looked at side by side: `plan` and `take`, in the
    order of the sweep, and `see`, which changes nothing.

    Args:
        network: prepared for ``runtime`` (see `engine_server.network.inference.prepare`).
        runtime: device and number format.
        objects: ids of the objects, in the order of the probability planes.
        config: memory sizes and intervals; by default those that the network was made for.
    """

    def __init__(
        self,
        network: XMem,
        runtime: Runtime,
        objects: Sequence[int],
        *,
        config: MemoryConfig | None = None,
    ) -> None:
        self.network = network
        self.runtime = runtime
        self.objects = list(objects)
        self.memory = Memory(config or network.config.memory, dtype=runtime.dtype)
        self.restart()

    def restart(self) -> None:
        """Begins a new sweep: predictions and hidden state are forgotten, references stay."""
        self.memory.forget_predictions()
        self._hidden: Tensor | None = None
        self._since_memorised = -1

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self.runtime.device

    def aim(self, painted: Extent) -> bool:
        """Nothing to choose: all of a picture is looked at as it is given; always ``False``."""
        return False

    @torch.inference_mode()
    def add_reference(
        self, frame: int, picture: Tensor, mattes: Mapping[int, Tensor],
        near: Tensor | None = None,
    ) -> None:  # fmt: skip
        """Encodes a painted frame into permanent memory (XMem++, section 3.2).

        Args:
            frame: its number; a reference there already is replaced.
            picture: 3 x H x W in 0..255, display-referred RGB.
            mattes: by object id, H x W in 0..1; objects left out are not told.
            near: as for `see`; elsewhere fewer places are remembered.
        """
        mattes = self._ordered(mattes)
        image, _ = self._padded(picture)
        features = self.network.encode_key(image)
        prob = self._painted(mattes)
        value, _ = self.network.encode_value(image, features, prob[None])
        tokens = _tokens(features, value, list(mattes), self._places(near))
        self.memory.put_reference(frame, tokens)

    def remove_reference(self, frame: int) -> None:
        """Forgets a painted frame; ``KeyError`` if there is none at that number."""
        self.memory.remove_reference(frame)

    def step(
        self, picture: Tensor, mattes: Mapping[int, Tensor] | None = None,
        hints: Tensor | None = None, *, last: bool = False,
    ) -> Tensor:  # fmt: skip
        """Segments the next frame of the sweep.

        Args:
            picture, mattes, hints: as for `see`.
            last: the sweep ends here; nothing need be memorised.

        Returns:
            (N + 1) x H x W float32, background first, summing to 1.
        """
        found = self.see(picture, mattes, hints, self.plan(mattes or (), last=last))
        self.take(found)
        return found.planes

    def plan(self, painted: Collection[int] = (), *, last: bool = False) -> Plan:
        """What the look at the next frame of the sweep goes by.

        Args:
            painted: objects that are painted there.
            last: as for `step`.
        """
        self._since_memorised += 1
        due = self._due(any(i in painted for i in self.objects)) and not last
        if due:
            self._since_memorised = 0
        return Plan(self.memory.reading(), self._hidden, due, update=not (due or last))

    @torch.inference_mode()
    def see(
        self, picture: Tensor, mattes: Mapping[int, Tensor] | None,
        hints: Tensor | None, plan: Plan, near: Tensor | None = None,
    ) -> Found:  # fmt: skip
        """Segments a frame; in any thread.

        Args:
            picture: 3 x H x W in 0..255, display-referred RGB, all of one size.
            mattes: what is painted at this frame, if it is a reference.
            hints: N x T x H x W uint8, see `flow.hints`, for a network that takes some.
            plan: of this frame.
            near: H x W bool, where objects may be; anywhere by default. Elsewhere memory is read
                at fewer places, and fewer are memorised.
        """
        mattes = self._ordered(mattes or {})
        if not self.depends_on_past and self._all_told(mattes):
            return Found(aggregate(self._stacked(mattes), 0))
        image, pad = self._padded(picture)
        features = self.network.encode_key(image)
        places = self._places(near)
        prob, hidden, usage = self._segment(features, mattes, hints, plan, places)
        tokens = None
        if plan.memorise and (self.network.config.recurrent or not mattes):
            value, hidden = self.network.encode_value(
                image, features, prob[None, 1:], hidden, deep_update=True
            )
            tokens = None if mattes else _tokens(features, value, self.objects, places)
        keys = FrameKeys.of(features)
        return Found(
            unpad(prob, pad), keys,
            reading=plan.reading, usage=usage, tokens=tokens, hidden=hidden,
        )  # fmt: skip

    @torch.inference_mode()
    def take(self, found: Found) -> None:
        """Remembers what was found at a frame."""
        if found.reading is not None:
            self.memory.count(found.reading, found.usage)
        if found.tokens is not None:
            self.memory.add_prediction(found.tokens)
        self._hidden = found.hidden

    @torch.inference_mode()
    def features(self, picture: Tensor) -> Features:
        """Key, shrinkage and selection of a picture 3 x H x W in 0..255."""
        return self.network.encode_key(self._padded(picture)[0])

    @property
    def depends_on_past(self) -> bool:
        """Whether a step's result depends on the steps before it, and not on references alone."""
        return self.memory.config.working or self.network.config.recurrent

    def _ordered(self, mattes: Mapping[int, Tensor]) -> dict[int, Tensor]:
        return {i: mattes[i] for i in self.objects if i in mattes}

    def _all_told(self, mattes: Mapping[int, Tensor]) -> bool:
        return all(i in mattes for i in self.objects)

    def _segment(
        self,
        features: Features,
        mattes: Mapping[int, Tensor],
        hints: Tensor | None,
        plan: Plan,
        places: Places | None,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Probabilities (N + 1) x H x W of the padded frame, hidden state, and usage."""
        key, selection = features.key[0], features.selection[0]
        hidden = plan.hidden
        if hidden is None:
            hidden = self.network.new_hidden(1, len(self.objects), *key.shape[-2:])
        if self._all_told(mattes):
            return aggregate(self._padded_mattes(mattes), 0), hidden, None
        readout, usage = plan.reading.read(key, selection, self.objects, places)
        hidden, logits = self.network.decode(
            features, readout[None], hidden, self._shown(hints), update=plan.update
        )
        prob = torch.sigmoid(logits[0])
        return aggregate(self._overruled(prob, mattes), 0), hidden, usage

    def _overruled(self, prob: Tensor, mattes: Mapping[int, Tensor]) -> Tensor:
        """Predicted planes N x H x W, with what is painted in place of the prediction."""
        if not mattes:
            return prob
        painted = dict(zip(mattes, self._padded_mattes(mattes), strict=True))
        free = 1 - torch.stack(list(painted.values())).sum(0).clamp(0, 1)
        planes = [painted.get(i, plane * free) for i, plane in zip(self.objects, prob, strict=True)]
        return torch.stack(planes)

    def _due(self, reference: bool) -> bool:
        return self.memory.config.working and (
            reference or self._since_memorised >= self.memory.config.memory_every
        )

    def _places(self, near: Tensor | None) -> Places | None:
        if near is None:
            return None
        stride = self.network.config.stride
        padded = pad_to_stride(near[None].float(), stride)[0]
        return Places.around(F.max_pool2d(padded, stride)[0] > 0).to(self.device)

    def _shown(self, hints: Tensor | None) -> Tensor | None:
        """N x T x H x W uint8 -> 1 x N x T x H' x W' where the network runs."""
        if hints is None:
            return None
        hints = hints.to(self.runtime.device)
        return pad_to_stride(hints, self.network.config.stride)[0][None]

    def _padded(self, picture: Tensor) -> tuple[Tensor, Pad]:
        """3 x H x W in 0..255 -> 1 x 3 x H' x W' as the network takes it."""
        return network_input(self.network, picture, self.runtime)

    def _stacked(self, mattes: Mapping[int, Tensor]) -> Tensor:
        return torch.stack(list(mattes.values())).to(self.runtime.device, torch.float32)

    def _padded_mattes(self, mattes: Mapping[int, Tensor]) -> Tensor:
        return pad_to_stride(self._stacked(mattes), self.network.config.stride)[0]

    def _painted(self, mattes: Mapping[int, Tensor]) -> Tensor:
        """Painted mattes N x H' x W' after soft aggregation, as predictions would be."""
        return aggregate(self._padded_mattes(mattes), 0)[1:]


def as_picture(view: NDArray[np.uint8]) -> Tensor:
    """H x w x 3 -> 3 x h x w, the same memory."""
    return torch.from_numpy(view).permute(2, 0, 1)


def as_mattes(mattes: Mapping[int, NDArray[np.float32]]) -> dict[int, Tensor]:
    """The same memory by object id."""
    return {i: torch.from_numpy(matte) for i, matte in mattes.items()}


def _tokens(
    features: Features, value: Tensor, objects: Sequence[int], places: Places | None
) -> Tokens:
    """Tokens of those places of one frame that read, or of all; value is 1 x N x V x h x w."""
    values = dict(zip(objects, value[0], strict=True))
    key, shrinkage, selection = features.key[0], features.shrinkage[0], features.selection[0]
    tokens = Tokens.of_frame(key, shrinkage, selection, values)
    return tokens if places is None else tokens.take(places.reading)
