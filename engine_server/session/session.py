# SPDX-License-Identifier: Apache-2.0
"""A session: one clip, its objects, what was painted, and what came of it."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine_server.media import Plate, ViewTransform, open_plate
from engine_server.network.inference import Precision, Runtime
from engine_server.network.state import load_model
from engine_server.network.weights import default_weights, resolve
from shared.errors import FrameUnreadable, NoReferences, UnknownFrame, UnknownObject, UsageError

from .adapt import Adaptation, Budget
from .begun import BegunFlow
from .candidates import FrameSketch, choose_candidates, sketch
from .closeup import CloseUp
from .keys import FrameKeys
from .mattes import MatteStore
from .preparation import Preparation, run_to_end
from .propagation import FrameResult, PropagationReport, Step
from .propagator import Propagator
from .references import Matte, checked_mattes, without
from .scaling import SIZE, Scaling
from .sweeps import Direction
from .tracker import Tracker

__all__ = ["Session"]


class Session:
    """Rotoscopes one clip.

    Args:
        plate: the clip.
        model: ``lite``, ``xmem`` or the path of a weights file; by default the best here.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        size: short side in pixels at which the network sees the plate (its own, if that is
            smaller); ``lite`` sees at most as many of the part where the objects are.
        precision: number format, see `engine_server.network.inference.Runtime.choose`.
        begun: flow that is being computed already; it is closed by whoever began it.

    Attributes:
        plate: as given.
        weights: the file that the network comes from.

    Raises:
        WeightsUnavailable, BadWeights: no usable weights of that name or path.
        DeviceUnavailable: the device is not present.
    """

    def __init__(
        self, plate: Plate, *, model: str | Path | None = None,
        device: str = "auto", size: int = SIZE, precision: Precision = "auto",
        begun: BegunFlow | None = None,
    ) -> None:  # fmt: skip
        if size < 16:
            raise UsageError(f"The network can't see a plate with a short side of {size} pixels.")
        self.plate = plate
        self.weights = resolve(model or default_weights())
        self._names: dict[int, str] = {}
        runtime = Runtime.choose(device, precision=precision)
        load = functools.partial(load_model, self.weights)
        self._propagator = Propagator(plate, load, runtime, size, self._names, begun)
        self._state: Literal["idle", "propagating", "closed"] = "idle"
        self._owns_plate = False
        self._references: dict[int, Mapping[int, Matte]] = {}
        self._mattes = MatteStore()
        self._confidence: dict[int, dict[int, float]] = {}

    @classmethod
    def open(
        cls, source: str | Path, *,
        view: ViewTransform | None = None, model: str | Path | None = None,
        device: str = "auto", size: int = SIZE, precision: Precision = "auto",
    ) -> Session:  # fmt: skip
        """Opens a clip by its path: a folder, a pattern (``plate.%04d.exr``) or a movie."""
        plate = open_plate(source, view=view)
        session = cls(plate, model=model, device=device, size=size, precision=precision)
        session._owns_plate = True
        return session

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Drops the session's temporary files; it can't be used any more."""
        self._state = "closed"
        self._mattes.close()
        if self._owns_plate:
            self.plate.close()

    @property
    def tracker(self) -> Tracker | CloseUp:
        """The network and its memory as they are now."""
        return self._propagator.tracker

    @property
    def runtime(self) -> Runtime:
        """Where the network runs; the CPU after a device had too little memory."""
        return self._propagator.runtime

    @property
    def scaling(self) -> Scaling:
        """Sizes of the plate and of the picture that the network is shown."""
        return self._propagator.scaling

    # Objects

    @property
    def objects(self) -> Mapping[int, str]:
        """Names by object id."""
        return MappingProxyType(self._names)

    def add_object(self, name: str, *, obj: int | None = None) -> int:
        """Adds an object and returns its id: ``obj``, or the lowest free one from 1.

        Raises:
            UsageError: the id is taken or not in 1..255, or the name is taken or empty.
        """
        chosen = obj if obj is not None else next(i for i in range(1, 257) if i not in self._names)
        if chosen in self._names or not 1 <= chosen <= 255:
            raise UsageError(f"Object id {chosen} is taken or not in 1..255.")
        self._check_name(name)
        self._names[chosen] = name
        return chosen

    def rename_object(self, obj: int, name: str) -> None:
        """Gives an object another name; ``UnknownObject``, ``UsageError`` as `add_object`."""
        self._check_object(obj)
        if name != self._names[obj]:
            self._check_name(name)
        self._names[obj] = name

    def remove_object(self, obj: int) -> None:
        """Removes an object, its painted mattes and its results; the others stay."""
        self._check_object(obj)
        del self._names[obj]
        kept = {frame: without(mattes, obj) for frame, mattes in self._references.items()}
        self._references = {frame: mattes for frame, mattes in kept.items() if mattes}
        self._mattes.forget_object(obj)
        for values in self._confidence.values():
            values.pop(obj, None)

    # References

    @property
    def references(self) -> Mapping[int, Mapping[int, Matte]]:
        """Painted mattes by frame number and object id, H x W float32, read-only."""
        return MappingProxyType(self._references)

    def set_reference(self, frame: int, mattes: Mapping[int, NDArray[np.generic]]) -> None:
        """Gives what is painted at a frame, in place of what was painted there before.

        Args:
            frame: the clip's own frame number.
            mattes: by object id, H x W at the plate's size; booleans, or floats in 0..1.
                An object left out is not told; a matte of zeros says "not seen here".

        Raises:
            UnknownFrame, UnknownObject, BadMask.
        """
        self._check_frame(frame)
        checked = checked_mattes(frame, mattes, size=self.plate.size, objects=self._names)
        self._references[frame] = checked

    def remove_reference(self, frame: int) -> None:
        """Takes the painting of a frame back; ``UnknownFrame`` if there is none."""
        if frame not in self._references:
            raise UnknownFrame(f"Frame {frame} has no reference.")
        del self._references[frame]

    # Propagation

    def adapt(
        self, budget: Budget, *, cancelled: Callable[[], bool] = lambda: False,
        on_preparation: Callable[[Preparation], object] = lambda work: None,
    ) -> Adaptation | None:  # fmt: skip
        """Fits the network to what is painted, where a check finds that it helps.

        Args:
            budget: of time, the check included, or of steps.
            on_preparation, cancelled: as for `propagate`.

        Returns:
            what came of it; ``None`` when cancelled: then nothing has changed.

        Raises:
            NoReferences: nothing is painted.
        """
        self._check_painted()
        with self._busy():
            work = self._propagator.adapt(self._references, budget)
            return run_to_end(work, on_preparation, cancelled)

    def propagate(
        self,
        *,
        frames: tuple[int, int] | None = None,
        direction: Direction = "forward",
        flow: bool = True,
        on_frame: Callable[[FrameResult], object] = lambda result: None,
        on_preparation: Callable[[Preparation], object] = lambda work: None,
        cancelled: Callable[[], bool] = lambda: False,
        keep: bool = True,
    ) -> PropagationReport:
        """Carries the painted mattes through the clip.

        Args:
            frames: first and last frame number, both included; all frames by default.
            direction: ``forward``, ``backward``, or ``both``: outward from each reference.
            flow: whether painted mattes carried by optical flow are weighed in.
            on_frame: called with each result as soon as it is there.
            on_preparation: called between the pieces of work that go before results:
                references to encode, links of optical flow in a gap.
            cancelled: asked before each frame and each such piece; the frames finished
                so far stay.
            keep: whether results can be asked for later by `matte`; without it they only
                go to ``on_frame``.

        Raises:
            NoReferences: nothing is painted, or an object on no frame that can be read.
            UnknownFrame: no frame of the clip lies in the range.
        """
        report = PropagationReport()
        steps = self.propagate_frames(frames=frames, direction=direction, flow=flow)
        with contextlib.closing(steps):
            while not cancelled():
                step = next(steps, None)
                if step is None:
                    return report
                if isinstance(step, Preparation):
                    on_preparation(step)
                elif isinstance(step, FrameUnreadable):
                    report.skipped[step.frame] = step.message
                else:
                    self._take(step, keep=keep)
                    report.done.append(step.frame)
                    on_frame(step)
        report.cancelled = True
        return report

    def propagate_frames(
        self,
        *,
        frames: tuple[int, int] | None = None,
        direction: Direction = "forward",
        flow: bool = True,
        leave: Collection[int] = (),
    ) -> Generator[Step, None, None]:
        """The same, one frame or piece of preparation per step of the iterator; nothing is kept.

        A hole in the plate and a frame that can't be decoded come as the error that tells
        of them. Frames in ``leave`` are visited only where results of others depend on them.
        """
        self._check_painted()
        with self._busy():
            yield from self._propagator.carry(
                dict(self._references), frames, direction, flow=flow, leave=leave
            )

    def matte(self, frame: int, obj: int) -> Matte:
        """The matte of an object at a frame: H x W float32 in 0..1 at the plate's size.

        What is painted there comes back unchanged; anything else is what the last
        propagation made.

        Raises:
            UnknownObject, UnknownFrame: there is no such object, or no result of it yet.
        """
        self._check_object(obj)
        painted = self._references.get(frame, {}).get(obj)
        return self._mattes.get(frame, obj) if painted is None else painted

    def confidence(self, frame: int) -> Mapping[int, float]:
        """How sure the last propagation was at a frame, by object id, 0..1.

        Raises:
            UnknownFrame: no propagation went over that frame.
        """
        if frame not in self._confidence:
            raise UnknownFrame(f"Frame {frame} has no matte yet.", hint="Propagate over it first.")
        return MappingProxyType(self._confidence[frame])

    # Candidates

    def candidates(
        self,
        k: int = 5,
        *,
        alpha: float = 0.5,
        min_mask_presence: float = 0.25,
        on_frame: Callable[[int], object] = lambda frame: None,
    ) -> list[int]:
        """Frames to paint next, best first (XMem++, section 3.3).

        Args:
            k: how many are wanted at most.
            alpha: 0 compares whole frames, 1 only what the mattes cover.
            min_mask_presence: frames whose mattes cover less of the picture, in percent,
                are passed over.
            on_frame: called with each frame number as it is looked at.

        Returns:
            frame numbers, none of them painted; frames without a matte are not considered.

        Raises:
            NoReferences: nothing is painted.
            UsageError: ``k`` or ``alpha`` out of range.
        """
        self._check_open()
        self.check_candidates(k, alpha)
        known = {*self._mattes.frames, *self._references}.intersection(self.plate.frames)
        frames, sketches = [], []
        for frame, keys in self._propagator.keys(sorted(known), self._references):
            frames.append(frame)
            sketches.append(self._sketch(frame, keys, alpha, min_mask_presence))
            on_frame(frame)
        previous = [i for i, frame in enumerate(frames) if frame in self._references]
        return [frames[i] for i in choose_candidates(sketches, previous, k)]

    def check_candidates(self, k: int, alpha: float) -> None:
        """Raises what `candidates` would raise for these arguments, before any work."""
        if k < 1 or not 0 <= alpha <= 1:
            raise UsageError("Candidates need k of at least 1 and alpha in 0..1.")
        self._check_painted()

    def _sketch(
        self, frame: int, keys: FrameKeys, alpha: float, min_presence: float
    ) -> FrameSketch:
        told = {*self._mattes.objects(frame), *self._references.get(frame, {})}
        union = np.max([self.matte(frame, i) for i in told], axis=0)
        small = self.scaling.matte_in(union)
        return sketch(*keys.planes, small, alpha=alpha, min_presence_percent=min_presence)

    # Inside

    def load_mattes(self, frame: int, mattes: Mapping[int, NDArray[np.generic]]) -> None:
        """Takes mattes made earlier as results of a frame; arguments as `set_reference`."""
        self._check_open()
        self._check_frame(frame)
        self._mattes.put(
            frame, checked_mattes(frame, mattes, size=self.plate.size, objects=self._names)
        )

    def _take(self, result: FrameResult, *, keep: bool) -> None:
        self._confidence[result.frame] = result.confidence
        if keep:
            self._mattes.put(result.frame, result.mattes)
            self._propagator.keep_keys(result)

    @contextlib.contextmanager
    def _busy(self) -> Iterator[None]:
        """While a propagation goes on; memory serves one at a time."""
        self._check_open()
        if self._state == "propagating":
            raise UsageError(
                "This session is propagating already.", hint="End or close that propagation first."
            )
        self._state = "propagating"
        try:
            yield
        finally:
            self._state = "idle" if self._state == "propagating" else self._state

    def _check_open(self) -> None:
        if self._state == "closed":
            raise UsageError("This session is closed.", hint="Open the clip again.")

    def _check_painted(self) -> None:
        if not self._references:
            raise NoReferences("Nothing is painted yet.")

    def _check_frame(self, frame: int) -> None:
        if frame not in self.plate.frames:
            there = f"{self.plate.frames[0]} to {self.plate.frames[-1]}"
            raise UnknownFrame(
                f"{self.plate.name} has no frame {frame}.", hint=f"The plate has frames {there}."
            )

    def _check_object(self, obj: int) -> None:
        if obj not in self._names:
            raise UnknownObject(f"There is no object {obj}.")

    def _check_name(self, name: str) -> None:
        if not name.strip() or name in self._names.values():
            raise UsageError(f"The object name {name!r} is taken or empty: choose another.")
