# SPDX-License-Identifier: Apache-2.0
"""Blocks that encoders and decoder share.

Tensors of several objects are B x N x C x H x W; ``flat`` and ``unflat`` turn them into
what a convolution takes. Attribute names are those of the published weights.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "FeatureFusion",
    "HiddenReinforce",
    "NarrowUpBlock",
    "ResBlock",
    "UpBlock",
    "conv3",
    "flat",
    "gated_update",
    "per_object",
    "unflat",
]


def flat(x: Tensor) -> Tensor:
    """B x N x C x H x W -> BN x C x H x W."""
    return x.flatten(0, 1)


def unflat(x: Tensor, batch: int) -> Tensor:
    """BN x C x H x W -> B x N x C x H x W."""
    return x.view(batch, -1, *x.shape[1:])


def per_object(x: Tensor, objects: int) -> Tensor:
    """B x C x H x W, the same for each of N objects -> BN x C x H x W."""
    return x.repeat_interleave(objects, 0) if objects > 1 else x


def conv3(c_in: int, c_out: int) -> nn.Conv2d:
    """3 x 3 convolution that keeps the size."""
    return nn.Conv2d(c_in, c_out, 3, padding=1)


class ResBlock(nn.Module):
    """Pre-activation residual block; a 3 x 3 convolution carries a change of width."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.downsample = conv3(c_in, c_out) if c_in != c_out else None
        self.conv1, self.conv2 = conv3(c_in, c_out), conv3(c_out, c_out)

    def forward(self, x: Tensor) -> Tensor:
        """B x c_in x H x W -> B x c_out x H x W."""
        y = self.conv2(F.relu(self.conv1(F.relu(x)), inplace=True))
        skip = x if self.downsample is None else self.downsample(x)
        return torch.add(y, skip)


class ChannelGate(nn.Module):
    """Weighs channels by what their mean and maximum say (CBAM, section 3)."""

    def __init__(self, width: int, reduction: int = 16) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Flatten(),
            nn.Linear(width, width // reduction),
            nn.ReLU(inplace=True),
            nn.Linear(width // reduction, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        weight = self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3)))
        return x * torch.sigmoid(weight)[..., None, None]


class SpatialConv(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return y


class SpatialGate(nn.Module):
    """Weighs places by the maximum and mean over channels (CBAM, section 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.spatial = SpatialConv()

    def forward(self, x: Tensor) -> Tensor:
        planes = torch.stack([x.amax(1), x.mean(1)], 1)
        return x * torch.sigmoid(self.spatial(planes))


class CBAM(nn.Module):
    """Convolutional block attention: channels, then places."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ChannelGate, self.SpatialGate = ChannelGate(width), SpatialGate()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.SpatialGate(self.ChannelGate(x))
        return y


class Squeeze(nn.Module):
    """Squeeze and excitation: weighs channels by their mean."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(width, width // 8), nn.ReLU(inplace=True), nn.Linear(width // 8, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.mlp(x.mean((2, 3))))[..., None, None]


class FeatureFusion(nn.Module):
    """Joins features of the picture with features of each object."""

    def __init__(
        self, x_dim: int, g_dim: int, out_dim: int, attention: Literal["cbam", "squeeze"]
    ) -> None:
        super().__init__()
        self.block1 = ResBlock(x_dim + g_dim, out_dim)
        self.attention = CBAM(out_dim) if attention == "cbam" else Squeeze(out_dim)
        self.block2 = ResBlock(out_dim, out_dim)

    def forward(self, x: Tensor, g: Tensor) -> Tensor:
        """B x X x h x w and BN x G x h x w -> BN x out x h x w."""
        g = self.block1(torch.cat([per_object(x, len(g) // len(x)), g], 1))
        y: Tensor = self.block2(g + self.attention(g))
        return y


def _doubled(g: Tensor) -> Tensor:
    return F.interpolate(g, scale_factor=2, mode="bilinear", align_corners=False)


class UpBlock(nn.Module):
    """Doubles the resolution and adds the picture's features there."""

    def __init__(self, skip_dim: int, g_dim: int, out_dim: int) -> None:
        super().__init__()
        self.skip_conv = conv3(skip_dim, g_dim)
        self.out_conv = ResBlock(g_dim, out_dim)

    def forward(self, skip: Tensor, g: Tensor) -> Tensor:
        """B x S x 2h x 2w and BN x G x h x w -> BN x out x 2h x 2w."""
        up = _doubled(g)
        y: Tensor = self.out_conv(up + per_object(self.skip_conv(skip), len(g) // len(skip)))
        return y


class NarrowUpBlock(nn.Module):
    """Doubles the resolution of fewer channels, adds the picture's features and the hints there."""

    def __init__(self, skip_dim: int, g_dim: int, out_dim: int, hints: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(g_dim, out_dim, 1)
        self.skip_conv = conv3(skip_dim, out_dim)
        self.hint_conv = nn.Conv2d(4 * hints, out_dim, 3, padding=1, bias=False)
        self.out_conv = ResBlock(out_dim, out_dim)

    def forward(self, skip: Tensor, g: Tensor, hints: Tensor | None) -> Tensor:
        """B x S x 2h x 2w, BN x G x h x w, BN x T x 2h x 2w -> BN x out x 2h x 2w."""
        up = _doubled(self.narrow(g)) + per_object(self.skip_conv(skip), len(g) // len(skip))
        y: Tensor = self.out_conv(up if hints is None else up + self.hint_conv(hints))
        return y


def gated_update(values: Tensor, hidden: Tensor) -> Tensor:
    """Gated update of the hidden state (XMem, supplement: the new value is not forgotten).

    ``h' = forget * h * (1 - update) + update * new``.

    Args:
        values: BN x 3 hidden_dim x h x w: forget gate, update gate and new value, raw.
        hidden: BN x hidden_dim x h x w.

    Returns:
        BN x hidden_dim x h x w, float32, in -1..1.
    """
    forget, update, new = values.float().chunk(3, 1)
    update = torch.sigmoid(update)
    return torch.sigmoid(forget) * hidden * (1 - update) + update * torch.tanh(new)


class HiddenReinforce(nn.Module):
    """Renews the hidden state from a new value (the deep update of XMem)."""

    def __init__(self, value_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.transform = conv3(value_dim + hidden_dim, hidden_dim * 3)

    def forward(self, value: Tensor, hidden: Tensor) -> Tensor:
        """BN x value_dim x h x w and BN x hidden_dim x h x w -> BN x hidden_dim x h x w."""
        return gated_update(self.transform(torch.cat([value, hidden.to(value.dtype)], 1)), hidden)
