# SPDX-License-Identifier: Apache-2.0
"""The client when the engine is gone, comes back, or says nothing any more."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.client import Client
from shared.errors import EngineUnreachable
from shared.messages import AddObject, CloseSession, Done, GetSession, Ping, Shutdown

from .pumping import added, clip, until
from .router import SESSION, Router, state


def test_a_client_resumes_with_the_next_engine(
    router: Router, client: Client, tmp_path: Path
) -> None:
    """Sessions are taken up first, then the open request comes again with the same id."""
    client.ask(clip())
    router.answers[AddObject] = lambda _: None  # the engine dies over it
    pending = client.submit(AddObject("hand"), SESSION)
    until(client, lambda: "object.add" in router.types())
    first = router.came[-1].id
    router.stop()
    second = Router(tmp_path, engine="e2" * 16)
    second.answers[AddObject] = added
    try:
        events = until(client, lambda: pending.done)
        assert pending.result().object.name == "hand"
        assert second.types() == ["hello", "session.attach", "object.add"]
        assert second.came[-1].id == first
        assert events == [state()]
    finally:
        second.stop()


def test_a_request_that_must_not_be_repeated_fails(
    router: Router, client: Client, tmp_path: Path
) -> None:
    router.answers[Shutdown] = lambda _: None
    client.connect(5)
    pending = client.submit(Shutdown())
    until(client, lambda: "shutdown" in router.types())
    router.stop()
    second = Router(tmp_path)
    try:
        until(client, lambda: pending.done)
        with pytest.raises(EngineUnreachable):
            pending.result()
    finally:
        second.stop()


def test_a_closed_session_is_not_taken_up(router: Router, client: Client, tmp_path: Path) -> None:
    router.answers[CloseSession] = lambda _: Done()
    client.ask(clip())
    assert SESSION in client.sessions
    client.ask(CloseSession(), SESSION)
    router.stop()
    second = Router(tmp_path)
    try:
        client.ask(Ping(), deadline=10)
        assert second.types() == ["hello", "ping"]
    finally:
        second.stop()


def test_a_silent_engine_is_asked_and_then_given_up(router: Router, client: Client) -> None:
    client.connect(5)
    until(client, lambda: "ping" in router.types())
    assert client.welcome
    router.answers[Ping] = lambda _: None
    until(client, lambda: client.welcome is None)
    router.answers.pop(Ping)
    until(client, lambda: client.welcome is not None)


def test_an_asked_session_is_known(router: Router, client: Client) -> None:
    router.answers[GetSession] = lambda _: state(revision=7)
    client.ask(GetSession(), SESSION)
    assert client.sessions[SESSION].revision == 7


def test_closing_settles_everything(router: Router, client: Client) -> None:
    router.answers[AddObject] = lambda _: None
    client.connect(5)
    pending = client.submit(AddObject("hand"), SESSION)
    client.close()
    with pytest.raises(EngineUnreachable):
        pending.result()
