# SPDX-License-Identifier: Apache-2.0
"""Fitting a network to what is painted in a shot, and a check that can refuse it.

The references are parted into folds. For each fold the network's last layers are fitted to the
other references, and the fold's own, which it was not shown, are predicted from these, before
and after. Only where they come out better by more than chance are the layers fitted to all
references and used.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine_server.media import Plate
from engine_server.network import XMem
from engine_server.network.inference import Runtime, prepare
from shared.errors import FrameUnreadable, UsageError

from .crops import Example
from .flow_between import FlowBetween
from .preparation import Preparation
from .pupil import Pupil, Recipe
from .references import Matte
from .scaling import Scaling
from .tracker import Tracker

__all__ = ["Adaptation", "Budget", "Fitted", "Scores", "fit", "verdict"]

log = logging.getLogger(__name__)

References = Mapping[int, Mapping[int, Matte]]
State = dict[str, Tensor]

MAX_FOLDS = 3
MAX_REFERENCES = 12  # that are learnt from and checked: more would use the time up by themselves
LEAST_STEPS = 10  # fewer are not worth a check
TRIAL_STEPS = 2  # to see how long one takes
LEAST_GAIN = 0.002  # of the mean score; smaller ones are chance
LEAST_BESIDE = 0.005  # of the mean score beside painted frames, chosen on shots kept aside
FLOW_SHARE = 0.3  # of the time, that flow may take
SPARE = 0.95  # share of the time left that is planned for


@dataclass(frozen=True)
class Budget:
    """What an adaptation may take.

    Attributes:
        seconds: in all, the check included.
        steps: exactly so many of each fit, whatever time they take: for results that can be
            repeated on another machine.
        seed: of all that is drawn.
    """

    seconds: float
    steps: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.seconds < float("inf") or (self.steps is not None and self.steps < 1):
            raise UsageError("An adaptation needs more than 0 seconds and at least 1 step.")


@dataclass(frozen=True)
class Adaptation:
    """What came of an adaptation.

    Attributes:
        accepted: whether the fitted layers are used.
        reason: why, for people.
        before, after: by painted frame, how well it is predicted from other references by the
            network as it was, and by one fitted to these: soft intersection over union, 0..1.
        beside_before, beside_after: the same for the frame moved a little, with the painted
            one in memory, as frames close to a reference see it.
        steps: of each fit.
        seconds: that all of it took.
    """

    accepted: bool
    reason: str
    before: dict[int, float] = field(default_factory=dict)
    after: dict[int, float] = field(default_factory=dict)
    beside_before: dict[int, float] = field(default_factory=dict)
    beside_after: dict[int, float] = field(default_factory=dict)
    steps: int = 0
    seconds: float = 0.0


Fitted = tuple[Adaptation, dict[str, Tensor] | None]
"""What came of it, and the decoder's new numbers where they were accepted."""


@dataclass
class Scores:
    """How well painted frames are predicted, 0..1.

    Attributes:
        far: by frame, from other references.
        beside: by frame, moved a little, from the painted one and others.
    """

    far: dict[int, float] = field(default_factory=dict)
    beside: dict[int, float] = field(default_factory=dict)


def verdict(before: Scores, after: Scores) -> tuple[bool, str]:
    """Whether scores have risen by more than chance, and the sentence that says so.

    The mean from other references must have risen by 0.002 and by more than its own standard
    error, that beside painted frames by 0.005: most frames are like these, and easy, and a fit
    that does little for them may spoil them.

    Args:
        before, after: scores of the same painted frames.
    """
    gains, beside = _gains(before.far, after.far), _gains(before.beside, after.beside)
    noise = float(gains.std(ddof=1) / len(gains) ** 0.5) if len(gains) > 1 else 0.0
    better = bool(gains.mean() > max(LEAST_GAIN, noise))
    accepted = better and bool(beside.mean() > LEAST_BESIDE)
    means = [float(np.mean(list(found.values()))) for found in (before.far, after.far)]
    words = "better" if accepted else "not better by more than chance"
    if better and not accepted:
        words = f"better, but frames close to a painted one gain only {beside.mean():.3f}"
    told = "references left out are predicted at {:.3f}, fitted at {:.3f}: ".format(*means)
    return accepted, told + words


def _gains(before: Mapping[int, float], after: Mapping[int, float]) -> NDArray[np.float64]:
    return np.array([after[frame] - before[frame] for frame in after])


def fit(
    load: Callable[[], XMem],
    device: torch.device,
    plate: Plate,
    scaling: Scaling,
    references: References,
    budget: Budget,
    *,
    recipe: Recipe = Recipe(),  # noqa: B008  (frozen)
) -> Generator[Preparation, None, Fitted]:
    """Fits a network's decoder to painted frames, where the check finds that it helps.

    Args:
        load: gives a fresh network, float32, on the CPU.
        device: where it learns.
        plate, scaling: as for the propagation that follows.
        references: painted mattes by frame and object, at plate size.
        budget: of time or steps.
        recipe: what is trained and how.

    Yields:
        after each piece of work; who ends it early has changed nothing.
    """
    clock = _Clock(budget)
    examples = _examples(plate, scaling, references)
    if len(examples) < 2:
        return Adaptation(False, "it takes two references, one to check the other"), None
    pupil = yield from _pupil(load, device, scaling, examples, recipe)
    if pupil.network.config.hints:
        latest = clock.left * (1 - FLOW_SHARE)
        yield from pupil.flow.fill(plate, scaling, lambda: clock.left < latest)
    return (yield from _Trial(pupil, budget, clock).run())


