# SPDX-License-Identifier: Apache-2.0
"""The beat of a host's timer: what came from the engine goes to the clips it is about."""

from __future__ import annotations

from collections.abc import Iterable

from .client import Client
from .commands import Shot

__all__ = ["tick"]


def tick(client: Client, shots: Iterable[Shot], budget: float = 0.005) -> None:
    """Takes what came from the engine to the shots it is about.

    Args:
        client: the connection.
        shots: those that use it.
        budget: seconds after which the rest is left for the next time.
    """
    shots = [*shots]
    for envelope in client.pump(budget):
        for shot in shots:
            if shot.state is not None and shot.state.session == envelope.session:
                shot.take(envelope)
