# SPDX-License-Identifier: Apache-2.0
"""What the tests of the client share: a quick client, pumping, and a few messages."""

from __future__ import annotations

import time
from collections.abc import Callable

from shared.client import Client, Timing
from shared.codec import Envelope
from shared.messages import AddObject, Message, ObjectInfo, ObjectReply, OpenClip, PathClip

QUICK = Timing(greeting=0.5, silence=0.2, lost=1.0, gap=0.02)
JOB = "ab" * 8


def until(client: Client, finished: Callable[[], bool]) -> list[Message]:
    """Pumps until something is so, and returns the events that came."""
    events: list[Message] = []
    wait(finished, lambda: events.extend(envelope.message for envelope in client.pump(0.002)))
    return events


def wait(finished: Callable[[], bool], turn: Callable[[], object]) -> None:
    """Does a turn of work again and again until something is so."""
    end = time.monotonic() + 10
    while not finished():
        assert time.monotonic() < end
        turn()
        time.sleep(0.001)


def added(envelope: Envelope) -> ObjectReply:
    assert isinstance(envelope.message, AddObject)
    return ObjectReply(ObjectInfo(1, envelope.message.name, (255, 0, 0)), 1)


def clip() -> OpenClip:
    return OpenClip(PathClip("/plates/shot"))
