# SPDX-License-Identifier: Apache-2.0
"""Decoder: from what was read out of memory to one logit per pixel and object."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import FeatureFusion, NarrowUpBlock, UpBlock, conv3, gated_update
from .config import NetworkConfig

__all__ = ["Decoder", "NarrowDecoder", "decoder"]


class HiddenUpdate(nn.Module):
    """Updates the hidden state from the decoder's levels (XMem, section 3.2)."""

    def __init__(self, config: NetworkConfig, mid: int = 256) -> None:
        super().__init__()
        d16, d8, d4 = config.decoder_dims[:3]
        self.g16_conv = nn.Conv2d(d16, mid, 1)
        self.g8_conv = nn.Conv2d(d8, mid, 1)
        self.g4_conv = nn.Conv2d(d4 + 1, mid, 1)
        self.transform = conv3(mid + config.hidden_dim, config.hidden_dim * 3)

    def forward(self, g16: Tensor, g8: Tensor, g4: Tensor, hidden: Tensor) -> Tensor:
        """Levels BN x C x h x w; g4 carries the logits as its last channel."""
        g = self.g16_conv(g16) + self.g8_conv(_shrink(g8, 2)) + self.g4_conv(_shrink(g4, 4))
        return gated_update(self.transform(torch.cat([g, hidden.to(g.dtype)], 1)), hidden)


def _shrink(g: Tensor, factor: int) -> Tensor:
    return F.avg_pool2d(g, factor)


class Decoder(nn.Module):
    """Fuses read-out, hidden state and picture, then climbs to stride 4, as published."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        dims, widths = config.feature_dims, config.decoder_dims
        self.fuser = FeatureFusion(
            dims[16], config.value_dim + config.hidden_dim, widths[0], config.attention
        )
        self.up_16_8 = UpBlock(dims[8], widths[0], widths[1])
        self.up_8_4 = UpBlock(dims[4], widths[1], widths[2])
        self.hidden_update = HiddenUpdate(config) if config.hidden_dim else None
        self.pred = conv3(widths[2], 1)

    def forward(
        self, maps: dict[int, Tensor], readout: Tensor, hidden: Tensor | None,
        hints: Tensor | None = None, *, update: bool,
    ) -> tuple[Tensor | None, Tensor]:  # fmt: skip
        """Hidden state BN x hidden x h x w (updated if asked) and logits BN x 1 x H x W.

        Args:
            maps: the trunk's features by stride, B x C x h x w.
            readout: BN x value_dim x H/16 x W/16.
            hidden: BN x hidden_dim x H/16 x W/16, ``None`` for a network without one.
            hints: not used.
            update: whether the hidden state is updated.
        """
        g = readout if hidden is None else torch.cat([readout, hidden.to(readout.dtype)], 1)
        g16 = self.fuser(maps[16], g)
        g8 = self.up_16_8(maps[8], g16)
        g4 = self.up_8_4(maps[4], g8)
        logits = self.pred(F.relu(g4))
        if update and self.hidden_update is not None and hidden is not None:
            hidden = self.hidden_update(g16, g8, torch.cat([g4, logits], 1), hidden)
        return hidden, _enlarged(logits, 4)


class NarrowDecoder(nn.Module):
    """Fuses read-out and picture, then climbs to stride 2 and predicts 2 x 2 pixels at once.

    At every level it is also shown the hints: what something else than the network thinks.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        dims, widths, hints = config.feature_dims, config.decoder_dims, config.hints
        self.fuser = FeatureFusion(dims[16], config.value_dim, widths[0], config.attention)
        self.up_16_8 = NarrowUpBlock(dims[8], widths[0], widths[1], hints)
        self.up_8_4 = NarrowUpBlock(dims[4], widths[1], widths[2], hints)
        self.up_4_2 = NarrowUpBlock(dims[2], widths[2], widths[3], hints)
        self.pred = conv3(widths[3], 4)

    def forward(
        self, maps: dict[int, Tensor], readout: Tensor, hidden: Tensor | None,
        hints: Tensor | None = None, *, update: bool,
    ) -> tuple[Tensor | None, Tensor]:  # fmt: skip
        """``None`` and logits BN x 1 x H x W.

        Args:
            maps: the trunk's features by stride, B x C x h x w.
            readout: BN x value_dim x H/16 x W/16.
            hidden, update: not used.
            hints: BN x T x H x W, uint8 or in 0..1; zeros (or ``None`` altogether) where there
                are none.
        """
        at8, at4, at2 = (None,) * 3 if hints is None else _levels(_shares(hints, readout.dtype))
        g = self.fuser(maps[16], readout)
        g = self.up_16_8(maps[8], g, at8)
        g = self.up_8_4(maps[4], g, at4)
        g = self.up_4_2(maps[2], g, at2)
        return None, F.pixel_shuffle(self.pred(F.relu(g)), 2).float()


def decoder(config: NetworkConfig) -> nn.Module:
    """The decoder that a configuration names."""
    return Decoder(config) if config.up == "published" else NarrowDecoder(config)


def _levels(hints: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hints at stride 8, 4 and 2; 2 x 2 pixels become channels, so that none is lost."""
    at2 = F.pixel_unshuffle(hints, 2).contiguous(memory_format=torch.channels_last)
    at4 = F.avg_pool2d(at2, 2)
    return F.avg_pool2d(at4, 2), at4, at2


def _shares(hints: Tensor, dtype: torch.dtype) -> Tensor:
    """In 0..1, whatever they are given as."""
    shares = hints.to(dtype)
    return shares / 255 if hints.dtype is torch.uint8 else shares


def _enlarged(logits: Tensor, factor: int) -> Tensor:
    return F.interpolate(logits.float(), scale_factor=factor, mode="bilinear", align_corners=False)
