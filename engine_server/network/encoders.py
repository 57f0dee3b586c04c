# SPDX-License-Identifier: Apache-2.0
"""Key encoder (the picture alone) and value encoder (the picture and its masks)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import FeatureFusion, HiddenReinforce, conv3, per_object
from .config import NetworkConfig
from .trunks import resnet18_stages

__all__ = ["Features", "KeyProjection", "ValueEncoder", "other_masks"]


@dataclass(frozen=True)
class Features:
    """What the key encoder says of B pictures of H x W pixels.

    Attributes:
        key: B x 64 x H/16 x W/16, what a place looks like.
        shrinkage: B x 1 x H/16 x W/16, at least 1: how sure a memory token is.
        selection: B x 64 x H/16 x W/16 in 0..1: which channels a query cares for.
        maps: the trunk's features by stride.
    """

    key: Tensor
    shrinkage: Tensor
    selection: Tensor
    maps: dict[int, Tensor]


class KeyProjection(nn.Module):
    """From stride-16 features to key, shrinkage and selection (XMem, section 3.2)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.feature_dims[16]
        self.key_proj = conv3(width, config.key_dim)
        self.d_proj = conv3(width, 1)
        self.e_proj = conv3(width, config.key_dim)

    def forward(self, f16: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """B x F x h x w -> key, shrinkage = d^2 + 1, selection = sigmoid(e), in float32."""
        key, d, e = self.key_proj(f16), self.d_proj(f16), self.e_proj(f16)
        return key.float(), d.float().square() + 1, torch.sigmoid(e.float())


def other_masks(masks: Tensor) -> Tensor:
    """Sum of the other objects' masks: B x N x H x W -> B x N x H x W."""
    return masks.sum(1, keepdim=True) - masks


class FoldedMasks(nn.Module):
    """Brings masks to stride 16 along the trunk's own features, without a trunk of its own.

    Blocks of 4 x 4 mask pixels become channels, so that no edge is lost on the way.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        f4, f8 = config.feature_dims[4], config.feature_dims[8]
        self.at4 = conv3(2 * 16 + f4, 48)
        self.to8 = nn.Conv2d(48, 64, 3, stride=2, padding=1)
        self.at8 = conv3(64 + f8, 64)
        self.to16 = nn.Conv2d(64, config.value_trunk_dim, 3, stride=2, padding=1)

    def forward(self, masks: Tensor, maps: dict[int, Tensor]) -> Tensor:
        """BN x 2 x H x W (own, others) and features by stride -> BN x V x H/16 x W/16."""
        objects = len(masks) // len(maps[4])
        folded = F.pixel_unshuffle(masks, 4)  # BN x 32 x H/4 x W/4
        g = F.relu(self.at4(torch.cat([folded, per_object(maps[4], objects)], 1)))
        g = F.relu(self.to8(g))  # BN x 64 x H/8 x W/8
        g = F.relu(self.at8(torch.cat([g, per_object(maps[8], objects)], 1)))
        y: Tensor = self.to16(g)
        return y


class ValueEncoder(nn.Module):
    """What a memory frame says of each object: the value that the read-out mixes."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.over_picture = config.value_trunk == "resnet18"
        if self.over_picture:
            self.conv1 = nn.Conv2d(5, 64, 7, stride=2, padding=3, bias=False)
            self.bn1 = nn.BatchNorm2d(64)
            self.layer1, self.layer2, self.layer3 = resnet18_stages()
        else:
            self.folded = FoldedMasks(config)
        width, attention = config.feature_dims[16], config.attention
        self.fuser = FeatureFusion(width, config.value_trunk_dim, config.value_dim, attention)
        hidden = config.hidden_dim
        self.hidden_reinforce = HiddenReinforce(config.value_dim, hidden) if hidden else None

    def trunk(self, frame: Tensor, maps: dict[int, Tensor], masks: Tensor) -> Tensor:
        """Pictures B x 3 x H x W and masks B x N x H x W -> BN x V x H/16 x W/16."""
        own = torch.stack([masks, other_masks(masks)], 2).flatten(0, 1)  # BN x 2 x H x W
        own = own.to(frame.dtype)
        if not self.over_picture:
            return self.folded(own, maps)  # type: ignore[no-any-return]
        g = torch.cat([per_object(frame, masks.shape[1]), own], 1)
        g = F.relu(F.max_pool2d(self.bn1(self.conv1(g)), 3, stride=2, padding=1), inplace=True)
        return self.layer3(self.layer2(self.layer1(g)))  # type: ignore[no-any-return]

    def forward(self, frame: Tensor, maps: dict[int, Tensor], masks: Tensor) -> Tensor:
        """-> BN x value_dim x H/16 x W/16."""
        y: Tensor = self.fuser(maps[16], self.trunk(frame, maps, masks))
        return y
