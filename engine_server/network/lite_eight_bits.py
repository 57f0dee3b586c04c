# SPDX-License-Identifier: Apache-2.0
"""`lite` in eight bits: its trunk and its decoder, which take nearly all of its time.

Keys, memory and values stay as they are: what is compared with one another is not rounded. Feature
maps at strides 2, 4 and 8 are bytes, whose scale trunk and decoder both take from the ranges that
were measured in training; those at stride 16 are real numbers, which the key is made of.

Ranges are (lowest, highest) by the name of a module and ``:in`` or ``:out``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from .blocks import FeatureFusion, NarrowUpBlock, ResBlock, per_object
from .decoder import NarrowDecoder
from .eight_bits import EightBitConv, Scale
from .trunks import InvertedResidual, Lite0Trunk
from .xmem import XMem

__all__ = ["PICTURE", "Ranges", "to_eight_bits"]

Ranges: TypeAlias = Mapping[str, tuple[float, float]]
Bytes: TypeAlias = NDArray[np.uint8]

PICTURE = Scale(1 / 128, 127)  # of `lite`'s input: the bytes of the picture itself
SIX = Scale(6 / 255)  # after a ReLU6
SHARE = Scale(1 / 255)  # of hints, 0..1


class _Named:
    """The ranges of one module and of what is in it."""

    def __init__(self, ranges: Ranges, name: str) -> None:
        self._ranges, self._name = ranges, name

    def __getitem__(self, child: str | int) -> _Named:
        return _Named(self._ranges, f"{self._name}.{child}")

    def scale(self, *ends: str, relu: bool = False) -> Scale:
        """For what goes in (``in``), comes out (``out``) or comes out of a part (``part:out``)."""
        names = (f".{end}" if ":" in end else f":{end}" for end in ends)
        lows, highs = zip(*(self._ranges[self._name + name] for name in names), strict=True)
        return Scale.of(0.0 if relu else min(lows), max(highs))


class _Block:
    """An inverted residual."""

    def __init__(self, block: InvertedResidual, at: Scale, to: Scale) -> None:
        convs = [layer for layer in block.layers if isinstance(layer, nn.Conv2d)]
        scales = [at, *[SIX] * (len(convs) - 1)]
        self._wide = [
            EightBitConv(conv, scale, SIX, relu=True)
            for conv, scale in zip(convs[:-1], scales, strict=False)
        ]
        self._narrow = EightBitConv(convs[-1], SIX, to)
        self._at, self._residual = at, block.residual

    def __call__(self, x: Tensor) -> Tensor:
        """With a residual, the memory of ``x`` is taken."""
        y = x
        for conv in self._wide:
            y = conv(y)
        return self._narrow.onto(x, self._at, y) if self._residual else self._narrow(y)


class EightBitTrunk(nn.Module):
    """As `Lite0Trunk`.

    Args:
        trunk: float32, convolutions and norms folded.
        ranges: of its blocks and of the norms at its levels.
        dtype: of what leaves it at stride 16.
    """

    def __init__(self, trunk: Lite0Trunk, ranges: _Named, dtype: torch.dtype) -> None:
        super().__init__()
        self._dtype = dtype
        self._stem = EightBitConv(_only_conv(trunk.stem), PICTURE, SIX, relu=True)
        self._stages: dict[int, list[_Block]] = {}
        self._norms: dict[int, EightBitConv] = {}
        at = SIX
        for stride, stage in trunk.stages.items():
            blocks = self._stages.setdefault(int(stride), [])
            for i, block in enumerate(stage):  # type: ignore[arg-type]
                to = ranges["stages"][stride][i].scale("out")
                blocks.append(_Block(block, at, to))
                at = to
            to_level = ranges["norms"][stride].scale("out") if int(stride) < 16 else None
            norm = _as_conv(trunk.norms[stride])  # type: ignore[arg-type]
            self._norms[int(stride)] = EightBitConv(norm, at, to_level)

    def forward(self, frame: Tensor) -> dict[int, Tensor]:
        """B x 3 x H x W uint8 -> uint8 at stride 2, 4 and 8, a real format at 16."""
        x = self._stem(frame)
        features = {}
        for stride, blocks in self._stages.items():
            for block in blocks:
                x = block(x)
            features[stride] = self._norms[stride](x)
        return {**features, 16: features[16].to(self._dtype)}


class _Residual:
    """A `ResBlock`."""

    def __init__(self, block: ResBlock, ranges: _Named, at: Scale, *, relu: bool = False) -> None:
        inner = ranges["conv1"].scale("out", relu=True)
        self.to = ranges.scale("out", relu=relu)
        self._at = at
        self._conv1 = EightBitConv(block.conv1, at, inner, relu=True)
        self._conv2 = EightBitConv(block.conv2, inner, self.to, relu=relu)
        self._skip_scale, self._skip = at, None
        if block.downsample is not None:
            self._skip_scale = ranges.scale("out")
            self._skip = EightBitConv(block.downsample, at, self._skip_scale)

    def __call__(self, x: Tensor) -> Tensor:
        """Takes the memory of ``x``."""
        y = self._conv1(self._at.relu(x))
        skip = x if self._skip is None else self._skip(x)
        return self._conv2.onto(skip, self._skip_scale, y)


class _Fusion:
    """A `FeatureFusion` with squeeze and excitation, which is so small that it stays float32."""

    def __init__(self, fusion: FeatureFusion, ranges: _Named) -> None:
        self._at1, self._at2 = (ranges[f"block{i}"].scale("in") for i in (1, 2))
        self._block1 = _Residual(fusion.block1, ranges["block1"], self._at1)
        self._block2 = _Residual(fusion.block2, ranges["block2"], self._at2)
        self._attention = fusion.attention
        self.to = self._block2.to

    def __call__(self, x: Tensor, g: Tensor) -> Tensor:
        """B x X x h x w and BN x G x h x w, any format -> BN x out x h x w uint8."""
        both = torch.cat([per_object(x, len(g) // len(x)).float(), g.float()], 1)
        g = self._block1.to.reals_of(self._block1(self._at1.bytes_of(both)))
        return self._block2(self._at2.bytes_of(g + self._attention(g)))


class _Up:
    """A `NarrowUpBlock`."""

    def __init__(
        self, up: NarrowUpBlock, ranges: _Named, at: Scale, skip_at: Scale, *, relu: bool = False
    ) -> None:
        self._sum = ranges.scale("out_conv:in", "narrow:out")
        self._narrow = EightBitConv(up.narrow, at, self._sum)
        self._skip_conv = EightBitConv(up.skip_conv, skip_at, self._sum)
        self._hint_conv = EightBitConv(_for_folded(up.hint_conv), SHARE, self._sum)
        self._out_conv = _Residual(up.out_conv, ranges["out_conv"], self._sum, relu=relu)
        self.to = self._out_conv.to

    def __call__(self, skip: Tensor, g: Tensor, hints: Tensor | None) -> Tensor:
        skip = per_object(skip, len(g) // len(skip)).contiguous(memory_format=torch.channels_last)
        up = self._skip_conv.onto(_doubled(self._narrow(g)), self._sum, skip)
        if hints is not None:
            up = self._hint_conv.onto(up, self._sum, hints)
        return self._out_conv(up)


class EightBitDecoder(nn.Module):
    """As `NarrowDecoder`.

    Args:
        decoder: float32.
        ranges: of its parts.
        norms: of the trunk's norms, whose bytes it is given.
    """

    def __init__(self, decoder: NarrowDecoder, ranges: _Named, norms: _Named) -> None:
        super().__init__()
        at8, at4, at2 = (norms[stride].scale("out") for stride in (8, 4, 2))
        self._fuser = _Fusion(decoder.fuser, ranges["fuser"])
        self._to8 = _Up(decoder.up_16_8, ranges["up_16_8"], self._fuser.to, at8)
        self._to4 = _Up(decoder.up_8_4, ranges["up_8_4"], self._to8.to, at4)
        self._to2 = _Up(decoder.up_4_2, ranges["up_4_2"], self._to4.to, at2, relu=True)
        self._pred = EightBitConv(decoder.pred, self._to2.to)

    def forward(
        self, maps: dict[int, Tensor], readout: Tensor, hidden: Tensor | None,
        hints: Tensor | None = None, *, update: bool,
    ) -> tuple[Tensor | None, Tensor]:  # fmt: skip
        """As `NarrowDecoder.forward`, with the maps of `EightBitTrunk` and hints of uint8."""
        at8, at4, at2 = (None,) * 3 if hints is None else _levels(hints)
        g = self._fuser(maps[16], readout)
        g = self._to8(maps[8], g, at8)
        g = self._to4(maps[4], g, at4)
        g = self._to2(maps[2], g, at2)
        return None, F.pixel_shuffle(self._pred(g), 2)


class _Values(nn.Module):
    """A value encoder in a real format that is given bytes.

    Args:
        encoder: prepared.
        norms: of the trunk's norms.
        dtype: of the encoder.
    """

    def __init__(self, encoder: nn.Module, norms: _Named, dtype: torch.dtype) -> None:
        super().__init__()
        self._encoder, self._dtype = encoder, dtype
        self._scales = {stride: norms[stride].scale("out") for stride in (4, 8)}

    def forward(self, frame: Tensor, maps: dict[int, Tensor], masks: Tensor) -> Tensor:
        """As `ValueEncoder.forward`, with the maps of `EightBitTrunk`."""
        reals = {s: scale.reals_of(maps[s]).to(self._dtype) for s, scale in self._scales.items()}
        values: Tensor = self._encoder(frame, {**reals, 16: maps[16]}, masks)
        return values


def to_eight_bits(network: XMem, plain: XMem, ranges: Ranges, dtype: torch.dtype) -> None:
    """Gives a network a trunk and a decoder that compute in eight bits.

    Args:
        network: `lite`, prepared for the CPU; its pictures are bytes from now on.
        plain: the same in float32, convolutions and norms folded.
        ranges: that were measured of it, see `training.ranges`.
        dtype: of all other parts.

    Raises:
        KeyError: a range is missing.
    """
    trunk, decoder = _Named(ranges, "key_encoder"), _Named(ranges, "decoder")
    network.key_encoder = EightBitTrunk(plain.key_encoder, trunk, dtype)  # type: ignore[arg-type]
    network.decoder = EightBitDecoder(plain.decoder, decoder, trunk["norms"])  # type: ignore[arg-type]
    network.value_encoder = _Values(network.value_encoder, trunk["norms"], dtype)  # type: ignore[assignment]
    network.takes_bytes = True


def _only_conv(layers: nn.Module) -> nn.Conv2d:
    """The convolution among layers."""
    return next(layer for layer in layers.children() if isinstance(layer, nn.Conv2d))


def _as_conv(norm: nn.BatchNorm2d) -> nn.Conv2d:
    """A norm, for inference, as a convolution of single pixels and channels."""
    assert norm.running_mean is not None and norm.running_var is not None  # noqa: S101, PT018
    width = norm.num_features
    conv = nn.Conv2d(width, width, 1, groups=width)
    gain = norm.weight / (norm.running_var + norm.eps).sqrt()
    conv.weight.data = gain.view(-1, 1, 1, 1).clone()
    conv.bias = nn.Parameter(norm.bias - norm.running_mean * gain)
    return conv


def _doubled(x: Tensor) -> Tensor:
    """B x C x h x w uint8 -> B x C x 2h x 2w, bilinear."""
    size = (2 * x.shape[3], 2 * x.shape[2])
    large = [
        cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR_EXACT)
        for plane in x.permute(0, 2, 3, 1).numpy()
    ]
    return _stacked(large)


def _levels(hints: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hints N x T x H x W uint8 at stride 8, 4 and 2; 2 x 2 pixels become channels."""
    at2 = [_folded(planes) for planes in hints.permute(0, 2, 3, 1).numpy()]
    at4 = [_halved(planes) for planes in at2]
    return _stacked([_halved(planes) for planes in at4]), _stacked(at4), _stacked(at2)


