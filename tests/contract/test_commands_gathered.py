# SPDX-License-Identifier: Apache-2.0
"""Commands of hosts that gather in the background, and ask for what they draw."""

from __future__ import annotations

import pytest

from shared.errors import UnknownFrame
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
    """Wherever the artist went meanwhile, and without asking the host again."""
    gathered = (PaintedMatte(1, "empty"),)
    painted.host.frame = 1009
    painted.shot.add_reference(1005, gathered)
    painted.shot.update_reference(1006, gathered)
    painted.until(lambda: painted.host.states[-1].references == (1001, 1005, 1006))
    sent = [
        envelope.message
        for envelope in painted.engine.router.came
        if isinstance(envelope.message, (AddReference, UpdateReference))
    ]
    assert [(one.frame, one.mattes) for one in sent[-2:]] == [(1005, gathered), (1006, gathered)]
    with pytest.raises(UnknownFrame):
        painted.shot.add_reference(2000, gathered)


def test_mattes_that_undo_changed_are_fetched(painted: Desk) -> None:
    painted.shot.undo()
    painted.until(lambda: {(1003, 1), (1004, 1)} <= painted.host.shown.keys())


def test_a_host_may_ask_what_no_command_asks(painted: Desk) -> None:
    told: list[Reply] = []
    painted.shot.ask(GetConfidence(), told.append)
    painted.until(lambda: bool(told))
    assert told == [Confidence((FrameConfidence(1002, 1, 0.25),))]
    assert not painted.host.sure
