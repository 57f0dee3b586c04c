# SPDX-License-Identifier: Apache-2.0
"""What optical flow says of one painted frame by others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np

from engine_server.media import Plate

from .crops import Example
from .flow import Carried, Drift, Float, Link, carry, drifts, hints, in_unit
from .gaps import REACH
from .motion import steps
from .preparation import Preparation
from .scaling import Scaling

__all__ = ["FlowBetween"]

log = logging.getLogger(__name__)

WITHOUT = "adapting without flow: there are too many frames from first to last reference, %d"
LINK_BYTES = 256 * 2**20  # that all links kept at once may take


class FlowBetween:
    """Painted mattes carried to the other painted frames, as a propagation would carry them.

    Args:
        examples: painted frames, rising.
    """

    def __init__(self, examples: Sequence[Example]) -> None:
        self.examples = {example.frame: example for example in examples}
        self._drifts: dict[tuple[int, int], Drift] = {}

    def fill(
        self, plate: Plate, scaling: Scaling, too_late: Callable[[], bool] = lambda: False
    ) -> Iterator[Preparation]:
        """Follows the flow from each painted frame to all others in reach.

        Where there are more frames between them than time or memory allow, nothing is carried,
        and the examples are predicted without.

        Args:
            plate: where the frames in between come from.
            scaling: to the model's size.
            too_late: asked after each link whether to give it up.

        Yields:
            after each link.
        """
        painted = sorted(self.examples)
        chain = [f for f in plate.frames if painted[0] <= f <= painted[-1]]
        height, width = scaling.model
        room = LINK_BYTES // (3 * height * width)  # six half-size planes of two bytes
        if len(chain) - 1 > room:
            log.info(WITHOUT, len(chain))
            return
        found: list[tuple[int, int, Link]] = []
        for step in steps(plate, scaling, chain):
            found.append((step.first, step.second, Link.of(step.motion)))
            yield Preparation("flow", step.second, len(found), len(chain) - 1)
            if too_late() and len(found) < len(chain) - 1:
                log.info(WITHOUT, len(chain))
                return
        for origin in painted:
            after = [(there, each) for here, there, each in found if here >= origin]
            before = [(here, each.reversed()) for here, there, each in found if there <= origin]
            self._keep(origin, after[:REACH])
            self._keep(origin, before[::-1][:REACH])

    def hints(self, frame: int, objects: Sequence[int], known: Collection[int]) -> Float:
        """What the decoder is shown at a painted frame.

        Args:
            frame: of an example.
            objects: ids in the order of the result.
            known: frames of the examples that are carried to it: the nearest on both sides.

        Returns:
            N x 4 x h x w in 0..1; zeros where nothing arrived.
        """
        before = [f for f in known if f < frame]
        after = [f for f in known if f > frame]
        beside = sorted(before)[-1:] + sorted(after)[:1]
        arrived = [self._carried(f, frame) for f in beside if (f, frame) in self._drifts]
        if not arrived:
            return np.zeros((len(objects), 4, *self.examples[frame].picture.shape[:2]), np.float32)
        return in_unit(hints(objects, arrived))

    def _carried(self, origin: int, frame: int) -> Carried:
        return carry(self.examples[origin].mattes, self._drifts[origin, frame])

    def _keep(self, origin: int, way: Sequence[tuple[int, Link]]) -> None:
        for frame, drift in drifts(way):
            if frame in self.examples:
                self._drifts[origin, frame] = drift
