# SPDX-License-Identifier: Apache-2.0
"""The network at work on one plate: memory in line with what is painted, sweeps, retreats."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence

from torch import Tensor

from engine_server.media import Plate
from engine_server.network import XMem
from engine_server.network.inference import Runtime, prepare
from shared.errors import FrameUnreadable, NoReferences, OutOfMemory

from .adapt import Adaptation, Budget, fit
from .begun import BegunFlow
from .closeup import CLOSEST, CloseUp
from .evidence import FlowEvidence
from .extent import Extent
from .keys import FrameKeys, KeyCache
from .preparation import Preparation
from .propagation import FrameResult, Step, prefetched, run_sweep
from .references import Matte
from .scaling import Scaling
from .sparse import AHEAD
from .sweeps import Direction, frames_in, holes, in_ranges, needed_frames, plan_sweeps
from .tracker import Tracker, as_mattes, as_picture

__all__ = ["Propagator"]

log = logging.getLogger(__name__)

References = Mapping[int, Mapping[int, Matte]]

KEY_BYTES = 256 * 2**20  # of keys kept for candidates: 300 frames of 864 x 480 pixels
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
        size: short side in pixels of a whole frame as the network sees it, likewise.
        names: of the objects by id, for messages; looked up when one is made.
        begun: flow that is being computed already.
    """

    def __init__(
        self,
        plate: Plate,
        load: Callable[[], XMem],
        runtime: Runtime,
        size: int,
        names: Mapping[int, str],
        begun: BegunFlow | None = None,
    ) -> None:
        self.plate, self._begun = plate, begun
        self._load = load
        self._names = names
        self._evidence: FlowEvidence | None = None
        self._running = False
        self._decoder: dict[str, Tensor] | None = None
        self._attempts = _attempts(runtime, min(size, *plate.size))
        self._begin(next(self._attempts))

    def run(
        self,
        frames: Sequence[int],
        references: References,
        direction: Direction,
        *,
        flow: bool = False,
    ) -> Generator[Step, None, None]:
        """Visits frames and gives a result, or the error of an unreadable frame, for each.

        Before results come the pieces of work that prepare them: whoever ends the iterator
        there need not wait for all references to be encoded, or for the flow of a whole gap.
        With ``flow``, painted mattes carried by optical flow are weighed in.
        When memory runs out, the frame is tried again smaller, then on the CPU.

        Raises:
            NoReferences: no plate frame that an object is painted on can be read.
            OutOfMemory: there is not enough memory even so.
        """
        self._evidence = self._new_evidence(references, flow)
        self._running, done = True, set[int]()
        try:
            for sweep in plan_sweeps(frames, references, direction):
                for step in self._sweep(sweep, references, flow):
                    if isinstance(step, Preparation):
                        yield step
                    elif step.frame not in done:
                        done.add(step.frame)
                        yield step
        finally:
            self._evidence, self._running = None, False

    def adapt(
        self, references: References, budget: Budget
    ) -> Generator[Preparation, None, Adaptation]:
        """Fits the network to what is painted, where a check finds that it helps; see `fit`.

        Whatever an earlier call has done is taken back. What is encoded of the references
        stays, since only the decoder changes. Ended early, everything is as before.
        """
        args = (self._load, self.runtime.device, self.plate, self.base, references, budget)
        try:
            adaptation, decoder = yield from fit(*args)
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            adaptation, decoder = Adaptation(False, "there is not enough memory for it"), None
        log.info("%s: %s", "adapted" if adaptation.accepted else "not adapted", adaptation.reason)
        if decoder is not None or self._decoder is not None:
            self._decoder = decoder
            self.tracker.network = self._network()
        return adaptation

    def carry(
        self,
        references: References,
        frames: tuple[int, int] | None,
        direction: Direction,
        *,
        flow: bool,
        leave: Collection[int],
    ) -> Generator[Step, None, None]:
        """As `run`, of the frames in a range, and the holes that the plate has there.

        Frames in ``leave`` are visited only where results of others depend on them.
        """
        dependent = flow or self.tracker.depends_on_past
        asked = frames_in(self.plate, frames)
        ahead = AHEAD if flow and not self.tracker.network.config.recurrent else 0
        wanted = needed_frames(
            asked, leave, references, direction, dependent=dependent, ahead=ahead
        )
        yield from holes(self.plate, frames)
        yield from self.run(wanted, references, direction, flow=flow)

    def keep_keys(self, result: FrameResult) -> None:
        """Keeps what a frame looks like to the network, as far as there is room, for `keys`."""
        if result.keys is not None:
            self._keys.put(result.frame, result.keys)

    def forget_keys(self) -> None:
        """Frees the memory of `keep_keys`."""
        self._keys = KeyCache(KEY_BYTES)

    def keys(
        self, frames: Sequence[int], references: References
    ) -> Iterator[tuple[int, FrameKeys]]:
        """What frames look like to the network, in order; unreadable frames are left out.

        Only frames whose keys are not kept yet are read and encoded, as a propagation of the
        references would, or as the one under way does: its memory must not be touched.
        """
        if not self._running:
            self._aim(references)
        kept = self._keys  # to the end, even if they are forgotten meanwhile
        views = prefetched(self.plate, [frame for frame in frames if frame not in kept])
        for frame in frames:
            if frame in kept:
                yield frame, kept[frame].to(self.runtime.device)
                continue
            _, view = next(views)
            if not isinstance(view, FrameUnreadable):
                keys = FrameKeys.of(self.tracker.features(as_picture(self.scaling.view(view))))
                kept.put(frame, keys)
                yield frame, keys

    def _sweep(
        self, sweep: Sequence[int], references: References, flow: bool
    ) -> Generator[Step, None, None]:
        """One sweep, gone on with after a retreat where memory ran out."""
        left = list(sweep)
        while left:
            try:
                yield from self._remember(references)
                for step in run_sweep(
                    self.tracker,
                    self.plate,
                    tuple(left),
                    references,
                    self.scaling,
                    self._evidence,
                ):
                    if not isinstance(step, Preparation):
                        left.remove(step.frame)
                    yield step
            except (RuntimeError, MemoryError) as error:
                self._retreat(error, left[0])
                self._evidence = self._new_evidence(references, flow)

    def _new_evidence(self, references: References, flow: bool) -> FlowEvidence | None:
        return FlowEvidence(self.plate, self.base, references, self._begun) if flow else None

    def _begin(self, attempt: tuple[Runtime, int]) -> None:
        self.runtime, size = attempt
        self.base = Scaling.to_short_side(self.plate.size, size)
        network = self._network()
        self.tracker: Tracker | CloseUp = Tracker(network, self.runtime, [])
        self.scaling = self.base
        if network.config.close_up:
            self.tracker = CloseUp(network, self.runtime, [], size=size)
            self.scaling = Scaling.to_short_side(self.plate.size, round(CLOSEST * size))
        self._encoded: dict[int, Mapping[int, Matte]] = {}
        self._keys = KeyCache(KEY_BYTES)

    def _network(self) -> XMem:
        """A fresh network, ready to run, with the decoder that was fitted to the shot."""
        network = self._load()
        if self._decoder is not None:
            network.decoder.load_state_dict(self._decoder)
        return prepare(network, self.runtime)

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

    def _remember(self, references: References) -> Iterator[Preparation]:
        """Brings permanent memory in line with what is painted; gives each reference's turn."""
        if self._forget_changed(references) or set(references) - set(self._encoded):
            self._aim(references)
        self.tracker.objects = sorted({i for told in references.values() for i in told})
        fresh = sorted(set(references) - set(self._encoded))
        for done, (frame, view) in enumerate(prefetched(self.plate, fresh)):
            yield Preparation("references", frame, done, len(fresh))
            if isinstance(view, FrameUnreadable):
                log.warning("the reference at frame %d can't be used: %s", frame, view)
                continue
            small = {i: self.scaling.matte_in(matte) for i, matte in references[frame].items()}
            picture = as_picture(self.scaling.view(view))
            self.tracker.add_reference(frame, picture, as_mattes(small))
            self._encoded[frame] = references[frame]
        self._check_told(references)

    def _aim(self, references: References) -> None:
        """Lets the network look as closely as what is painted needs."""
        if self.tracker.aim(Extent.of(references)):
            self._encoded.clear()
            self.forget_keys()

    def _forget_changed(self, references: References) -> bool:
        """Whether there was anything to forget."""
        changed = [f for f, told in self._encoded.items() if references.get(f) is not told]
        for frame in changed:
            self.tracker.remove_reference(frame)
            del self._encoded[frame]
        return bool(changed)

    def _check_told(self, references: References) -> None:
        """An object whose only references have unreadable plates can't be carried."""
        told = {i for mattes in self._encoded.values() for i in mattes}
        for obj in self.tracker.objects:
            if obj not in told:
                frames = [frame for frame, mattes in references.items() if obj in mattes]
                raise NoReferences(
                    f"No plate frame that {self._names[obj]!r} is painted on can be read: "
                    f"{in_ranges(sorted(frames))}.",
                    hint="Paint it on a frame that can be read.",
                )


def _attempts(runtime: Runtime, size: int) -> Iterator[tuple[Runtime, int]]:
    """Runtimes and sizes in the order in which they are tried."""
    yield from ((runtime, max(16, int(size * part))) for part in SMALLER)
    if runtime.device.type != "cpu":
        yield from _attempts(Runtime.choose("cpu", precision=runtime.precision), size)


def _is_out_of_memory(error: BaseException) -> bool:
    """CUDA, MPS and the CPU tell it in words of their own."""
    words = ("out of memory", "can't allocate memory")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)
