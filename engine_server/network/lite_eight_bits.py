# SPDX-License-Identifier: Apache-2.0
"""`lite` in eight bits.

Only keys, what is read of memory and probabilities are not rounded. Feature
maps at strides 2, 4 and 8 are bytes, whose scale trunk and decoder both take from the ranges that
were measured in training; those at stride 16 are real numbers, which the key is made of.

Ranges are (lowest, highest) by the name of a module and ``:in`` or ``:out``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shared.errors import BadWeights

from .blocks import FeatureFusion, NarrowUpBlock, ResBlock, per_object
from .decoder import NarrowDecoder
from .eight_bits import EightBitConv, Scale
from .encoders import FoldedMasks, ValueEncoder, other_masks
from .trunks import InvertedResidual, Lite0Trunk
from .xmem import XMem

__all__ = ["PICTURE", "Ranges", "to_eight_bits"]

Ranges: TypeAlias = Mapping[str, tuple[float, float]]
Bytes: TypeAlias = NDArray[np.uint8]

PICTURE = Scale(1 / 128, 127)  # of `lite`'s input: the bytes of the picture itself
SIX = Scale(6 / 255)  # after a ReLU6
SHARE = Scale(1 / 255)  # of hints, 0..1
BLOCKS = 2 * 16  # inputs of the value encoder that are 4 x 4 pixels of its two masks


class _Named:
    """The ranges of one module and of what is in it."""

    def __init__(self, ranges: Ranges, name: str) -> None:
        self._ranges, self._name = ranges, name

    def __getitem__(self, child: str | int) -> _Named:
        return _Named(self._ranges, f"{self._name}.{child}")

    def scale(self, *ends: str, relu: bool = False) -> Scale:
        """For what goes in (``in``), comes out (``out``) or comes out of a part (``part:out``)."""
        names = (self._name + (f".{end}" if ":" in end else f":{end}") for end in ends)
        lows, highs = zip(*map(self._range, names), strict=True)
        return Scale.of(0.0 if relu else min(lows), max(highs))

    def _range(self, name: str) -> tuple[float, float]:
        if name not in self._ranges:
            raise BadWeights(f"The weights have ranges, but none of {name}.")
        return self._ranges[name]


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
            for i, block in enumerate(cast(Iterable[InvertedResidual], stage)):
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
    """A `ResBlock`.

    Args:
        block: float32.
        ranges: of it.
        at: scale of its input.
        relu: whether its result goes through a ReLU.
        real: whether the result is float32, and what it is to be added to is left to the caller.
    """

    def __init__(
        self, block: ResBlock, ranges: _Named, at: Scale, *, relu: bool = False, real: bool = False
    ) -> None:
        inner = ranges["conv1"].scale("out", relu=True)
        self.to = ranges.scale("out", relu=relu)
        self._at, self._real = at, real
        self._conv1 = EightBitConv(block.conv1, at, inner, relu=True)
        self._conv2 = EightBitConv(block.conv2, inner, None if real else self.to, relu=relu)
        self._skip_scale, self._skip = at, None
        if block.downsample is not None:
            self._skip_scale = ranges.scale("out")
            self._skip = EightBitConv(block.downsample, at, self._skip_scale)

    def __call__(self, x: Tensor) -> Tensor:
        """Takes the memory of ``x``."""
        y = self._conv1(self._at.relu(x))
        if self._real:
            return self._conv2(y)
        skip = x if self._skip is None else self._skip(x)
        return self._conv2.onto(skip, self._skip_scale, y)


class _Fusion:
    """A `FeatureFusion` with squeeze and excitation, which is so small that it stays float32.

    Args:
        fusion: float32.
        ranges: of its blocks.
        real: whether the result is float32, and not bytes.
    """

    def __init__(self, fusion: FeatureFusion, ranges: _Named, *, real: bool = False) -> None:
        self._at1, self._at2 = (ranges[f"block{i}"].scale("in") for i in (1, 2))
        self._block1 = _Residual(fusion.block1, ranges["block1"], self._at1)
        self._block2 = _Residual(fusion.block2, ranges["block2"], self._at2, real=real)
        self._attention, self._real = fusion.attention, real
        self.to = self._block2.to

    def __call__(self, x: Tensor, g: Tensor) -> Tensor:
        """B x X x h x w and BN x G x h x w, any format -> BN x out x h x w."""
        both = torch.cat([per_object(x, len(g) // len(x)).float(), g.float()], 1)
        g = self._block1.to.reals_of(self._block1(self._at1.bytes_of(both)))
        g = g + self._attention(g)
        found = self._block2(self._at2.bytes_of(g))
        return g + found if self._real else found


class _Up:
    """A `NarrowUpBlock`."""

    def __init__(
        self, up: NarrowUpBlock, ranges: _Named, at: Scale, skip_at: Scale, *, relu: bool = False
    ) -> None:
        self._sum = ranges.scale("out_conv:in", "narrow:out")
        self._narrow = EightBitConv(up.narrow, at, self._sum)
        self._skip_conv = EightBitConv(up.skip_conv, skip_at, self._sum)
        self._hint_conv = EightBitConv(_hint_conv(up), SHARE, self._sum)
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
        return None, _unfolded(self._pred(g))


class EightBitValues(nn.Module):
    """As the `ValueEncoder` of `lite`.

    Args:
        encoder: float32.
        ranges: of its parts.
        norms: of the trunk's norms, whose bytes it is given.
        dtype: of the values.
    """

    def __init__(
        self, encoder: ValueEncoder, ranges: _Named, norms: _Named, dtype: torch.dtype
    ) -> None:
        super().__init__()
        folded, inner = encoder.folded, ranges["folded"]
        self._dtype = dtype
        self._at4, self._level8 = norms[4].scale("out"), norms[8].scale("out")
        self._at8, self._joint = inner["at8"].scale("out", relu=True), inner["at8"].scale("in")
        between = inner["at4"].scale("out", relu=True)
        self._gain = self._at4.step * (255 - self._at4.zero)
        self._conv4 = EightBitConv(_mask_conv(folded, self._gain), self._at4, between, relu=True)
        self._to8 = EightBitConv(folded.to8, between, self._joint, relu=True)
        self._conv8 = EightBitConv(folded.at8, self._joint, self._at8, relu=True)
        self._to16 = EightBitConv(folded.to16, self._at8)
        self._fuser = _Fusion(encoder.fuser, ranges["fuser"], real=True)

    def forward(self, frame: Tensor, maps: dict[int, Tensor], masks: Tensor) -> Tensor:
        """As `ValueEncoder.forward`, with the maps of `EightBitTrunk`."""
        own = torch.stack([masks, other_masks(masks)], 2).flatten(0, 1)  # BN x 2 x H x W
        objects = masks.shape[1]
        planes = self._at4.bytes_of(own * self._gain).permute(0, 2, 3, 1).numpy()
        blocks = _stacked([_folded(pair, 4) for pair in planes])
        g = self._conv4(_joined(blocks, per_object(maps[4], objects)))
        level8 = self._joint.bytes_of(self._level8.reals_of(maps[8]))
        g = self._conv8(_joined(self._to8(g), per_object(level8, objects)))
        return self._fuser(maps[16], self._to16(g)).to(self._dtype)


def to_eight_bits(network: XMem, dtype: torch.dtype) -> None:
    """Gives a network encoders and a decoder that compute in eight bits.

    Args:
        network: `lite` in float32 on the CPU, convolutions and norms folded, with its ranges (see
            `training.ranges`); its pictures are bytes from now on, and
            it can be neither copied nor saved.
        dtype: that all other parts will have.

    Raises:
        BadWeights: a range is missing.
    """
    parts = ("key_encoder", "value_encoder", "decoder")
    trunk, values, decoder = (_Named(network.ranges, part) for part in parts)
    norms = trunk["norms"]
    network.key_encoder = EightBitTrunk(network.key_encoder, trunk, dtype)  # type: ignore[arg-type]
    network.value_encoder = EightBitValues(network.value_encoder, values, norms, dtype)  # type: ignore[assignment]
    network.decoder = EightBitDecoder(network.decoder, decoder, norms)  # type: ignore[arg-type]
    network.takes_bytes = True


def _only_conv(layers: nn.Module) -> nn.Conv2d:
    """The convolution among layers."""
    return next(layer for layer in layers.children() if isinstance(layer, nn.Conv2d))


def _as_conv(norm: nn.BatchNorm2d) -> nn.Conv2d:
    """A norm, for inference, as a convolution of single pixels and channels."""
    assert norm.running_mean is not None and norm.running_var is not None  # noqa: S101, PT018
    width = norm.num_features
    with torch.random.fork_rng(devices=[]):  # its first numbers are drawn, for nothing
        conv = nn.Conv2d(width, width, 1, groups=width)
    gain = norm.weight / (norm.running_var + norm.eps).sqrt()
    conv.weight.data = gain.view(-1, 1, 1, 1).clone()
    conv.bias = nn.Parameter(norm.bias - norm.running_mean * gain)
    return conv


def _hint_conv(up: NarrowUpBlock) -> nn.Conv2d:
    conv = copy.deepcopy(up.hint_conv)
    conv.weight.data = _for_folded(conv.weight.data, 2)
    return conv


def _mask_conv(masks: FoldedMasks, gain: float) -> nn.Conv2d:
    """For masks that are given so many times as large."""
    conv = copy.deepcopy(masks.at4)
    blocks, level4 = conv.weight.data.tensor_split([BLOCKS], 1)
    conv.weight.data = torch.cat([_for_folded(blocks, 4) / gain, level4], 1)
    return conv


def _joined(*parts: Tensor) -> Tensor:
    return torch.cat(parts, 1).contiguous(memory_format=torch.channels_last)


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
    at2 = [_folded(planes, 2) for planes in hints.permute(0, 2, 3, 1).numpy()]
    at4 = [_halved(planes) for planes in at2]
    return _stacked([_halved(planes) for planes in at4]), _stacked(at4), _stacked(at2)


def _folded(planes: Bytes, side: int) -> Bytes:
    """H x W x C -> H/side x W/side x side*side*C: rows of a block, all C of a pixel together."""
    height, width, count = planes.shape
    rows = planes.reshape(height // side, side, width // side, side * count).swapaxes(1, 2)
    return np.ascontiguousarray(rows).reshape(height // side, width // side, side * side * count)


def _for_folded(weight: Tensor, side: int) -> Tensor:
    """Weights O x C*side*side x k x k for ``pixel_unshuffle(x, side)``, for `_folded` instead."""
    count = weight.shape[1] // side**2
    order = torch.arange(weight.shape[1]).view(count, side**2).T.flatten()
    return weight[:, order]


def _unfolded(x: Tensor) -> Tensor:
    """``pixel_shuffle(x, 2)`` of N x 4 x h x w float32, channels last."""
    pairs = x.permute(0, 2, 3, 1).contiguous().view(torch.int64)  # N x h x w x 2, two pixels each
    count, height, width, _ = pairs.shape
    rows = pairs.swapaxes(2, 3).contiguous().view(torch.float32)
    return rows.view(count, 1, 2 * height, 2 * width)


def _halved(planes: Bytes) -> Bytes:
    """H x W x C -> H/2 x W/2 x C, each pixel the mean of four."""
    size = (planes.shape[1] // 2, planes.shape[0] // 2)
    return np.asarray(cv2.resize(planes, size, interpolation=cv2.INTER_AREA), np.uint8)


def _stacked(planes: Sequence[Bytes]) -> Tensor:
    """N pictures h x w x C -> N x C x h x w, channels last; one is not copied."""
    shape = (len(planes), *planes[0].shape)
    rows = planes[0].reshape(shape) if len(planes) == 1 else np.stack(planes)
    return torch.from_numpy(rows).permute(0, 3, 1, 2)
