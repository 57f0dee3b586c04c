# SPDX-License-Identifier: Apache-2.0
"""A network in bfloat16 that says nearly what it says in float32.

Eight bits of mantissa cost most where errors add up with one sign: rounded weights that all
read the same positive input shift a whole channel, and a residual stream that is rounded
after every block drifts. Both are avoided here, at next to no cost while running.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .trunks import Bottleneck, ResNet50Trunk
from .xmem import XMem

__all__ = ["WideStage", "lower", "rounded"]

SEGMENT = 144  # weights of a row along which rounding errors are carried: 16 kernels of 3 x 3


def rounded(weight: Tensor, nearest: Callable[[Tensor], Tensor]) -> Tensor:
    """Rounds so that errors cancel: each weight takes up what its predecessor lost.

    Error diffusion along each output's weights. A sum over neighbouring weights is off by at
    most half a unit of the last place, where rounding each to the nearest lets the errors
    pile up; inputs after a ReLU, positive and alike from pixel to pixel, see just such sums.

    Args:
        weight: O x ..., float32, O >= 1.
        nearest: rounds numbers to the nearest ones that there are.

    Returns:
        the same shape, float32, each number at most one unit in the last place off.
    """
    rows = weight.flatten(1)
    pad = -rows.shape[1] % SEGMENT
    columns = F.pad(rows, (0, pad)).view(-1, SEGMENT).T.contiguous()  # SEGMENT x rows' pieces
    carry = torch.zeros_like(columns[0])
    for column in columns:
        wanted = column + carry
        column.copy_(nearest(wanted))
        carry = wanted - column
    whole = columns.T.reshape(len(rows), -1)[:, : rows.shape[1]]
    return whole.reshape(weight.shape)


class WideStage(nn.Sequential):
    """Bottleneck blocks, norms folded, whose running sum stays in float32 to the stage's end."""

    def forward(self, x: Tensor) -> Tensor:
        """B x C x H x W -> B x C' x H' x W', in the format of ``x``."""
        total = x
        for block in self:
            assert isinstance(block, Bottleneck)  # noqa: S101  (for the type checker)
            narrow = total.to(x.dtype)
            skip = total if block.downsample is None else block.downsample(narrow)
            y = F.relu_(block.conv2(F.relu_(block.conv1(narrow))))
            total = F.relu_(skip.float().add_(block.conv3(y)))
        return total.to(x.dtype)


def lower(network: XMem, dtype: torch.dtype) -> None:
    """Brings all weights to a shorter floating-point format, in place.

    Args:
        network: for inference, norms folded; buffers of the input's normalisation stay.
        dtype: bfloat16.
    """

    def nearest(weights: Tensor) -> Tensor:
        return weights.to(dtype)

    for part in (network.key_encoder, network.key_proj, network.value_encoder, network.decoder):
        for parameter in part.parameters():
            if parameter.dim() > 1:
                parameter.data = _like(parameter, rounded(parameter.data, nearest).to(dtype))
        part.to(dtype)
    trunk = network.key_encoder
    if isinstance(trunk, ResNet50Trunk):
        trunk.res2, trunk.layer2, trunk.layer3 = (
            WideStage(*stage) for stage in (trunk.res2, trunk.layer2, trunk.layer3)
        )


def _like(old: Tensor, new: Tensor) -> Tensor:
    """The new numbers in the memory layout of the old ones."""
    return torch.empty_like(old, dtype=new.dtype).copy_(new)
