# SPDX-License-Identifier: Apache-2.0
"""Flow that is computed before anybody asks for it, while torch is being loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Event, Thread

from engine_server.media import Plate

from .motion import Step, steps
from .scaling import Scaling

__all__ = ["BegunFlow"]


class BegunFlow:
    """Steps along some frames, begun at once in a thread of its own.

    Args:
        plate, scaling, frames, workers: as for `motion.steps`.
    """

    def __init__(self, plate: Plate, scaling: Scaling, frames: Sequence[int], workers: int) -> None:
        self._of = tuple(frames), scaling
        self._source = steps(plate, scaling, frames, workers)
        self._found: list[Step] = []
        self._error: BaseException | None = None
        self._wanted = Event()
        self._thread = Thread(target=self._run, name="begun flow", daemon=True)
        self._thread.start()

    def take(self, frames: Sequence[int], scaling: Scaling) -> Iterator[Step] | None:
        """The steps along some frames; ``None`` if other ones were begun, or these were taken."""
        if self._wanted.is_set() or self._of != (tuple(frames), scaling):
            return None
        self._stop()
        return self._rest()

    def close(self) -> None:
        """Ends the work, if nobody has taken it."""
        if not self._wanted.is_set():
            self._stop()
            self._source.close()

    def _run(self) -> None:
        try:
            for step in self._source:
                self._found.append(step)
                if self._wanted.is_set():
                    return
        except Exception as error:
            self._error = error

    def _stop(self) -> None:
        """After the step that is being computed."""
        self._wanted.set()
        self._thread.join()

    def _rest(self) -> Iterator[Step]:
        """What there is, then what comes."""
        try:
            while self._found:
                yield self._found.pop(0)
            if self._error is not None:
                raise self._error
            yield from self._source
        finally:
            self._source.close()
