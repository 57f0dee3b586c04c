# SPDX-License-Identifier: Apache-2.0
"""A weights file: what is in it, which network it is for, and getting it into that network.

Nothing in a file is ever executed: ``.safetensors`` holds numbers only, anything else is
unpickled with ``weights_only=True``.
"""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors
import torch
from torch import Tensor, nn

from engine_server.digest import sha256_of
from shared.errors import BadWeights, NotFound

from .config import LITE, XMEM, NetworkConfig, config_named
from .xmem import XMem

__all__ = ["WeightsFacts", "load_model", "load_state", "read_state", "verify"]

_MASK_STEM = "value_encoder.conv1.weight"
_CONFIGS = (XMEM, LITE)


@dataclass(frozen=True)
class WeightsFacts:
    """What a good weights file holds.

    Attributes:
        path: the file.
        architecture: name of the network's configuration.
        parameters: numbers in the file.
        size: of the file, bytes.
        sha256: of the file, hexadecimal.
    """

    path: Path
    architecture: str
    parameters: int
    size: int
    sha256: str


def read_state(path: Path) -> dict[str, Tensor]:
    """All tensors of a weights file, on the CPU, in the order of the file.

    Args:
        path: a ``.safetensors`` file, or a PyTorch file that maps names to tensors.

    Raises:
        NotFound: there is no such file.
        BadWeights: the file is damaged or holds something else.
    """
    return _read(path)[0]


def load_state(model: XMem, state: Mapping[str, Tensor], *, source: str = "the state") -> None:
    """Give a network its parameters; all of them, and no others.

    A file for single objects, whose first mask layer has 4 input channels, gets a fifth one of
    zeros for the other objects, as published. Numbers are converted to the network's own type.

    Args:
        model: changed in place.
        state: name -> tensor.
        source: what to call the state in an error, the file's path.

    Raises:
        BadWeights: a name is missing or unknown, or a shape is another one; names the first.
    """
    expected = model.state_dict()
    padded = _for_many_objects(state, expected)
    _check(padded, expected, model.config.name, source)
    model.load_state_dict(padded, strict=True)


def load_model(path: Path) -> XMem:
    """The network of a weights file, in evaluation mode, float32, on the CPU.

    Raises:
        NotFound: there is no such file.
        BadWeights: the file is damaged, not complete, or for no known network.
    """
    state, metadata = _read(path)
    model = XMem(_config_of(state, metadata, path))
    load_state(model, state, source=str(path))
    model.ranges = _ranges_of(metadata, path)
    return model.eval().requires_grad_(False)


def verify(path: Path) -> WeightsFacts:
    """Check that a file holds all weights of a known network, and finite ones.

    Raises:
        NotFound: there is no such file.
        BadWeights: otherwise; says what is wrong first.
    """
    state, metadata = _read(path)
    config = _config_of(state, metadata, path)
    expected = _expected(config)
    _check(_for_many_objects(state, expected), expected, config.name, str(path))
    for name, tensor in state.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise BadWeights(f"The weights file {path} has a number in {name} that is not finite.")
    _ranges_of(metadata, path)
    count = sum(tensor.numel() for tensor in state.values())
    return WeightsFacts(path, config.name, count, path.stat().st_size, sha256_of(path))


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and the file's own remarks (safetensors only)."""
    if not path.is_file():
        raise NotFound(f"There is no weights file {path}.")
    try:
        if path.suffix == ".safetensors":
            return _read_safetensors(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can make the readers fail in any way
        reason = _reason(error)
        raise BadWeights(
            f"The file {path} can't be read as weights: {reason}.",
            hint="It may be cut off, a web page, or of another kind: fetch or copy it again.",
        ) from error
    if not _is_state(state):
        raise BadWeights(f"The file {path} does not map parameter names to tensors.")
    return dict(state), {}


def _reason(error: Exception) -> str:
    """Why a file can't be read; not torch's advice to read it in an unsafe way."""
    if isinstance(error, pickle.UnpicklingError):
        return "it is not a PyTorch file that holds tensors alone"
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safetensors.safe_open(path, framework="pt") as file:
        names = file.keys()
        return {name: file.get_tensor(name) for name in names}, file.metadata() or {}


def _is_state(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in value.items()
    )


def _config_of(
    state: Mapping[str, Tensor], metadata: Mapping[str, str], path: Path
) -> NetworkConfig:
    """What the file says it is for, or else the network it shares the most names with."""
    if named := metadata.get("architecture"):
        try:
            return config_named(named)
        except KeyError:
            raise BadWeights(
                f"The weights file {path} is for a network '{named}', which is not known.",
                hint="It may be made for a newer version.",
            ) from None
    shared, best = max(
        ((len(_expected(config).keys() & state.keys()), config) for config in _CONFIGS),
        key=lambda pair: pair[0],
    )
    if not shared:
        first = next(iter(state), None)
        holds = f"its first tensor is {first}" if first else "it holds no tensor"
        raise BadWeights(f"The file {path} is for another kind of network: {holds}.")
    return best


def _ranges_of(metadata: Mapping[str, str], path: Path) -> dict[str, tuple[float, float]]:
    """What the file says of the numbers in its network; nothing where it says nothing."""
    try:
        told = json.loads(metadata.get("ranges", "{}"))
        return {str(name): _range(ends) for name, ends in told.items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BadWeights(f"The weights file {path} has ranges that can't be read.") from error


def _range(ends: object) -> tuple[float, float]:
    """Of two finite numbers, the first one being the lower."""
    if not isinstance(ends, list):
        raise TypeError("a range is a list")
    low, high = map(float, ends)
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError("a range goes from one finite number to another")
    return low, high


def _expected(config: NetworkConfig) -> dict[str, Tensor]:
    """Names and shapes of a network's state, without its memory."""
    with torch.device("meta"):
        return nn.Module.state_dict(XMem(config))


def _for_many_objects(
    state: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    padded = dict(state)
    stem, wanted = padded.get(_MASK_STEM), expected.get(_MASK_STEM)
    if stem is not None and wanted is not None and stem.dim() == 4 and stem.shape[1] == 4:
        zeros = stem.new_zeros(stem.shape[0], 1, *stem.shape[2:])
        padded[_MASK_STEM] = torch.cat([stem, zeros], 1)
    return padded


def _check(
    state: Mapping[str, Tensor], expected: Mapping[str, Tensor], network: str, source: str
) -> None:
    """Same names, same shapes; the first difference, in the network's own order, is named."""
    for name, wanted in expected.items():
        if name not in state:
            missing = len(expected.keys() - state.keys())
            raise BadWeights(
                f"The weights file {source} lacks {name} of the {network} network "
                f"({missing} of {len(expected)} are missing)."
            )
        if state[name].shape != wanted.shape:
            raise BadWeights(
                f"The weights file {source} has {name} as {_shape(state[name])}, "
                f"the {network} network has it as {_shape(wanted)}."
            )
    if unknown := [name for name in state if name not in expected]:
        raise BadWeights(
            f"The weights file {source} has {unknown[0]}, which the {network} network has not."
        )


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "one number"
