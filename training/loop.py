# SPDX-License-Identifier: Apache-2.0
"""The training loop: a schedule over progress, an averaged copy, checkpoints, a log."""

from __future__ import annotations

import copy
import json
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from engine_server.network import XMem
from engine_server.network.trunks import Lite0Trunk
from shared.errors import BadWeights

from .data import Shot
from .depthwise import quicken_depthwise
from .held_out import HeldOut
from .loss import hardest_share, mean_iou, segmentation_loss
from .pretrained import initialise
from .sampler import ClipSampler
from .step import predict

__all__ = ["LoopConfig", "Trainer"]

_log = logging.getLogger(__name__)

#: Blocks of the trunk that are trained, by stage; earlier ones see what every picture has.
_TRAINED_BLOCKS = {"2": 1, "4": 2, "8": 1, "16": 0}


@dataclass(frozen=True)
class LoopConfig:
    """How long and how fast.

    Attributes:
        minutes: of training in all, resumed runs included; 0 leaves the limit to ``iterations``.
        iterations: at most.
        rate, trunk_rate: highest learning rates; both fall along a cosine to a hundredth.
        warm_up: iterations until the rate is reached.
        trunk_from: progress (0..1) from which the trunk learns too.
        freeze_norms_from: progress from which batch-norm statistics stay.
        hardest: share of the pixels that the cross-entropy counts in the second half.
        decay: AdamW's weight decay.
        clip: largest norm of the gradient.
        average: share of the averaged copy that each step keeps.
        log_every: iterations per line of the log.
        save_minutes, score_minutes: between checkpoints, between held-out scores.
    """

    minutes: float = 0.0
    iterations: int = 1_000_000
    rate: float = 1e-3
    trunk_rate: float = 1e-4
    warm_up: int = 100
    trunk_from: float = 0.1
    freeze_norms_from: float = 0.75
    hardest: float = 0.15
    decay: float = 0.01
    clip: float = 1.0
    average: float = 0.999
    log_every: int = 20
    save_minutes: float = 4.0
    score_minutes: float = 10.0


@dataclass
class _Tally:
    """Sums since the last line of the log."""

    values: dict[str, float] = field(default_factory=dict)
    count: int = 0

    def add(self, **values: float) -> None:
        self.values = {name: self.values.get(name, 0.0) + value for name, value in values.items()}
        self.count += 1

    def take(self) -> dict[str, float]:
        means = {name: round(total / self.count, 5) for name, total in self.values.items()}
        self.values, self.count = {}, 0
        return means


