# SPDX-License-Identifier: Apache-2.0
"""One pass of the network over frames, with its memory: XMem++'s inference.

The tracker knows neither files nor frame rates: pictures and mattes in, probabilities out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..memory import Memory, Tokens
from ..network import Features, MemoryConfig, XMem, aggregate
from ..network.inference import Runtime, pad_to_stride, unpad
from .extent import Extent
from .keys import FrameKeys

__all__ = ["Tracker"]

Pad = tuple[int, int, int, int]


class Tracker:
    """Carries mattes of some objects from frame to frame.

    ``keys`` are those of the last step's picture, ``None`` where the step did without; ``glance``,
    what a first look at it found, is always ``None``: there is only one.

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
        self.keys: FrameKeys | None = None
        self.glance: NDArray[np.float32] | None = None
        self._hidden: Tensor | None = None
        self._since_memorised = -1

    def aim(self, painted: Extent) -> bool:
        """Nothing to choose: all of a picture is looked at as it is given; always ``False``."""
        return False

    @torch.inference_mode()
    def add_reference(self, frame: int, picture: Tensor, mattes: Mapping[int, Tensor]) -> None:
        """Encodes a painted frame into permanent memory (XMem++, section 3.2).

        Args:
            frame: its number; a reference there already is replaced.
            picture: 3 x H x W in 0..255, display-referred RGB.
            mattes: by object id, H x W in 0..1; objects left out are not told.
        """
        mattes = self._ordered(mattes)
        image, _ = self._padded(picture)
        features = self.network.encode_key(image)
        prob = self._painted(mattes)
        value, _ = self.network.encode_value(image, features, prob[None])
        self.memory.put_reference(frame, _tokens(features, value, list(mattes)))

    def remove_reference(self, frame: int) -> None:
        """Forgets a painted frame; ``KeyError`` if there is none at that number."""
        self.memory.remove_reference(frame)

    @torch.inference_mode()
    def step(
        self, picture: Tensor, mattes: Mapping[int, Tensor] | None = None,
        hints: Tensor | None = None, *, last: bool = False,
    ) -> Tensor:  # fmt: skip
        """Segments the next frame of the sweep.

        Args:
            picture: 3 x H x W in 0..255, display-referred RGB, all of one size.
            mattes: what is painted at this frame, if it is a reference.
            hints: N x T x H x W in 0..1 for a network that takes some.
            last: the sweep ends here; nothing need be memorised.

        Returns:
            (N + 1) x H x W float32, background first, summing to 1.
        """
        mattes = self._ordered(mattes or {})
        self._since_memorised += 1
        self.keys = None
        if not self.depends_on_past and self._all_told(mattes):
            return aggregate(self._stacked(mattes), 0)
        image, pad = self._padded(picture)
        features = self.network.encode_key(image)
        self.keys = FrameKeys.of(features)
        prob = self._segment(features, mattes, hints, last=last)
        if not last:
            self._memorise(image, features, prob, reference=bool(mattes))
        return unpad(prob, pad)

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
        self, features: Features, mattes: Mapping[int, Tensor], hints: Tensor | None, *, last: bool
    ) -> Tensor:
        """Probabilities (N + 1) x H x W of the padded frame."""
        if self._all_told(mattes):
            return aggregate(self._padded_mattes(mattes), 0)
        memorising = self._due(bool(mattes)) and not last
        key, selection = features.key[0], features.selection[0]
        readout = self.memory.read(key, selection, self.objects)[None]
        hidden, logits = self.network.decode(
            features, readout, self._hidden_for(key), self._shown(hints),
            update=not (memorising or last),
        )  # fmt: skip
        self._hidden = hidden
        prob = torch.sigmoid(logits[0])
        return aggregate(self._overruled(prob, mattes), 0)

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

    def _memorise(
        self, image: Tensor, features: Features, prob: Tensor, *, reference: bool
    ) -> None:
        """Writes the frame to working memory where it is due; a reference is there already."""
        if not self._due(reference):
            return
        hidden = self._hidden_for(features.key[0])
        value, self._hidden = self.network.encode_value(
            image, features, prob[None, 1:], hidden, deep_update=True
        )
        if not reference:
            self.memory.add_prediction(_tokens(features, value, self.objects))
        self._since_memorised = 0

    def _hidden_for(self, key: Tensor) -> Tensor | None:
        if self._hidden is None:
            return self.network.new_hidden(1, len(self.objects), *key.shape[-2:])
        return self._hidden

    def _shown(self, hints: Tensor | None) -> Tensor | None:
        """N x T x H x W -> 1 x N x T x H' x W' where the network runs."""
        if hints is None:
            return None
        hints = hints.to(self.runtime.device, self.runtime.dtype)
        return pad_to_stride(hints, self.network.config.stride)[0][None]

    def _padded(self, picture: Tensor) -> tuple[Tensor, Pad]:
        """3 x H x W in 0..255 -> 1 x 3 x H' x W', normalised, in the network's format."""
        frame = self.network.normalise(picture[None].to(self.runtime.device))
        frame, pad = pad_to_stride(frame, self.network.config.stride)
        return frame.to(self.runtime.dtype, memory_format=torch.channels_last), pad

    def _stacked(self, mattes: Mapping[int, Tensor]) -> Tensor:
        return torch.stack(list(mattes.values())).to(self.runtime.device, torch.float32)

    def _padded_mattes(self, mattes: Mapping[int, Tensor]) -> Tensor:
        return pad_to_stride(self._stacked(mattes), self.network.config.stride)[0]

    def _painted(self, mattes: Mapping[int, Tensor]) -> Tensor:
        """Painted mattes N x H' x W' after soft aggregation, as predictions would be."""
        return aggregate(self._padded_mattes(mattes), 0)[1:]


def _tokens(features: Features, value: Tensor, objects: Sequence[int]) -> Tokens:
    """Tokens of one frame; value is 1 x N x V x h x w."""
    values = dict(zip(objects, value[0], strict=True))
    return Tokens.of_frame(features.key[0], features.shrinkage[0], features.selection[0], values)
