# SPDX-License-Identifier: Apache-2.0
"""Commands of hosts that gather in the background, and ask for what they draw."""

from __future__ import annotations

from shared.messages import (
    AddReference,
    Confidence,
    FrameConfidence,
    GetConfidence,
    PaintedMatte,
    Reply,
    UpdateReference,
)

from .test_commands import Desk, desk, painted

__all__ = ["desk", "painted"]  # fixtures


def test_what_a_host_gathered_before_is_sent_for_its_frame(painted: Desk) -> None:
    """Wherever the artist went meanwhile; the host is told once the engine has it."""
    gathered, given = (PaintedMatte(1, "empty"),), list[int]()
    painted.host.frame = 1009
    painted.shot.edit(AddReference(1005, gathered), lambda: given.append(1005))
    painted.shot.edit(UpdateReference(1006, gathered), lambda: given.append(1006))
    assert not given
    painted.until(lambda: painted.host.states[-1].references == (1001, 1005, 1006))
    assert given == [1005, 1006]


def test_mattes_that_undo_changed_are_fetched(painted: Desk) -> None:
    painted.shot.undo()
    painted.until(lambda: {(1003, 1), (1004, 1)} <= painted.host.shown.keys())


def test_a_host_may_ask_what_no_command_asks(painted: Desk) -> None:
    told: list[Reply] = []
    painted.shot.ask(GetConfidence(), told.append)
    painted.until(lambda: bool(told))
    assert told == [Confidence((FrameConfidence(1002, 1, 0.25),))]
    assert not painted.host.sure
