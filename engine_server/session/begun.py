# SPDX-License-Identifier: Apache-2.0
"""Flow that is computed before anybody asks for it, while torch is being loaded."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from threading import Event, Thread

from engine_server.media import Plate

from .motion import Picture, Step, motion, neighbours, steps
from .scaling import Scaling

__all__ = ["BegunFlow"]

MOST = 150 << 20  # bytes of flow that are kept, about: 60 steps with --size 480, 12 with 1080

log = logging.getLogger(__name__)


class BegunFlow:
    """The first steps along some rows of frames, begun at once in a thread of its own.

    Args:
        plate, scaling: as for `motion.steps`.
        rows: each as for `motion.steps`, in the order in which they are likely to be asked for.
    """

    def __init__(self, plate: Plate, scaling: Scaling, rows: Iterable[Sequence[int]]) -> None:
        self._plate, self._scaling = plate, scaling
        self._found: dict[tuple[int, ...], list[Step]] = {tuple(row): [] for row in rows}
        self._ended = Event()
        self._thread = Thread(target=self._run, name="begun flow", daemon=True)
        self._thread.start()

    def take(
        self, frames: Sequence[int], scaling: Scaling, workers: int
    ) -> Iterator[Step] | None:  # fmt: skip
        """The steps along a row of frames; the rest of it is computed as by `motion.steps`.

        ``None`` for another row, or one that is taken; then all others are forgotten. No step is
        begun after the first call.
        """
        self.close()
        row = tuple(frames)
        if row not in self._found or scaling != self._scaling:
            self._found.clear()
            return None
        return self._all(row, self._found.pop(row), workers)

    def close(self) -> None:
        """Ends the work, after the step that is being computed."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        """An error is left to who computes the same step for its use."""
        room = MOST
        try:
            for row, here, there, *pictures in self._neighbours():
                if self._ended.is_set() or room <= 0:
                    return
                step = Step(here, there, motion(*pictures))
                self._found[row].append(step)
                room -= step.motion.nbytes
        except Exception:
            log.debug("flow can't be computed yet", exc_info=True)

    def _neighbours(self) -> Iterator[tuple[tuple[int, ...], int, int, Picture, Picture]]:
        """Of all rows, see `motion.neighbours`."""
        for row in self._found:
            for pair in neighbours(self._plate, self._scaling, row):
                yield row, *pair

    def _all(self, row: tuple[int, ...], found: list[Step], workers: int) -> Iterator[Step]:
        last = found[-1].second if found else row[0]
        while found:
            yield found.pop(0)
        rest = row[row.index(last) :]
        if len(rest) > 1:
            yield from steps(self._plate, self._scaling, rest, workers)
