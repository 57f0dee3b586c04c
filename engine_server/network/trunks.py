# SPDX-License-Identifier: Apache-2.0
"""Image trunks: pictures in, features by stride out."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from .config import NetworkConfig

__all__ = ["Lite0Trunk", "ResNet50Trunk", "image_trunk", "resnet18_stages"]


class ResNet50Trunk(nn.Module):
    """ResNet-50 to stride 16, under the parameter names of the published XMem."""

    def __init__(self) -> None:
        super().__init__()
        resnet = ResNet(Bottleneck, [3, 4, 6, 1])
        self.conv1, self.bn1 = resnet.conv1, resnet.bn1
        self.res2, self.layer2, self.layer3 = resnet.layer1, resnet.layer2, resnet.layer3

    def forward(self, frame: Tensor) -> dict[int, Tensor]:
        """B x 3 x H x W -> features at stride 4 (256), 8 (512) and 16 (1024)."""
        x = F.relu(self.bn1(self.conv1(frame)), inplace=True)
        f4 = self.res2(F.max_pool2d(x, 3, stride=2, padding=1))
        f8 = self.layer2(f4)
        return {4: f4, 8: f8, 16: self.layer3(f8)}


def resnet18_stages() -> tuple[nn.Sequential, nn.Sequential, nn.Sequential]:
    """The stages of a ResNet-18 at stride 4, 8 and 16 (64, 128, 256 channels)."""
    resnet = ResNet(BasicBlock, [2, 2, 2, 1])
    return resnet.layer1, resnet.layer2, resnet.layer3


class SamePadConv(nn.Conv2d):
    """Convolution padded as TensorFlow pads: the odd pixel goes to the bottom and right."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, groups: int = 1) -> None:
        even = stride == 1
        padding = kernel // 2 if even else 0
        super().__init__(c_in, c_out, kernel, stride, padding, groups=groups, bias=False)
        extra = 0 if even else kernel - stride
        self.extra = (extra // 2, extra - extra // 2)

    def forward(self, x: Tensor) -> Tensor:
        if any(self.extra):
            x = F.pad(x, (*self.extra, *self.extra))
        return super().forward(x)


def conv_bn(
    c_in: int, c_out: int, kernel: int, *, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    """A convolution and its batch-norm, with the constants of EfficientNet."""
    conv = SamePadConv(c_in, c_out, kernel, stride, groups)
    return [conv, nn.BatchNorm2d(c_out, eps=1e-3, momentum=0.01)]


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project (EfficientNet-Lite: ReLU6, no squeeze)."""

    def __init__(self, c_in: int, c_out: int, *, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = c_in * expand
        widen = [*conv_bn(c_in, wide, 1), nn.ReLU6(inplace=True)] if expand > 1 else []
        middle = [*conv_bn(wide, wide, kernel, stride=stride, groups=wide), nn.ReLU6(inplace=True)]
        self.layers = nn.Sequential(*widen, *middle, *conv_bn(wide, c_out, 1))
        self.residual = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


# kernel, stride, expansion, width, repeats (EfficientNet-Lite0, blocks 0 to 10)
LITE0_STAGES = {
    2: [(3, 1, 1, 16, 1)],
    4: [(3, 2, 6, 24, 2)],
    8: [(5, 2, 6, 40, 2)],
    16: [(3, 2, 6, 80, 3), (5, 1, 6, 112, 3)],
}


class Lite0Trunk(nn.Module):
    """EfficientNet-Lite0 to stride 16, a batch-norm on each level that leaves it.

    The pretrained features have a standard deviation of 6 to 9; without the norms the
    softmax of the read-out starts one-hot and training fails.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*conv_bn(3, 32, 3, stride=2), nn.ReLU6(inplace=True))
        self.stages, self.norms = nn.ModuleDict(), nn.ModuleDict()
        width = 32
        for at, rows in LITE0_STAGES.items():
            blocks: list[nn.Module] = []
            for kernel, stride, expand, c_out, repeats in rows:
                for i in range(repeats):
                    step = stride if i == 0 else 1
                    blocks.append(
                        InvertedResidual(width, c_out, kernel=kernel, stride=step, expand=expand)
                    )
                    width = c_out
            self.stages[str(at)] = nn.Sequential(*blocks)
            self.norms[str(at)] = nn.BatchNorm2d(width)

    def forward(self, frame: Tensor) -> dict[int, Tensor]:
        """B x 3 x H x W -> features at stride 2 (16), 4 (24), 8 (40) and 16 (112)."""
        x = self.stem(frame)
        features = {}
        for at, stage in self.stages.items():
            x = stage(x)
            features[int(at)] = self.norms[at](x)
        return features


def image_trunk(config: NetworkConfig) -> nn.Module:
    """The trunk that a configuration names."""
    return ResNet50Trunk() if config.trunk == "resnet50" else Lite0Trunk()
