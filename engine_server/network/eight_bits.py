# SPDX-License-Identifier: Apache-2.0
"""Convolutions in eight bits, for processors that multiply bytes (VNNI, AMX, AVX2).

A real number r is stored as the byte ``round(r / step) + zero``; what does not fit becomes 0 or
255, so that a ReLU, or a ReLU6 with a step of 6 / 255, costs nothing. Weights have a step for each
output channel. Sums are exact (Jacob et al., "Quantization and training of neural networks for
efficient integer-arithmetic-only inference", CVPR 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .precision import SEGMENT

__all__ = ["EightBitConv", "Scale", "bytes_multiply", "cpu_has"]

MOST = 127  # of a weight, in steps
MOST_IN_SHORTS = 63  # where two products are added up in 16 bits: 2 * 255 * 63 < 2 ** 15


@dataclass(frozen=True)
class Scale:
    """How real numbers become bytes.

    Attributes:
        step: between two bytes, above 0.
        zero: the byte that stands for 0.
    """

    step: float
    zero: int = 0

    @classmethod
    def of(cls, low: float, high: float) -> Scale:
        """The finest one for numbers from low to high, 0 among them."""
        low, high = min(low, 0.0), max(high, 0.0)
        step = max(high - low, 1e-6) / 255
        return cls(step, round(-low / step))

    def bytes_of(self, x: Tensor) -> Tensor:
        """B x C x H x W of any dtype -> uint8, channels last."""
        steps = (x.float() * (1 / self.step)).add_(self.zero).round_().clamp_(0, 255)
        return steps.to(torch.uint8, memory_format=torch.channels_last)

    def reals_of(self, x: Tensor) -> Tensor:
        """uint8 -> float32 of the same shape."""
        return x.float().sub_(self.zero).mul_(self.step)

    def relu(self, x: Tensor) -> Tensor:
        """Bytes of negative numbers become those of 0."""
        return x.clamp_min(self.zero)


class EightBitConv:
    """A convolution from bytes to bytes, or to float32.

    Args:
        conv: float32, for inference.
        at: scale of its input.
        to: scale of its output; ``None`` for float32.
        relu: whether negative results become 0.
    """

    def __init__(
        self, conv: nn.Conv2d, at: Scale, to: Scale | None = None, *, relu: bool = False
    ) -> None:
        self.at, self.to = at, to
        self._after: tuple[str, list[float], str] = ("relu" if relu else "none", [], "")
        self._form = ([*conv.stride], [*conv.padding], [*conv.dilation], conv.groups)
        weight = conv.weight.detach().float()
        steps = weight.flatten(1).abs().amax(1).clamp_min(1e-8) / _most()
        whole = _whole(weight / steps.view(-1, 1, 1, 1), _most())
        zeros = torch.zeros(len(steps), dtype=torch.int32)
        packed = torch.ops.onednn.qconv_prepack(whole, steps, at.step, at.zero, *self._form, None)
        bias = None if conv.bias is None else conv.bias.detach().float()
        self._weights = (packed, steps, zeros)
        self._bias = bias

    def __call__(self, x: Tensor) -> Tensor:
        """B x C x H x W uint8 in the scale ``at`` -> B x C' x H' x W' in ``to``, or float32."""
        to = (1.0, 0, torch.float32) if self.to is None else (*self._bytes(self.to), torch.uint8)
        found: Tensor = torch.ops.onednn.qconv2d_pointwise(
            x, *self._bytes(self.at), *self._weights, self._bias, *self._form, *to, *self._after,
        )  # fmt: skip
        return found

    def onto(self, total: Tensor, scale: Scale, x: Tensor) -> Tensor:
        """Adds its result to what is there, whose memory it takes.

        Args:
            total: B x C' x H' x W' uint8; not to be used any more.
            scale: of it.
            x: as for a call.
        """
        if self.to is None:
            raise ValueError("float32 results are not added up")
        found: Tensor = torch.ops.onednn.qconv2d_pointwise.binary(
            x, *self._bytes(self.at), *self._weights, total, self._bias, *self._form,
            *self._bytes(self.to), torch.uint8, *self._bytes(scale), "sum", 1.0, *self._after,
        )  # fmt: skip
        return found

    @staticmethod
    def _bytes(scale: Scale) -> tuple[float, int]:
        return scale.step, scale.zero


def _whole(steps: Tensor, most: int) -> Tensor:
    """Weights O x ... in whole steps, int8, `rounded` all at once, but for ties.

    What errors that are carried leave behind are differences of rounded sums; what is above
    ``most`` goes to the neighbour.
    """
    rows = steps.flatten(1).double()
    pieces = F.pad(rows, (0, -rows.shape[1] % SEGMENT)).view(-1, SEGMENT)
    whole = F.pad(pieces.cumsum(1).round_(), (1, 0)).diff(dim=1)
    excess = whole - whole.clamp(-most, most)
    whole.sub_(excess)[:, 1:].add_(excess[:, :-1])
    whole = whole.clamp_(-most, most).to(torch.int8)
    return whole.view(len(rows), -1)[:, : rows.shape[1]].reshape(steps.shape)


def _most() -> int:
    """AVX2 alone adds up pairs of products in 16 bits, VNNI in 32."""
    return MOST if cpu_has("vnni") else MOST_IN_SHORTS


def cpu_has(feature: str) -> bool:
    """Whether torch knows that this processor has a set of instructions, such as ``avx2``."""
    supported = getattr(torch.cpu, f"_is_{feature}_supported", None)
    return supported is not None and bool(supported())


@cache
def bytes_multiply() -> bool:
    """Whether this processor and this torch compute convolutions in eight bits, and rightly."""
    if not (cpu_has("vnni") or cpu_has("avx2")):
        return False
    try:
        return _convolves()
    except (AttributeError, RuntimeError, TypeError, ValueError):  # as another torch has it
        return False


@torch.inference_mode()
def _convolves() -> bool:
    """Whether a small convolution, and one that is added to something, give what they should."""
    with torch.random.fork_rng(devices=[]):  # its first numbers are drawn, for nothing
        conv = nn.Conv2d(8, 16, 3, padding=1)
    conv.weight.data = torch.linspace(-0.2, 0.2, conv.weight.numel()).view_as(conv.weight)
    conv.bias = nn.Parameter(torch.linspace(-2, 2, 16))
    at, to = Scale(1 / 64, 100), Scale(1 / 2, 128)
    x = torch.arange(8 * 6 * 5, dtype=torch.uint8).view(1, 8, 6, 5)
    x = x.contiguous(memory_format=torch.channels_last)
    wanted, eight = conv(at.reals_of(x)), EightBitConv(conv, at, to)
    once = eight(x)
    twice = eight.onto(once.clone(memory_format=torch.preserve_format), to, x)
    errors = (to.reals_of(once) - wanted, to.reals_of(twice) - 2 * wanted)
    return all(float(error.abs().max()) <= 2 * to.step for error in errors)
