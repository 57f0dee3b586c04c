# SPDX-License-Identifier: Apache-2.0
"""The network: XMem as published (ECCV 2022), and every narrower sibling of it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .blocks import flat, unflat
from .config import NetworkConfig
from .decoder import decoder
from .encoders import Features, KeyProjection, ValueEncoder
from .trunks import image_trunk

__all__ = ["XMem", "aggregate"]


def aggregate(prob: Tensor, dim: int) -> Tensor:
    """Soft aggregation of independent object probabilities (STM, section 3.4; clamp 1e-7).

    Args:
        prob: one plane per object along ``dim``, in 0..1.
        dim: the dimension of objects.

    Returns:
        float32, one plane more along ``dim`` (background first), summing to 1.
    """
    every = _with_background(prob, dim)
    odds = every / (1 - every)  # the softmax of their logarithms, without taking these
    return odds / odds.sum(dim, keepdim=True)


def aggregate_logits(prob: Tensor, dim: int) -> Tensor:
    """Log-odds of background and objects; their softmax is `aggregate`."""
    return torch.logit(_with_background(prob, dim))


def _with_background(prob: Tensor, dim: int) -> Tensor:
    prob = prob.float()
    background = torch.prod(1 - prob, dim, keepdim=True)
    return torch.cat([background, prob], dim).clamp(1e-7, 1 - 1e-7)


class XMem(nn.Module):
    """Key encoder, value encoder and decoder; what is remembered lives in `memory`.

    Pictures are B x 3 x H x W with sides that are multiples of 16. The parameters of
    ``XMem(XMEM)`` carry the names of the published file.

    Attributes:
        ranges: of the numbers that go through it, measured in training; none where it can't
            compute in eight bits.
        takes_bytes: whether frames are given as uint8 in 0..255, not normalised.
    """

    ranges: Mapping[str, tuple[float, float]]
    takes_bytes: bool

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.ranges, self.takes_bytes = {}, False
        self.key_encoder = image_trunk(config)
        self.key_proj = KeyProjection(config)
        self.value_encoder = ValueEncoder(config)
        self.decoder = decoder(config)
        mean, std = _plane(config.mean), _plane(config.std)
        self.register_buffer("scale", 1 / (255 * std), persistent=False)
        self.register_buffer("offset", -mean / std, persistent=False)

    def normalise(self, rgb: Tensor) -> Tensor:
        """Display-referred pictures in 0..255 (any dtype) -> the network's input, float32."""
        scale: Tensor = self.scale  # type: ignore[assignment]
        offset: Tensor = self.offset  # type: ignore[assignment]
        return torch.addcmul(offset, rgb.float(), scale)  # (rgb / 255 - mean) / std

    def encode_key(self, frame: Tensor) -> Features:
        """What a picture looks like, place by place."""
        maps = self.key_encoder(frame)
        key, shrinkage, selection = self.key_proj(maps[16])
        return Features(key, shrinkage, selection, maps)

    def encode_value(
        self,
        frame: Tensor,
        features: Features,
        masks: Tensor,
        hidden: Tensor | None = None,
        *,
        deep_update: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """What a memory frame says of each object.

        Args:
            frame: B x 3 x H x W, normalised.
            features: of the same frame.
            masks: B x N x H x W in 0..1.
            hidden: B x N x hidden_dim x H/16 x W/16, or ``None``.
            deep_update: whether the hidden state is renewed from the value.

        Returns:
            value B x N x value_dim x H/16 x W/16 and the hidden state.
        """
        value = self.value_encoder(frame, features.maps, masks)
        if deep_update and hidden is not None and self.value_encoder.hidden_reinforce is not None:
            gate = self.value_encoder.hidden_reinforce
            hidden = unflat(gate(value, flat(hidden)), len(frame))
        return unflat(value, len(frame)), hidden

    def decode(
        self,
        features: Features,
        readout: Tensor,
        hidden: Tensor | None = None,
        hints: Tensor | None = None,
        *,
        update: bool = True,
    ) -> tuple[Tensor | None, Tensor]:
        """Hidden state and logits (before soft aggregation) of each object.

        Args:
            features: of the frame to segment.
            readout: B x N x value_dim x H/16 x W/16.
            hidden: B x N x hidden_dim x H/16 x W/16, or ``None``.
            hints: B x N x T x H x W, uint8 or in 0..1, for a network that takes some, or ``None``.
            update: whether the hidden state is updated.

        Returns:
            hidden state as given or updated, and logits B x N x H x W, float32.
        """
        batch = len(readout)
        flat_hidden = None if hidden is None else flat(hidden)
        flat_hidden, logits = self.decoder(
            features.maps, flat(readout), flat_hidden, None if hints is None else flat(hints),
            update=update,
        )  # fmt: skip
        hidden = None if flat_hidden is None else unflat(flat_hidden, batch)
        return hidden, unflat(logits, batch)[:, :, 0]

    def new_hidden(self, batch: int, objects: int, h: int, w: int) -> Tensor | None:
        """Zero hidden state B x N x hidden_dim x h x w, ``None`` for a network without."""
        if not self.config.hidden_dim:
            return None
        offset: Tensor = self.offset  # type: ignore[assignment]
        return torch.zeros(batch, objects, self.config.hidden_dim, h, w, device=offset.device)


def _plane(values: tuple[float, float, float]) -> Tensor:
    return torch.tensor(values).view(1, 3, 1, 1)
