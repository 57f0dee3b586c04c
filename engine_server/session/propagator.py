# SPDX-License-Identifier: Apache-2.0
"""The network at work on one plate: memory in line with what is painted, sweeps, retreats."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine_server.media import Plate
from engine_server.network import Features, XMem
from engine_server.network.inference import Runtime, prepare
from shared.errors import FrameUnreadable, NoReferences, OutOfMemory

from .evidence import FlowEvidence
from .propagation import FrameResult, prefetched, run_sweep
from .references import Matte
from .scaling import Scaling
from .sweeps import Direction, plan_sweeps
from .tracker import Tracker

__all__ = ["Propagator"]

log = logging.getLogger(__name__)

References = Mapping[int, Mapping[int, Matte]]

SMALLER = (1.0, 0.75, 0.5)  # of the size asked for, tried in turn when memory runs out


class Propagator:
    """Carries painted mattes through a plate.

    What is encoded in permanent memory is compared with what is painted by identity, so only
    changes are computed.

    Args:
        plate: where the pictures come from.
        load: gives a fresh network; called again when it has to move to another device, since
            numbers once rounded to a device's format don't come back.
        runtime: where it runs, as long as the memory there suffices.
        size: short side in pixels of what the network sees, likewise.
    """

    def __init__(self, plate: Plate, load: Callable[[], XMem], runtime: Runtime, size: int) -> None:
        self.plate = plate
        self._load = load
        self._attempts = _attempts(runtime, min(size, *plate.size))
        self._begin(next(self._attempts))

    def run(
        self,
        frames: Sequence[int],
        references: References,
        direction: Direction,
        *,
        flow: bool = False,
    ) -> Generator[FrameResult | FrameUnreadable, None, None]:
        """Visits frames and gives a result, or the error of an unreadable frame, for each.

        With ``flow``, painted mattes carried by optical flow are weighed in.
        When memory runs out, the frame is tried again smaller, then on the CPU.

        Raises:
            NoReferences: no plate frame that an object is painted on can be read.
            OutOfMemory: there is not enough memory even so.
        """
        evidence = self._evidence(references, flow)
        done: set[int] = set()
        for sweep in plan_sweeps(frames, references, direction):
            left = list(sweep)
            while left:
                try:
                    self._remember(references)
                    for result in run_sweep(
                        self.tracker, self.plate, left, references, self.scaling, evidence
                    ):
                        left = left[1:]
                        if result.frame not in done:
                            done.add(result.frame)
                            yield result
                except (RuntimeError, MemoryError) as error:
                    self._retreat(error, left[0])
                    evidence = self._evidence(references, flow)

    def features(self, view: NDArray[np.uint8]) -> Features:
        """Key, shrinkage and selection of a model view H x W x 3."""
        return self.tracker.features(self.scaling.picture(view))

    def _evidence(self, references: References, flow: bool) -> FlowEvidence | None:
        return FlowEvidence(self.plate, self.scaling, references) if flow else None

    def _begin(self, attempt: tuple[Runtime, int]) -> None:
        self.runtime, size = attempt
        self.scaling = Scaling.to_short_side(self.plate.size, size)
        self.tracker = Tracker(prepare(self._load(), self.runtime), self.runtime, [])
        self._encoded: dict[int, Mapping[int, Matte]] = {}

    def _retreat(self, error: RuntimeError | MemoryError, frame: int) -> None:
        """Goes on with less memory, or raises what went wrong."""
        if not _is_out_of_memory(error):
            raise error
        attempt = next(self._attempts, None)
        if attempt is None:
            raise OutOfMemory(
                f"Memory ran out at frame {frame}, even on the CPU at half the size.",
                hint="Close other programs, use a smaller --size, or fewer objects at once.",
            ) from error
        log.warning(
            "memory ran out on %s at frame %d; going on with %d pixels on %s",
            *(self.runtime.device, frame, attempt[1], attempt[0].device),
        )
        self._begin(attempt)

    def _remember(self, references: References) -> None:
        """Brings permanent memory in line with what is painted."""
        self.tracker.objects = sorted({i for told in references.values() for i in told})
        changed = [f for f, told in self._encoded.items() if references.get(f) is not told]
        for frame in changed:
            self.tracker.memory.remove_reference(frame)
            del self._encoded[frame]
        for frame, view in prefetched(self.plate, sorted(set(references) - set(self._encoded))):
            if isinstance(view, FrameUnreadable):
                log.warning("the reference at frame %d can't be used: %s", frame, view)
                continue
            small = {i: self.scaling.matte_in(matte) for i, matte in references[frame].items()}
            self.tracker.add_reference(frame, self.scaling.picture(view), small)
            self._encoded[frame] = references[frame]
        self._check_told()

    def _check_told(self) -> None:
        """An object whose only references have unreadable plates can't be carried."""
        told = {i for mattes in self._encoded.values() for i in mattes}
        if lost := sorted(set(self.tracker.objects) - told):
            raise NoReferences(
                f"No plate frame painted with object {lost[0]} can be read.",
                hint="Paint it on a frame that can be read.",
            )


def _attempts(runtime: Runtime, size: int) -> Iterator[tuple[Runtime, int]]:
    """Runtimes and sizes in the order in which they are tried."""
    yield from ((runtime, max(16, int(size * part))) for part in SMALLER)
    if runtime.device.type != "cpu":
        yield from _attempts(Runtime.choose("cpu"), size)


def _is_out_of_memory(error: BaseException) -> bool:
    """CUDA, MPS and the CPU tell it in words of their own."""
    words = ("out of memory", "can't allocate memory")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)
