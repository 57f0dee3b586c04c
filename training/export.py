# SPDX-License-Identifier: Apache-2.0
"""Weights for the package: ``python -m training.export CHECKPOINT OUT.safetensors``.

The averaged weights in half precision; what batch-norm measured stays in float32, since a
variance can be too small for half precision.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from engine_server.network import XMem, config_named
from shared.errors import BadWeights

__all__ = ["export", "main"]


def export(
    checkpoint: Path, target: Path, *, licence: str, note: str = "", other: Path | None = None
) -> dict[str, str]:
    """Writes the checkpoint's averaged weights as safetensors; returns the file's metadata.

    Args:
        checkpoint: as the loop writes it.
        target: the safetensors file.
        licence: the terms, as ``xmempp weights list`` shows them.
        note: how it was trained, one line.
        other: a checkpoint that it was continued from; the mean of both is written, which often
            does as well as the better one wherever one of them is better.

    Raises:
        BadWeights: a checkpoint does not fit the architecture that it names.
    """
    state = _read(checkpoint)
    name, weights = str(state["architecture"]), state["average"]
    if other is not None:
        begun = _read(other)["average"]
        weights = {key: _mean(value, begun[key]) for key, value in weights.items()}
    metadata = {
        "architecture": name,
        "licence": licence,
        "iterations": str(state["iteration"]),
        "training_minutes": f"{state['elapsed'] / 60:.0f}",
        "note": note,
    }
    part = target.with_suffix(".part")
    save_file({key: _narrow(key, value) for key, value in weights.items()}, part, metadata)
    part.chmod(0o644)  # safetensors makes it private; it is to be packaged
    part.replace(target)
    return metadata


def _read(checkpoint: Path) -> dict[str, Any]:
    """What the loop wrote, if it fits the network that it names."""
    state: dict[str, Any] = torch.load(checkpoint, weights_only=True)
    name = str(state.get("architecture"))
    try:
        XMem(config_named(name)).load_state_dict(state["average"])
    except (KeyError, RuntimeError) as error:
        raise BadWeights(
            f"The checkpoint {checkpoint} does not hold a network '{name}'."
        ) from error
    return state


def _mean(here: Tensor, there: Tensor) -> Tensor:
    return (here + there) / 2 if here.is_floating_point() else here


def _narrow(name: str, value: Tensor) -> Tensor:
    measured = name.endswith(("running_mean", "running_var")) or not value.is_floating_point()
    return value.contiguous() if measured else value.half().contiguous()


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument(
        "--licence", default="research: part of the training data has research terms"
    )
    parser.add_argument("--note", default="")
    parser.add_argument("--mean-with", type=Path, help="checkpoint to take the mean with")
    options = parser.parse_args(arguments)
    words = {"licence": options.licence, "note": options.note}
    metadata = export(options.checkpoint, options.target, other=options.mean_with, **words)
    sys.stdout.write(f"{options.target}: {metadata}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
