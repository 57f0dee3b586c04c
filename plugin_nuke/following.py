# SPDX-License-Identifier: Apache-2.0
"""Keeps the curve of confidence in line with the session: after an undo, too, and a cancel."""

from __future__ import annotations

from .host import NukeHost
from .shared.commands import Shot
from .shared.messages import GetConfidence, SessionState

__all__ = ["follow"]

_MOST = 10_000  # values of an answer


def follow(shot: Shot, host: NukeHost) -> None:
    """Asks for the confidence of all frames where the session is another than before.

    While a job runs its own events tell; what it left is asked for at its end.
    """
    state = shot.state
    if shot.job is not None:
        host.followed = None
    elif state is not None and host.followed != state.revision:
        host.followed = state.revision
        for span in _spans(state):
            _ask(shot, host, span)


def _ask(shot: Shot, host: NukeHost, span: range) -> None:
    request = GetConfidence((span[0], span[-1]))
    shot.ask(request, lambda reply: host.show_all_confidence(span, reply.values))


def _spans(state: SessionState) -> list[range]:
    """The clip in pieces whose values fit into an answer each."""
    first, last = state.frames[0][0], state.frames[-1][1]
    step = _MOST // max(1, len(state.objects))
    return [range(at, min(at + step, last + 1)) for at in range(first, last + 1, step)]
