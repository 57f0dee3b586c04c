# SPDX-License-Identifier: Apache-2.0
"""Sizes and choices that make one network out of the shared code.

``XMEM`` is the published network (XMem, ECCV 2022, section 3); ``LITE`` is the narrow
sibling that ships with the package. Everything else in this folder reads its numbers
from here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["LITE", "XMEM", "MemoryConfig", "NetworkConfig", "config_named"]


@dataclass(frozen=True)
class MemoryConfig:
    """When frames are memorised and how much is kept (XMem, section 3.3).

    Attributes:
        working: whether predicted frames are memorised at all; without it the permanent
            memory alone is read, and frames do not depend on each other.
        memory_every: a predicted frame is memorised every so many frames.
        min_frames: frames left in working memory after a compression.
        max_frames: frames in working memory at which it is compressed.
        prototypes: tokens that one compression adds to long-term memory.
        max_long_term: tokens that long-term memory holds at most.
        top_k: memory tokens that each query location reads from; ``None`` reads all.
    """

    working: bool = True
    memory_every: int = 10
    min_frames: int = 5
    max_frames: int = 10
    prototypes: int = 128
    max_long_term: int = 10_000
    top_k: int | None = 30

    def __post_init__(self) -> None:
        if self.memory_every < 1 or self.prototypes < 1:
            raise ValueError("memory_every and prototypes must be at least 1")
        if not 0 < self.min_frames < self.max_frames:
            raise ValueError("min_frames must lie between 0 and max_frames")
        if self.max_long_term < self.prototypes:
            raise ValueError("max_long_term must hold at least one set of prototypes")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError("top_k must be at least 1")


@dataclass(frozen=True)
class NetworkConfig:
    """Architecture of one network; all widths are numbers of channels.

    Attributes:
        name: what the weights file calls the architecture.
        trunk: image features at stride 4, 8 and 16 (and 2 for ``lite0``).
        value_trunk: how the mask reaches stride 16: a ResNet-18 over picture and masks,
            or the masks folded into the trunk's own features.
        attention: what weighs channels in a feature fusion.
        feature_dims: width of the trunk's features by stride.
        key_dim, value_dim, hidden_dim: widths of key, value and hidden state; a hidden
            state of 0 channels is left out.
        value_trunk_dim: width of the value trunk at stride 16.
        up: how a resolution is doubled: as published, or narrowed first.
        decoder_dims: width after the fusion at stride 16 and after each up-block.
        hints: planes of evidence from elsewhere that each object's decoder is shown (see
            `engine_server.session.flow.hints`); 0 for none.
        close_up: whether it looks at a frame twice, see `engine_server.session.closeup`.
        mean, std: of the network's input, for pictures in 0..1.
        memory: the defaults that the network was made for.
    """

    name: str
    trunk: Literal["resnet50", "lite0"]
    value_trunk: Literal["resnet18", "folded"]
    attention: Literal["cbam", "squeeze"]
    feature_dims: dict[int, int]
    key_dim: int
    value_dim: int
    hidden_dim: int
    value_trunk_dim: int
    up: Literal["published", "narrow"]
    decoder_dims: tuple[int, ...]
    hints: int
    close_up: bool
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    memory: MemoryConfig = field(default_factory=MemoryConfig)

    @property
    def recurrent(self) -> bool:
        """Whether a hidden state goes from each frame to the next."""
        return self.hidden_dim > 0

    @property
    def stride(self) -> int:
        """Pixels per token along one side."""
        return 16


XMEM = NetworkConfig(
    name="xmem",
    trunk="resnet50",
    value_trunk="resnet18",
    attention="cbam",
    feature_dims={16: 1024, 8: 512, 4: 256},
    key_dim=64,
    value_dim=512,
    hidden_dim=64,
    value_trunk_dim=256,
    up="published",
    decoder_dims=(512, 256, 256),
    hints=0,
    close_up=False,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)

LITE = NetworkConfig(
    name="lite",
    trunk="lite0",
    value_trunk="folded",
    attention="squeeze",
    feature_dims={16: 112, 8: 40, 4: 24, 2: 16},
    key_dim=64,
    value_dim=128,
    hidden_dim=0,
    value_trunk_dim=128,
    up="narrow",
    decoder_dims=(128, 96, 48, 32),
    hints=4,
    close_up=True,
    mean=(127 / 255, 127 / 255, 127 / 255),
    std=(128 / 255, 128 / 255, 128 / 255),
    memory=MemoryConfig(memory_every=5, min_frames=1, max_frames=2, max_long_term=512, top_k=None),
)


def config_named(name: str) -> NetworkConfig:
    """The configuration that a weights file names.

    Raises:
        KeyError: there is no network of that name.
    """
    return {config.name: config for config in (XMEM, LITE)}[name]
