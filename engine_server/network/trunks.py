# SPDX-License-Identifier: Apache-2.0
"""Image trunks: pictures in, features by stride out."""

from __future__ import annotations

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor, nn

from .config import NetworkConfig

__all__ = [
    "Bottleneck",
    "Lite0Trunk",
    "ResNet50Trunk",
    "SamePadConv",
    "image_trunk",
    "resnet18_stages",
]


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut (ResNet, section 4.1); published parameter names."""

    EXPANSION = 1

    def __init__(self, c_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv(c_in, width, 3, stride), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = _conv(width, width, 3), nn.BatchNorm2d(width)
        self.downsample = _shortcut(c_in, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """B x c_in x H x W -> B x width x H/stride x W/stride."""
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        skip = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn2(self.conv2(y)) + skip, inplace=True)


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 (which has the stride), 1 x 1, and a shortcut; published parameter names."""

    EXPANSION = 4

    def __init__(self, c_in: int, width: int, stride: int) -> None:
        super().__init__()
        wide = width * self.EXPANSION
        self.conv1, self.bn1 = _conv(c_in, width, 1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = _conv(width, width, 3, stride), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = _conv(width, wide, 1), nn.BatchNorm2d(wide)
        self.downsample = _shortcut(c_in, wide, stride)

    def forward(self, x: Tensor) -> Tensor:
        """B x c_in x H x W -> B x 4 width x H/stride x W/stride."""
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        skip = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn3(self.conv3(y)) + skip, inplace=True)


def _conv(c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)


def _shortcut(c_in: int, c_out: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and c_in == c_out:
        return None
    return nn.Sequential(_conv(c_in, c_out, 1, stride), nn.BatchNorm2d(c_out))


def _stages(
    block: type[BasicBlock] | type[Bottleneck], repeats: tuple[int, int, int]
) -> Iterator[nn.Sequential]:
    """The stages of a ResNet at stride 4, 8 and 16, for 64 channels from the stem."""
    c_in = 64
    for width, stride, count in zip((64, 128, 256), (1, 2, 2), repeats, strict=True):
        first, wide = block(c_in, width, stride), width * block.EXPANSION
        yield nn.Sequential(first, *(block(wide, width, 1) for _ in range(count - 1)))
        c_in = wide


class ResNet50Trunk(nn.Module):
    """ResNet-50 to stride 16, under the parameter names of the published XMem."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.res2, self.layer2, self.layer3 = _stages(Bottleneck, (3, 4, 6))

    def forward(self, frame: Tensor) -> dict[int, Tensor]:
        """B x 3 x H x W -> features at stride 4 (256), 8 (512) and 16 (1024)."""
        x = F.relu(self.bn1(self.conv1(frame)), inplace=True)
        f4 = self.res2(F.max_pool2d(x, 3, stride=2, padding=1))
        f8 = self.layer2(f4)
        return {4: f4, 8: f8, 16: self.layer3(f8)}


def resnet18_stages() -> tuple[nn.Sequential, ...]:
    """The stages of a ResNet-18 at stride 4, 8 and 16 (64, 128, 256 channels)."""
    return tuple(_stages(BasicBlock, (2, 2, 2)))


class SamePadConv(nn.Conv2d):
    """Convolution padded as TensorFlow pads: the odd pixel goes to the bottom and right."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, groups: int = 1) -> None:
        half, odd = divmod(kernel - stride, 2)
        padding = 0 if odd else half
        super().__init__(c_in, c_out, kernel, stride, padding, groups=groups, bias=False)
        self.extra = (half, half + 1) if odd else (0, 0)

    def forward(self, x: Tensor) -> Tensor:
        """B x c_in x H x W -> B x c_out x H/stride x W/stride, sides that the stride divides."""
        if any(self.extra):
            x = F.pad(x, (*self.extra, *self.extra))
        return super().forward(x)

    def centre(self) -> None:
        """For inference: a row and a column of zeros in the kernel instead of a padded picture.

        So the padding is the same on both sides and costs no copy; the results stay the same.
        """
        if any(self.extra):
            self.weight.data = F.pad(self.weight.data, (1, 0, 1, 0))
            self.padding, self.extra = (self.extra[1], self.extra[1]), (0, 0)


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