class Trainer:
    """Trains a network in a folder: ``checkpoint.pt`` and ``log.jsonl`` are kept there.

    A folder that holds a checkpoint is continued from it.

    Args:
        model: a fresh network; its weights are set here.
        sampler: draws the clips.
        held_out: shots for the score, may be empty.
        folder: made when missing.
        seed: of everything drawn.
        pretrained: whether the trunk begins with ImageNet weights.

    Raises:
        BadWeights: the folder's checkpoint is of another architecture.
    """

    def __init__(
        self, model: XMem, sampler: ClipSampler, held_out: Sequence[Shot], folder: Path,
        config: LoopConfig, *, seed: int = 1, pretrained: bool = True, start: Path | None = None,
    ) -> None:  # fmt: skip
        torch.manual_seed(seed)
        self.rng = np.random.default_rng(seed)
        self.model, self.sampler, self.held_out = (
            model,
            sampler,
            HeldOut(held_out) if held_out else None,
        )
        self.folder, self.config = folder, config
        self.iteration, self.elapsed = 0, 0.0
        folder.mkdir(parents=True, exist_ok=True)
        initialise(model, pretrained=pretrained)
        model.to(memory_format=torch.channels_last)
        quicken_depthwise(model)
        self.average = copy.deepcopy(model).eval().requires_grad_(False)
        self.optimizer = _optimizer(model, config)
        self.best = 0.0
        if self.checkpoint.exists():
            self._restore(_read_checkpoint(self.checkpoint, model.config.name))
        elif start is not None:
            begun = _read_checkpoint(start, model.config.name)
            _log.info("new parts: %s", sorted(_begin_with(model, begun["average"])))
            self.average.load_state_dict(model.state_dict())

    @property
    def checkpoint(self) -> Path:
        """Where the run is kept."""
        return self.folder / "checkpoint.pt"

    @property
    def progress(self) -> float:
        """0 at the start, 1 at the end, by the time spent or the iterations done."""
        by_time = self.elapsed / (60 * self.config.minutes) if self.config.minutes else 0.0
        return min(1.0, max(by_time, self.iteration / self.config.iterations))

    def run(self, *, stop: Any = lambda: False) -> None:
        """Trains to the end, or until ``stop()`` says so; either way a checkpoint is written."""
        tally, since = _Tally(), time.monotonic()
        saved = scored = self.elapsed
        while self.progress < 1 and not stop():
            tally.add(**self.train_step())
            now = time.monotonic()
            self.elapsed, since = self.elapsed + now - since, now
            if self.iteration % self.config.log_every == 0:
                self._note(tally.take())
            if self.elapsed - saved > 60 * self.config.save_minutes:
                saved = self.elapsed
                self.save()
            if self.elapsed - scored > 60 * self.config.score_minutes:
                scored = self.elapsed
                self.score()
        self.score()
        self.save()

    def train_step(self) -> dict[str, float]:
        """One batch; returns loss, IoU and the norm of the gradient."""
        self._set_modes()
        batch = self.sampler.batch(self.rng)
        found = predict(
            self.model, batch.frames, batch.masks, batch.references, batch.hints,
            memorise=batch.memorise,
        )  # fmt: skip
        share = hardest_share(self.progress, final=self.config.hardest)
        loss = segmentation_loss(found.logits, found.targets, share)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        trained = [p for p in self.model.parameters() if p.grad is not None]
        norm = nn.utils.clip_grad_norm_(trained, self.config.clip)
        if torch.isfinite(norm):
            self.optimizer.step()
            self._update_average()
        self.iteration += 1
        sparse = np.s_[..., ::4, ::4]  # enough for a log, a sixteenth of the cost
        iou = mean_iou(found.logits.detach()[sparse], found.targets[sparse])
        return {"loss": loss.item(), "iou": iou, "gradient": norm.item()}

    def score(self) -> None:
        """Scores the averaged copy on the held-out shots; the best one is kept as ``best.pt``."""
        if self.held_out is None:
            return
        scores = self.held_out.score(self.average)
        self._write(
            {
                "iteration": self.iteration,
                "minutes": round(self.elapsed / 60, 2),
                "held_out": scores,
            }
        )
        if scores["mean"] > self.best:
            self.best = scores["mean"]
            self._save_to(self.folder / "best.pt")

    def save(self) -> None:
        """Writes the checkpoint so that a crash leaves the old or the new one."""
        self._save_to(self.checkpoint)

    def _save_to(self, path: Path) -> None:
        state = {
            "architecture": self.model.config.name,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "iteration": self.iteration,
            "elapsed": self.elapsed,
            "best": self.best,
            "numpy": json.dumps(self.rng.bit_generator.state),
            "torch": torch.get_rng_state(),
            "config": json.dumps(asdict(self.config)),
        }
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.replace(path)

    def _restore(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.iteration, self.elapsed = state["iteration"], state["elapsed"]
        self.best = state["best"]
        self.rng.bit_generator.state = json.loads(state["numpy"])
        torch.set_rng_state(state["torch"])
        _log.info("continued at iteration %d", self.iteration)

    def _set_modes(self) -> None:
        """What learns at this progress, which rates, and which statistics still move."""
        progress, config = self.progress, self.config
        self.model.train(progress < config.freeze_norms_from)
        for name, child in self.model.key_encoder.named_children():
            child.train(self.model.training and name == "norms")
        learns = progress >= config.trunk_from
        for parameter in self.optimizer.param_groups[-1]["params"]:
            parameter.requires_grad_(learns)
        fall = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress))
        ramp = min(1.0, (self.iteration + 1) / config.warm_up)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * fall * ramp

    @torch.no_grad()
    def _update_average(self) -> None:
        keep = min(self.config.average, (1 + self.iteration) / (10 + self.iteration))
        ours, theirs = _floats(self.average), _floats(self.model)
        torch._foreach_lerp_(ours, theirs, 1 - keep)

    def _note(self, means: dict[str, float]) -> None:
        line = {
            "iteration": self.iteration,
            "minutes": round(self.elapsed / 60, 2),
            "progress": round(self.progress, 4),
            "rate": self.optimizer.param_groups[0]["lr"],
            **means,
        }
        self._write(line)

    def _write(self, line: dict[str, Any]) -> None:
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        _log.info("%s", line)


def _optimizer(model: XMem, config: LoopConfig) -> torch.optim.AdamW:
    """Three groups: weights, biases and norms (no decay), and the trunk's trained blocks last."""
    trunk, kept = _trunk_parameters(model)
    inside = {id(p) for p in [*trunk, *kept]}
    others = [p for p in model.parameters() if id(p) not in inside]
    for parameter in kept:
        parameter.requires_grad_(False)
    groups = [
        {
            "params": [p for p in others if p.ndim > 1],
            "peak": config.rate,
            "weight_decay": config.decay,
        },
        {"params": [p for p in others if p.ndim <= 1], "peak": config.rate, "weight_decay": 0.0},
        {"params": trunk, "peak": config.trunk_rate, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.rate)


def _trunk_parameters(model: XMem) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Parameters of the trunk that are trained, and those that stay as they were."""
    trained: list[nn.Parameter] = []
    encoder = cast(Lite0Trunk, model.key_encoder)
    for at, stage in encoder.stages.items():
        for block in list(cast(nn.Sequential, stage))[_TRAINED_BLOCKS[at] :]:
            trained += block.parameters()
    inside = {id(p) for p in trained}
    whole = [*encoder.stem.parameters(), *encoder.stages.parameters()]
    return trained, [p for p in whole if id(p) not in inside]


def _begin_with(model: nn.Module, state: dict[str, Tensor]) -> set[str]:
    """Takes over what has the same name and shape; returns the names of the rest."""
    own = model.state_dict()
    fits = {n: v for n, v in state.items() if n in own and own[n].shape == v.shape}
    model.load_state_dict({**own, **fits})
    return set(own) - set(fits)


def _floats(model: nn.Module) -> list[Tensor]:
    return [value for value in model.state_dict().values() if value.is_floating_point()]


def _read_checkpoint(path: Path, architecture: str) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, weights_only=True)
    found = state.get("architecture")
    if found != architecture:
        raise BadWeights(
            f"The checkpoint {path} holds a network '{found}', not '{architecture}'.",
            hint="Name another folder, or the architecture that it was made with.",
        )
    return state