def _folded(planes: Bytes) -> Bytes:
    """H x W x T -> H/2 x W/2 x 4T, row after row of a block, all T of a pixel together."""
    height, width, count = planes.shape
    blocks = planes.reshape(height // 2, 2, width // 2, 2 * count).swapaxes(1, 2)
    return np.ascontiguousarray(blocks).reshape(height // 2, width // 2, 4 * count)


def _for_folded(conv: nn.Conv2d) -> nn.Conv2d:
    """A convolution of ``pixel_unshuffle(x, 2)``, for what `_folded` makes of x."""
    count = conv.in_channels // 4
    order = torch.arange(4 * count).view(count, 4).T.flatten()
    other = nn.Conv2d(conv.in_channels, conv.out_channels, 3, padding=1, bias=False)
    other.weight.data = conv.weight.data[:, order].clone()
    return other


def _halved(planes: Bytes) -> Bytes:
    """H x W x C -> H/2 x W/2 x C, each pixel the mean of four."""
    size = (planes.shape[1] // 2, planes.shape[0] // 2)
    return np.asarray(cv2.resize(planes, size, interpolation=cv2.INTER_AREA), np.uint8)


def _stacked(planes: Sequence[Bytes]) -> Tensor:
    """N pictures h x w x C -> N x C x h x w, channels last; one is not copied."""
    rows = planes[0][None] if len(planes) == 1 else np.stack(planes)
    return torch.from_numpy(rows).permute(0, 3, 1, 2)
