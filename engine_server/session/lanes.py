# SPDX-License-Identifier: Apache-2.0
"""Looking at several frames of a sweep side by side.

Two looks that each have half of the processor are done sooner than one after the other with all of
it. What a look knows does not depend on which is done first: it has the predictions of all looks
begun before it but the `LANES` - 1 last ones, however many processors there are.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Barrier, Lock
from typing import Any, TypeAlias

import torch

from ..network.inference import threads
from .between import Seen, View
from .evidence import FlowEvidence
from .preparation import Preparation
from .tracker import Found

__all__ = ["LANES", "Lanes", "lanes"]

LANES = 2

_sharing = Lock()

Plan: TypeAlias = Any
"""A `tracker.Plan` or `closeup.BothPlans`; only the one who made it reads it."""


class Lanes:
    """Looks at frames of a sweep, in the order of their beginning.

    Args:
        plan: what the next look goes by, asked for when it begins.
        see: looks at a frame; in any thread.
        take: remembers what was found.
        evidence: whose gap must be filled before a look into it, if there is any.
        pool: where the looks run.
        count: how many at once.
    """

    def __init__(
        self,
        plan: Callable[[int], Plan],
        see: Callable[[int, View, Plan], tuple[Seen, Found]],
        take: Callable[[Any], None],
        evidence: FlowEvidence | None,
        pool: ThreadPoolExecutor,
        count: int = LANES,
    ) -> None:
        self._plan, self._see, self._take = plan, see, take
        self._evidence, self._pool, self._count = evidence, pool, count
        self._begun: dict[int, Future[tuple[Seen, Found]]] = {}
        self._ended: dict[int, Seen] = {}

    def __call__(self, frame: int, view: View) -> Generator[Preparation, None, Seen]:
        """What the network says of a frame; before it, each step of the flow into its gap."""
        if not self._may_begin(frame):
            self._end_all()  # they look into the gap before
            assert self._evidence is not None  # noqa: S101  (for the type checker)
            yield from self._evidence.fill(frame)
        self._begin(frame, view)
        while frame not in self._ended:
            self._end_oldest()
        return self._ended.pop(frame)

    def ahead(self, frame: int, view: View) -> None:
        """Begins a look that is likely to be asked for; not into a gap that isn't filled yet."""
        if self._may_begin(frame):
            self._begin(frame, view)

    def _may_begin(self, frame: int) -> bool:
        evidence = self._evidence
        return evidence is None or frame in evidence.references or evidence.is_filled(frame)

    def _begin(self, frame: int, view: View) -> None:
        if frame in self._begun or frame in self._ended:
            return
        while len(self._begun) >= self._count:
            self._end_oldest()
        self._begun[frame] = self._pool.submit(self._see, frame, view, self._plan(frame))

    def _end_oldest(self) -> None:
        frame = next(iter(self._begun))
        seen, found = self._begun[frame].result()
        del self._begun[frame]
        self._take(found)
        self._ended[frame] = seen
        while len(self._ended) > 2 * self._count:  # the first was not asked for after all
            del self._ended[next(iter(self._ended))]

    def _end_all(self) -> None:
        while self._begun:
            self._end_oldest()


@contextmanager
def lanes(device: torch.device, most: int = LANES) -> Iterator[ThreadPoolExecutor]:
    """Threads for so many looks at once on a device; the processor's threads are shared evenly.

    The caller has no more than each of them: it would wait for threads that are busy with looks.
    An accelerator has its work one after the other, and looks are prepared beside it.
    """
    with _sharing:
        total = threads()
    count = most if device.type == "cpu" and total >= most else 1
    with ThreadPoolExecutor(count, "look") as pool:
        try:
            if count > 1:
                with _sharing:
                    _share(pool, count, total)
            yield pool
        finally:
            torch.set_num_threads(total)
            pool.shutdown(cancel_futures=True)


def _share(pool: ThreadPoolExecutor, count: int, total: int) -> None:
    """Gives each thread of a pool, and the caller, a share of the processor's threads."""
    ready = Barrier(count)

    def take() -> None:
        torch.get_num_threads()  # otherwise its first computation would take what all are given
        torch.set_num_threads(total // count)
        ready.wait()

    wait([pool.submit(take) for _ in range(count)])
    torch.set_num_threads(total // count)
    with ThreadPoolExecutor(1) as other:
        other.submit(torch.set_num_threads, total).result()  # for threads to come
