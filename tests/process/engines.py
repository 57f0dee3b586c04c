# SPDX-License-Identifier: Apache-2.0
"""Real engine processes and clients for tests, and an artist's usual requests."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.artist import raw_matte
from benchmarks.zygote import Engine
from shared.client import Client, Introduction, Timing
from shared.codec import Envelope
from shared.messages import (
    AddObject,
    AddReference,
    JobDone,
    JobFailed,
    MatteReady,
    OpenClip,
    PaintedMatte,
    PathClip,
    Propagate,
    SessionState,
)
from tests.drawn import Shot

__all__ = ["connected", "finished", "opened", "paint", "propagated", "until"]

FIRST = 1001
QUICK = Timing(greeting=1.0, silence=1.0, lost=5.0, gap=0.1)


@contextlib.contextmanager
def connected(engine: Engine, **who: Any) -> Iterator[Client]:
    """A client that gives up soon."""
    with Client(engine.connection, who=Introduction(**who), timing=QUICK) as client:
        client.connect(30)
        yield client


def opened(client: Client, plate: Path, *, objects: int = 1, **options: Any) -> str:
    """Opens a clip with some objects; the session's id."""
    state = client.ask(OpenClip(PathClip(str(plate)), model="lite", **options), deadline=60)
    for number in range(objects):
        client.ask(AddObject(f"object {number + 1}"), state.session)
    return state.session


def paint(
    client: Client, session: str, frame: int, mattes: dict[int, NDArray[np.floating[Any]]]
) -> None:
    """Paints a frame."""
    told = tuple(PaintedMatte(obj, "painted", raw_matte(m)) for obj, m in mattes.items())
    client.ask(AddReference(frame, told), session)


def painted_session(client: Client, plate: Path, shot: Shot, **options: Any) -> str:
    """A session with one object, painted on the first frame."""
    session = opened(client, plate, **options)
    paint(client, session, FIRST, {1: shot.matte(0)})
    return session


def until(
    client: Client, wanted: Callable[[Envelope], bool], seconds: float = 60.0
) -> list[Envelope]:
    """Events up to the first that is wanted."""
    came: list[Envelope] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for envelope in client.pump():
            came.append(envelope)
            if wanted(envelope):
                return came
        time.sleep(0.002)
    raise AssertionError(f"it did not come; {[e.message.type for e in came]} did")


def finished(client: Client, job: str, seconds: float = 120.0) -> tuple[JobDone, list[int]]:
    """Waits for the end of a job: its last event, and the frames that were told of."""

    def over(envelope: Envelope) -> bool:
        message = envelope.message
        return isinstance(message, (JobDone, JobFailed)) and message.job == job

    came = until(client, over, seconds)
    last = came[-1].message
    assert isinstance(last, JobDone), last
    ready = [e.message.frame for e in came if isinstance(e.message, MatteReady)]
    return last, ready


def propagated(client: Client, session: str, **options: Any) -> tuple[JobDone, list[int]]:
    """Propagates and waits for the end."""
    return finished(client, client.ask(Propagate(**options), session).job)


def taken_up(client: Client, seconds: float = 60.0) -> SessionState:
    """Waits until a session was taken up again after a crash."""
    last = until(client, lambda e: isinstance(e.message, SessionState), seconds)[-1].message
    assert isinstance(last, SessionState)
    return last
