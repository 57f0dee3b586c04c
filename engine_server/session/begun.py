# SPDX-License-Identifier: Apache-2.0
"""Flow that is computed before anybody asks for it, while torch is being loaded."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from threading import Event, Thread

from engine_server.media import Plate

from .motion import Step, motion, neighbours, steps
from .scaling import Scaling

__all__ = ["BegunFlow"]

MOST = 100 << 20  # bytes of flow that are kept, about: 40 steps with --size 480, 8 with 1080

log = logging.getLogger(__name__)


class BegunFlow:
    """The first steps along some frames, begun at once in a thread of its own.

    Args:
        plate, scaling, frames: as for `motion.steps`.
    """

    def __init__(self, plate: Plate, scaling: Scaling, frames: Sequence[int]) -> None:
        self._plate, self._scaling, self._frames = plate, scaling, tuple(frames)
        self._found: list[Step] = []
        self._ended = Event()
        self._thread = Thread(target=self._run, name="begun flow", daemon=True)
        self._thread.start()

    def take(
        self, frames: Sequence[int], scaling: Scaling, workers: int
    ) -> Iterator[Step] | None:  # fmt: skip
        """The steps along some frames; the rest is computed as by `motion.steps`.

        ``None`` if other ones were begun, which are forgotten, or these were taken.
        """
        fits = (tuple(frames), scaling) == (self._frames, self._scaling)
        fits = fits and not self._ended.is_set()
        self.close()
        found, self._found = self._found, []
        return self._all(found, workers) if fits else None

    def close(self) -> None:
        """Ends the work, after the step that is being computed."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        """An error is left to who computes the same step for its use."""
        room = MOST
        try:
            for here, there, *pictures in neighbours(self._plate, self._scaling, self._frames):
                if self._ended.is_set() or room <= 0:
                    return
                self._found.append(Step(here, there, motion(*pictures)))
                room -= self._found[-1].motion.nbytes
        except Exception:
            log.debug("flow can't be computed yet", exc_info=True)

    def _all(self, found: list[Step], workers: int) -> Iterator[Step]:
        last = found[-1].second if found else self._frames[0]
        while found:
            yield found.pop(0)
        rest = self._frames[self._frames.index(last) :]
        if len(rest) > 1:
            yield from steps(self._plate, self._scaling, rest, workers)
