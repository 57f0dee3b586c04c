# SPDX-License-Identifier: Apache-2.0
"""Optical flow between neighbouring frames. Nothing here waits for torch to be loaded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine_server.media import Plate
from shared.errors import FrameUnreadable

from .scaling import Scaling

__all__ = [
    "Float",
    "Motion",
    "Picture",
    "Step",
    "came_from",
    "motion",
    "neighbours",
    "places",
    "sample",
    "steps",
]

ROUND_TRIP_PX = 1.5  # of the model's picture: disagreement there and back that halves trust
COLOUR_STEP = 25.0  # of 255: change of colour that does
LEAST_SIDE = 16  # of a picture that flow is computed on
THIRDS = np.full((1, 3), 1 / 3, np.float32)  # the mean of three colours

Float = NDArray[np.float32]
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Motion:
    """Flow between two frames at half the model's size.

    Attributes:
        back, forth: h/2 x w/2 x 2 in half-size pixels: for a pixel of the second frame where
            it was in the first, and for a pixel of the first where it goes in the second.
        trust_back, trust_forth: h/2 x w/2 in 0..1, of the two.
    """

    back: Float
    forth: Float
    trust_back: Float
    trust_forth: Float

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        planes = (self.back, self.forth, self.trust_back, self.trust_forth)
        return sum(plane.nbytes for plane in planes)


@dataclass(frozen=True)
class Step:
    """Two frames, the first one being the earlier, and the motion between them."""

    first: int
    second: int
    motion: Motion


def motion(first: Picture, second: Picture) -> Motion:
    """Flow both ways between two model pictures h x w x 3, and its trust.

    Trust is ``exp(-(e / 1.5)^2 / 2) * exp(-(c / 25)^2 / 2)`` with the round-trip error e in
    pixels of the model's picture and the mean change of colour c in 8 bit.
    """
    a, b = (_shrunk(picture) for picture in (first, second))
    engine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    engine.setFinestScale(0)
    engine.setVariationalRefinementIterations(0)
    engine.setPatchStride(4)
    engine.setGradientDescentIterations(12)
    grey_a, grey_b = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (a, b))
    back, forth = _flow(engine, grey_b, grey_a), _flow(engine, grey_a, grey_b)
    return Motion(back, forth, _trust(b, a, back, forth), _trust(a, b, forth, back))


def steps(
    plate: Plate, scaling: Scaling, frames: Sequence[int], workers: int = 1
) -> Iterator[Step]:
    """Motion along frames, computed side by side; an unreadable frame is stepped over.

    Args:
        plate: where the pictures come from.
        scaling: to the model's size.
        frames: rising.
        workers: how many steps are computed at once.
    """
    pool = ThreadPoolExecutor(workers, "flow")
    waiting: deque[tuple[int, int, Future[Motion]]] = deque()
    try:
        for here, there, *pictures in neighbours(plate, scaling, frames):
            waiting.append((here, there, pool.submit(motion, *pictures)))
            if len(waiting) > 2 * workers:
                yield _finished(waiting)
        while waiting:
            yield _finished(waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def neighbours(
    plate: Plate, scaling: Scaling, frames: Sequence[int]
) -> Iterator[tuple[int, int, Picture, Picture]]:
    """Two frames that follow each other, and their pictures; arguments as for `steps`."""
    here, picture = frames[0], _picture(plate, scaling, frames[0])
    for there in frames[1:]:
        following = _picture(plate, scaling, there)
        if following is None:
            continue
        if picture is not None:
            yield here, there, picture, following
        here, picture = there, following


@lru_cache(maxsize=4)
def places(size: tuple[int, int]) -> Float:
    """Where the pixels of a picture of (height, width) are, height x width x 2: x and y."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    grid = np.dstack([x, y])
    grid.setflags(write=False)
    return grid


def came_from(flow: Float, at: Float, larger: Sequence[float] = (1, 1)) -> Float:
    """Where the pixels at some places lay, x and y, their flow being given in larger pixels."""
    if larger[0] != larger[1]:
        flow = flow * np.array(larger, np.float32)
        return flow + at
    return np.asarray(cv2.scaleAdd(flow, larger[0], at), np.float32)


def sample(
    plane: NDArray[Any],
    at: Float,
    *,
    border: int = cv2.BORDER_CONSTANT,
    out: Float | None = None,
) -> NDArray[Any]:
    """What lay at those places, in the plane's type; by default nothing comes in from outside."""
    found: NDArray[Any] = cv2.remap(plane, at, None, cv2.INTER_LINEAR, out, border)  # type: ignore[call-overload]
    return found


def _picture(plate: Plate, scaling: Scaling, frame: int) -> Picture | None:
    try:
        return scaling.view(plate.view(frame))
    except FrameUnreadable:
        return None


def _finished(waiting: deque[tuple[int, int, Future[Motion]]]) -> Step:
    first, second, future = waiting.popleft()
    return Step(first, second, future.result())


def _shrunk(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    size = (max(1, (width + 1) // 2), max(1, (height + 1) // 2))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _flow(engine: cv2.DISOpticalFlow, here: NDArray[Any], there: NDArray[Any]) -> Float:
    """Flow h x w x 2; pictures too small for the method are enlarged at their edges."""
    height, width = here.shape
    pad = (0, max(0, LEAST_SIDE - height), 0, max(0, LEAST_SIDE - width), cv2.BORDER_REPLICATE)
    ends = (cv2.copyMakeBorder(picture, *pad) for picture in (here, there))
    flow: Float = engine.calc(*ends, None)  # type: ignore[call-overload]
    return flow[:height, :width]


def _trust(here: Picture, there: Picture, flow: Float, back: Float) -> Float:
    at = came_from(flow, places((here.shape[0], here.shape[1])))
    error = sample(back, at)
    error += flow
    moved = sample(there, at, border=cv2.BORDER_REPLICATE)
    colour = cv2.transform(cv2.absdiff(here, moved).astype(np.float32), THIRDS)
    np.square(error, out=error)
    exponent = error[..., 0] + error[..., 1]  # in half-size pixels
    exponent *= np.float32(4 / ROUND_TRIP_PX**2)
    exponent += _square(colour) * np.float32(1 / COLOUR_STEP**2)
    exponent *= np.float32(-0.5)
    return np.asarray(cv2.exp(exponent), np.float32)


def _square(plane: NDArray[Any]) -> Float:
    return np.asarray(np.square(plane), np.float32)
