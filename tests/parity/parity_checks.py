# SPDX-License-Identifier: Apache-2.0
"""The parity numbers, and what our code computes in their place.

`data/README.md` says where the numbers come from. The engine is imported inside the
functions, not above: ``benchmarks/mutations.py`` runs these checks against changed modules.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tests.parity.data.stand_in_weights import stand_in_state

DATA = Path(__file__).parent / "data"
RUNS = ("one_object", "long_term", "two_objects")
PUBLISHED = {
    "stride": 16,
    "widths": (64, 512, 64),  # key, value, hidden state
    "working": True,
    "memory_every": 10,
    "min_frames": 5,
    "max_frames": 10,
    "prototypes": 128,
    "max_long_term": 10_000,
    "top_k": 30,
    "certain": (-16.118, 15.942),  # log-odds of 1e-7 and 1 - 1e-7, in float32
}
STAGE_TOLERANCE = 1e-4  # of each tensor's standard deviation
RUN_TOLERANCE = 2e-3  # of a probability


def manifest() -> dict[str, list[int]]:
    """Parameter names and shapes of the published network."""
    return json.loads((DATA / "xmem_state_manifest.json").read_text())


def settings() -> dict[str, Any]:
    """Our counterpart of `PUBLISHED`: what the parity numbers do not depend on."""
    from engine_server.network import XMEM, aggregate_logits

    odds = aggregate_logits(torch.tensor([0.0, 1.0]), 0).aminmax()
    return {
        "stride": XMEM.stride,
        "widths": (XMEM.key_dim, XMEM.value_dim, XMEM.hidden_dim),
        **asdict(XMEM.memory),
        "certain": tuple(round(float(end), 3) for end in odds),
    }


@functools.cache
def stand_in() -> dict[str, Tensor]:
    """Stand-in weights of the published network."""
    return {name: torch.from_numpy(np.array(a)) for name, a in stand_in_state(manifest()).items()}


def stand_in_network() -> Any:
    """The published network with the stand-in weights, float32, norms not folded."""
    from engine_server.network import XMEM, XMem

    network = XMem(XMEM).eval().requires_grad_(False)
    network.load_state_dict(stand_in(), strict=True)
    return network


@functools.cache
def picture(frame: int) -> Tensor:
    """Frame of the clip: 3 x 104 x 184, uint8."""
    pixels = np.array(Image.open(DATA / "clip" / f"{frame:03d}.png").convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1)


def painted(frame: int, labels: tuple[int, ...]) -> dict[int, Tensor]:
    """Mattes of a frame by label: 104 x 184 float32, 0 or 1."""
    index = torch.from_numpy(np.array(Image.open(DATA / "clip" / f"{frame:03d}_mask.png")))
    return {label: (index == label).float() for label in labels}


@functools.cache
def stage_numbers() -> dict[str, Tensor]:
    """All arrays of stages.npz."""
    with np.load(DATA / "stages.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def stages(network: Any) -> Iterator[tuple[str, Tensor]]:
    """Our counterpart of every array of stages.npz that is computed, one after the other."""
    from engine_server.memory import readout as reading
    from engine_server.network import aggregate, aggregate_logits

    with torch.inference_mode():
        frame, masks = network.normalise(_cropped(picture(0))), _cropped_masks()
        memory = network.encode_key(frame)
        yield from {"key": memory.key, "shrinkage": memory.shrinkage}.items()
        yield from {"selection": memory.selection, "f16": memory.maps[16][:, ::32]}.items()
        yield from {"f8": memory.maps[8][:, ::16], "f4": memory.maps[4][:, ::16]}.items()
        hidden = stage_numbers()["hidden_in"]
        value, hidden = network.encode_value(frame, memory, masks, hidden, deep_update=True)
        yield from {"value": value[:, :, ::8], "hidden_deep": hidden}.items()
        query = network.encode_key(network.normalise(_cropped(picture(9))))
        yield from {"query_key": query.key, "query_selection": query.selection}.items()
        tokens = reading.memory_side(_rows(memory.key), _rows(memory.shrinkage))
        queries = reading.query_side(_rows(query.key), _rows(query.selection))
        yield "similarity", reading.similarity(queries, tokens).T[None]
        weights = reading.read_weights(queries, tokens, 30)
        yield "affinity_usage", weights.usage(len(tokens))[None]
        rows = value[0].flatten(2).permute(2, 0, 1).flatten(1)  # 66 x 2 * 512
        mixed = reading.weighted_values(weights, rows)
        readout = mixed.T.reshape(value.shape)
        yield "readout", readout[:, :, ::8]
        hidden, logits = network.decode(query, readout, hidden)
        yield "hidden_out", hidden
        yield "logits", aggregate_logits(torch.sigmoid(logits), 1)
        yield "prob", aggregate(torch.sigmoid(logits), 1)


def stage_error(name: str, ours: Tensor) -> float:
    """Largest difference from the parity numbers, in standard deviations of the tensor."""
    theirs = stage_numbers()[name]
    if ours.shape != theirs.shape:
        return float("inf")
    return float((ours - theirs).abs().max() / theirs.std())


def _cropped(pixels: Tensor) -> Tensor:
    return pixels[None, :, :96, :176]


def _cropped_masks() -> Tensor:
    return torch.stack(list(painted(0, (1, 2)).values()))[None, :, :96, :176]


def _rows(plane: Tensor) -> Tensor:
    """1 x C x h x w -> hw x C."""
    return plane[0].flatten(1).T


@dataclass(frozen=True)
class Run:
    """One whole sweep over the clip.

    Attributes:
        settings: of the memory, by our names.
        references: frames encoded first, in that order.
        labels: objects.
        prob: by frame, (N + 1) x 104 x 184, background first.
        sizes: tokens in working, permanent, long-term memory, one row per frame.
    """

    settings: dict[str, int]
    references: tuple[int, ...]
    labels: tuple[int, ...]
    prob: dict[int, Tensor]
    sizes: list[tuple[int, int, int]]


_SETTINGS = {
    "mem_every": "memory_every",
    "max_mid_term_frames": "max_frames",
    "min_mid_term_frames": "min_frames",
    "num_prototypes": "prototypes",
    "max_long_term_elements": "max_long_term",
    "top_k": "top_k",
}


@functools.cache
def load_run(name: str) -> Run:
    """The numbers of a sweep."""
    with np.load(DATA / f"run_{name}.npz") as arrays:
        given = json.loads(str(arrays["settings"]))
        prob = torch.from_numpy(arrays["prob"]).float()
        return Run(
            settings={_SETTINGS[key]: value for key, value in given.items()},
            references=tuple(arrays["references"].tolist()),
            labels=tuple(arrays["labels"].tolist()),
            prob=dict(zip(arrays["frames"].tolist(), prob, strict=True)),
            sizes=[tuple(row) for row in arrays["memory_sizes"].tolist()],
        )


def sweep(run: Run, network: Any) -> Iterator[tuple[int, Tensor, tuple[int, int, int]]]:
    """Our counterpart of a run: frame, probabilities and memory sizes, frame after frame."""
    from engine_server.network import MemoryConfig
    from engine_server.network.inference import Runtime
    from engine_server.session.tracker import Tracker

    runtime = Runtime(torch.device("cpu"), torch.float32)
    tracker = Tracker(network, runtime, run.labels, config=MemoryConfig(**run.settings))
    for frame in run.references:
        tracker.add_reference(frame, picture(frame), painted(frame, run.labels))
    last = len(run.sizes) - 1
    for frame in range(last + 1):
        mattes = painted(frame, run.labels) if frame in run.references else None
        prob = tracker.step(picture(frame), mattes, last=frame == last)
        sizes = tracker.memory.sizes
        yield frame, prob, (sizes.working, sizes.permanent, sizes.long_term)


@dataclass
class Remembering:
    """A network that computes nothing twice: what it was asked before, it looks up.

    The clip's frames are the same in all runs, and a reference is asked for when it is added
    and again at its step. Only questions that agree in every byte are looked up.
    """

    network: Any
    table: dict[bytes, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.network, name)

    def encode_key(self, *args: Any) -> Any:
        return self._asked("encode_key", *args)

    def encode_value(self, *args: Any, **flags: Any) -> Any:
        return self._asked("encode_value", *args, **flags)

    def decode(self, *args: Any, **flags: Any) -> Any:
        return self._asked("decode", *args, **flags)

    def _asked(self, what: str, *args: Any, **flags: Any) -> Any:
        question = hashlib.sha1(what.encode())
        for part in (*args, *flags.values()):
            _feed(question, part)
        key = question.digest()
        if key not in self.table:
            self.table[key] = getattr(self.network, what)(*args, **flags)
        return self.table[key]


def _feed(question: Any, part: Any) -> None:
    if isinstance(part, Tensor):
        question.update(str((part.dtype, part.shape)).encode())
        question.update(part.contiguous().view(torch.uint8).numpy())
    elif hasattr(part, "maps"):
        for tensor in (part.key, part.shrinkage, part.selection, *part.maps.values()):
            _feed(question, tensor)
    else:
        question.update(repr(part).encode())