class _Clock:
    """How long the rest may take; for ever where the steps are counted."""

    def __init__(self, budget: Budget) -> None:
        self._begun = time.monotonic()
        self._end = self._begun + budget.seconds if budget.steps is None else float("inf")

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun

    @property
    def left(self) -> float:
        """Seconds to the end."""
        return self._end - time.monotonic()


def _examples(plate: Plate, scaling: Scaling, references: References) -> list[Example]:
    """Those painted frames that can be read, rising; of many an even choice."""
    found = []
    count = min(MAX_REFERENCES, len(references))
    chosen = np.linspace(0, len(references) - 1, count).round().astype(int)
    painted = sorted(references.items())
    for frame, told in (painted[i] for i in chosen):
        try:
            picture = scaling.view(plate.view(frame))
        except FrameUnreadable as error:
            log.warning("the reference at frame %d can't be used: %s", frame, error)
            continue
        mattes = {i: scaling.matte_in(matte) for i, matte in told.items()}
        found.append(Example(frame, picture, mattes))
    return found


def _pupil(
    load: Callable[[], XMem],
    device: torch.device,
    scaling: Scaling,
    examples: Sequence[Example],
    recipe: Recipe,
) -> Generator[Preparation, None, Pupil]:
    """A network with the examples in memory."""
    runtime = Runtime(device, torch.float32)
    objects = sorted({i for example in examples for i in example.mattes})
    tracker = Tracker(prepare(load(), runtime), runtime, objects)
    for done, example in enumerate(examples):
        yield Preparation("references", example.frame, done, len(examples))
        mattes = {i: torch.from_numpy(matte) for i, matte in example.mattes.items()}
        picture = torch.from_numpy(example.picture).permute(2, 0, 1)
        tracker.add_reference(example.frame, picture, mattes)
    return Pupil(tracker, examples, FlowBetween(examples), recipe)


class _Trial:
    """The fits and their comparison."""

    def __init__(self, pupil: Pupil, budget: Budget, clock: _Clock) -> None:
        self.pupil, self.budget, self.clock = pupil, budget, clock
        self.frames = sorted(pupil.examples)
        self.folds = min(MAX_FOLDS, len(self.frames))
        self.steps = self.done = 0

    def run(self) -> Generator[Preparation, None, Fitted]:
        """Compares, and where that speaks for it, fits to all."""
        before, begun = Scores(), time.monotonic()
        for fold in range(self.folds):
            self._add_scores(before, fold)
        self.steps = self.budget.steps or self._affordable(time.monotonic() - begun)
        if self.budget.steps is None and self.steps < LEAST_STEPS:
            self.steps = 0
            return self._told(False, "there is not enough time for it"), None
        if not before.far:
            return self._told(False, "no reference tells of another one's objects"), None
        after = Scores()
        for fold in range(self.folds):
            yield from self._learn(self._known(fold), self.folds + 1 - fold)
            self._add_scores(after, fold)
        if len(after.far) < len(before.far):
            return self._told(False, "there was not enough time for it", before, after), None
        accepted, reason = verdict(before, after)
        if accepted:
            yield from self._learn(self.frames, 1)
        state = self.pupil.state() if accepted else None
        return self._told(accepted, reason, before, after), state

    def _told(
        self, accepted: bool, reason: str, before: Scores | None = None, after: Scores | None = None
    ) -> Adaptation:
        old, new = before or Scores(), after or Scores()
        return Adaptation(
            *(accepted, reason, old.far, new.far, old.beside, new.beside),
            steps=self.steps,
            seconds=round(self.clock.spent, 2),
        )

    def _known(self, fold: int) -> list[int]:
        """Painted frames that are shown while others are left out."""
        return [frame for i, frame in enumerate(self.frames) if i % self.folds != fold]

    def _add_scores(self, scores: Scores, fold: int) -> None:
        """Of the frames that are left out in a fold, as long as there is time."""
        known = self._known(fold)
        for frame in self.frames[fold :: self.folds]:
            if self.clock.left < 0:
                return
            score = self.pupil.score(frame, known)
            if score is not None and self.clock.left >= 0:
                scores.far[frame] = score
                scores.beside[frame] = self.pupil.score_beside(frame, known)

    def _affordable(self, scoring: float) -> int:
        """Steps of each fit in the time left but for so much, by what two of them take."""
        if self.clock.left < 0:
            return 0
        for _ in self.pupil.learn(self.frames, 1, self.budget.seed):
            pass
        begun = time.monotonic()
        for _ in self.pupil.learn(self.frames, TRIAL_STEPS, self.budget.seed):
            pass
        each = (time.monotonic() - begun) / TRIAL_STEPS
        return int(SPARE * (self.clock.left - scoring) / (each * (self.folds + 1)))

    def _learn(self, known: Sequence[int], fits: int) -> Iterator[Preparation]:
        """One fit from the beginning, in its share of the time where so many are to come."""
        self.pupil.forget()
        late = self.clock.left * (1 - 1 / fits)
        total = self.steps * (self.folds + 1)
        for frame in self.pupil.learn(known, self.steps, self.budget.seed):
            self.done += 1
            yield Preparation("adapt", frame, self.done, total)
            if self.clock.left < late:
                return
