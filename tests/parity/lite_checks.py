# SPDX-License-Identifier: Apache-2.0
"""Frozen numbers of the embedded network, so that weights keep their meaning.

Unlike the other numbers of this folder these come from our own code: they hold the
architecture still under the weights that were trained for it. After a change that is meant
(and new weights) they are written anew with ``python -m tests.parity.lite_checks``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.parity.data.stand_in_weights import stand_in_state
from tests.parity.parity_checks import DATA, painted, picture

NUMBERS = DATA / "lite_stages.npz"


def lite_network() -> Any:
    """The embedded network with stand-in weights."""
    from engine_server.network import LITE, XMem

    network = XMem(LITE).eval().requires_grad_(False)
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    state = {name: torch.from_numpy(np.array(a)) for name, a in stand_in_state(shapes).items()}
    network.load_state_dict(state, strict=True)
    return network


def lite_stages(network: Any) -> Iterator[tuple[str, Tensor]]:
    """Every 8th channel of what each part says of one 64 x 96 picture and two objects."""
    from engine_server.memory.readout import memory_side, query_side, read_weights

    with torch.inference_mode():
        frame = network.normalise(picture(0)[None, :, 20:84, 8:104])
        masks = torch.stack(list(painted(0, (1, 2)).values()))[None, :, 20:84, 8:104]
        features = network.encode_key(frame)
        for stride, plane in features.maps.items():
            yield f"f{stride}", plane[:, ::8]
        yield "key", features.key[:, ::8]
        yield "shrinkage", features.shrinkage
        yield "selection", features.selection[:, ::8]
        value, hidden = network.encode_value(frame, features, 0.8 * masks + 0.1)
        assert hidden is None
        yield "value", value[:, :, ::8]
        rows = [plane[0].flatten(1).T for plane in (features.key, features.shrinkage)]
        queries = query_side(rows[0], features.selection[0].flatten(1).T)
        top_k = network.config.memory.top_k
        weights = read_weights(queries, memory_side(*rows), top_k)
        yield "usage", weights.usage(len(rows[0]))
        yield "logits", network.decode(features, value)[1][..., ::2, ::2]
        hints = torch.stack([masks, masks * 0 + 1, masks.flip(-1) / 2, masks * 0 + 0.5], 2)
        yield "hinted", network.decode(features, value, None, hints)[1][..., ::2, ::2]


def lite_numbers() -> dict[str, Tensor]:
    """The frozen numbers."""
    with np.load(NUMBERS) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def lite_error(name: str, ours: Tensor) -> float:
    """Largest difference from the frozen numbers, in standard deviations of the tensor."""
    theirs = lite_numbers()[name]
    if ours.shape != theirs.shape:
        return float("inf")
    return float((ours - theirs).abs().max() / theirs.std())


def main() -> None:
    """Write the numbers anew."""
    arrays = {name: plane.numpy() for name, plane in lite_stages(lite_network())}
    np.savez_compressed(NUMBERS, **arrays)


if __name__ == "__main__":
    main()
