# SPDX-License-Identifier: Apache-2.0
"""Making a trained network quick: device, number format, memory layout, folded norms."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from engine_server.network.eight_bits import bytes_multiply, cpu_has
from engine_server.network.lite_eight_bits import PICTURE, to_eight_bits
from engine_server.network.precision import lower
from engine_server.network.trunks import Lite0Trunk, SamePadConv
from engine_server.network.xmem import XMem
from engine_server.processors import threads_for
from shared.errors import DeviceUnavailable, UsageError

__all__ = [
    "Precision",
    "Runtime",
    "network_input",
    "pad_to_stride",
    "precision_of",
    "prepare",
    "threads",
    "unpad",
    "use_threads",
]

log = logging.getLogger(__name__)

Precision: TypeAlias = Literal["auto", "int8", "bfloat16", "float32"]


@dataclass(frozen=True)
class Runtime:
    """Where and in what number format a network runs.

    Attributes:
        device: of all that it computes.
        dtype: float32 or bfloat16.
        eight_bits: whether parts that can, and are quicker so, compute in eight bits.
        precision: that was asked for.
    """

    device: torch.device
    dtype: torch.dtype
    eight_bits: bool = False
    precision: Precision = field(default="auto", compare=False)

    @classmethod
    def choose(cls, device: str = "auto", *, precision: Precision = "auto") -> Runtime:
        """The best runtime of this machine, or the one asked for.

        Args:
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
            precision: number format; ``int8`` computes in eight bits what can be, and the rest in
                the best format, as does ``auto`` where it pays.

        Raises:
            DeviceUnavailable: the device is not present, or does not multiply bytes.
            UsageError: there is no such precision.
        """
        if precision not in get_args(Precision):
            raise UsageError(f"There is no number format named {precision!r}.")
        where = torch.device(_best_device() if device == "auto" else _present(device))
        best = torch.bfloat16 if _computes_in_bfloat16(where) else torch.float32
        if precision in ("bfloat16", "float32"):
            return cls(where, getattr(torch, precision), precision=precision)
        bytes_too = where.type == "cpu" and bytes_multiply()
        if precision == "int8" and not bytes_too:
            raise DeviceUnavailable(
                f"{where} does not compute in eight bits, or this version of torch can't have it.",
                hint="Leave --precision out, or add --device cpu where the processor can.",
            )
        return cls(where, best, bytes_too, precision)


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _present(name: str) -> str:
    kind, _, number = name.partition(":")
    known: dict[str, Callable[[], bool]] = {
        "cpu": lambda: True,
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
    }
    if kind not in known or (number and not number.isdigit()):
        raise DeviceUnavailable(f"There is no device named {name!r}; known are {', '.join(known)}.")
    if not known[kind]():
        raise DeviceUnavailable(f"The device {name!r} is not present on this machine.")
    return name


def _computes_in_bfloat16(device: torch.device) -> bool:
    """Native bfloat16 products; emulated ones are slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and any(cpu_has(feature) for feature in ("avx512_bf16", "amx_tile"))


def use_threads(count: int | None) -> None:
    """Sets the threads of the processor's share of the work, for the whole process.

    Args:
        count: how many, see `engine_server.processors.threads_for`.

    Raises:
        UsageError: less than one.
    """
    if count is not None or "OMP_NUM_THREADS" not in os.environ:  # torch has read it
        torch.set_num_threads(threads_for(count))


def threads() -> int:
    """How many of the processor's threads work has that begins on a thread of its own."""
    with ThreadPoolExecutor(1) as fresh:
        return fresh.submit(torch.get_num_threads).result()


def prepare(network: XMem, runtime: Runtime) -> XMem:
    """The network ready for inference: norms folded, channels last, on its device.

    The network given is changed and returned.

    Raises:
        UsageError: eight bits were asked for, and it can't.
        BadWeights: a range is missing.
    """
    network.eval().requires_grad_(False)
    _fold_norms(network)
    for module in network.modules():
        if isinstance(module, SamePadConv):
            module.centre()
    if runtime.eight_bits and isinstance(network.key_encoder, Lite0Trunk) and network.ranges:
        to_eight_bits(network, runtime.dtype)
    elif runtime.precision == "int8":
        raise UsageError("These weights can't compute in eight bits: they tell no ranges.")
    network.to(device=runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if runtime.dtype is not torch.float32:
        lower(network, runtime.dtype)
    found = precision_of(network, runtime)
    log.debug("network %s on %s in %s", network.config.name, runtime.device, found)
    return network


def precision_of(network: XMem, runtime: Runtime) -> Precision:
    """The format that a prepared network computes in, for the most part."""
    if network.takes_bytes:
        return "int8"
    return "bfloat16" if runtime.dtype is torch.bfloat16 else "float32"


def network_input(
    network: XMem, picture: Tensor, runtime: Runtime
) -> tuple[Tensor, tuple[int, int, int, int]]:
    """A picture 3 x H x W in 0..255 as a network takes it: 1 x 3 x H' x W', and the padding.

    What is around the picture is of the mean colour.
    """
    frame = picture[None].to(runtime.device)
    if network.takes_bytes:
        frame, pad = pad_to_stride(frame, network.config.stride, PICTURE.zero)
        return frame.contiguous(memory_format=torch.channels_last), pad
    frame, pad = pad_to_stride(network.normalise(frame), network.config.stride)
    return frame.to(runtime.dtype, memory_format=torch.channels_last), pad


def _fold_norms(module: nn.Module) -> None:
    """Folds each batch-norm into the convolution that it directly follows."""
    last: tuple[str, nn.Conv2d] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and last is not None:
            setattr(module, last[0], fuse_conv_bn_eval(last[1], child))
            setattr(module, name, nn.Identity())
        _fold_norms(child)
        last = (name, child) if isinstance(child, nn.Conv2d) else None


def pad_to_stride(
    x: Tensor, stride: int, blank: int = 0
) -> tuple[Tensor, tuple[int, int, int, int]]:
    """Pixels of one value around ... x H x W until both sides are multiples of ``stride``.

    Returns:
        the padded tensor, the same where nothing is missing, and (left, right, top, bottom): split
        evenly, odd pixel at the end.
    """
    dh, dw = (-size % stride for size in x.shape[-2:])
    pad = (dw // 2, dw - dw // 2, dh // 2, dh - dh // 2)
    return (torch.nn.functional.pad(x, pad, value=blank) if any(pad) else x), pad


def unpad(x: Tensor, pad: tuple[int, int, int, int]) -> Tensor:
    """Takes the padding off again."""
    left, right, top, bottom = pad
    return x[..., top : x.shape[-2] - bottom, left : x.shape[-1] - right]
