# SPDX-License-Identifier: Apache-2.0
"""The client against a real ROUTER socket: answers, errors, deadlines, events, resuming."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import zmq

from shared.client import Client, Introduction, Pending
from shared.codec import Envelope
from shared.connection import Connection, new_key, write_connection
from shared.errors import (
    DeadlineExceeded,
    EngineUnreachable,
    FrameUnreadable,
    InsecureConnection,
    ProtocolError,
    UnknownObject,
    UsageError,
    VersionMismatch,
)
from shared.image import RawImage
from shared.messages import (
    AddObject,
    AddReference,
    Done,
    GetFrame,
    GetMattes,
    GetSession,
    Hello,
    JobDone,
    MatteImage,
    Mattes,
    ObjectInfo,
    ObjectReply,
    OpenClip,
    PaintedMatte,
    Ping,
    Pong,
    Preview,
    Progress,
    ReferenceInfo,
    ReferenceReply,
    Reply,
)

from .pumping import JOB, QUICK, added, clip, until
from .router import SESSION, Router, state


def test_a_blocking_call_brings_its_answer(router: Router, client: Client) -> None:
    router.answers[AddObject] = added
    assert client.connect(5).version == "0.1.0"
    assert client.ask(AddObject("hand"), SESSION).object.name == "hand"


def test_an_error_is_raised_as_the_class_it_was(router: Router, client: Client) -> None:
    def unreadable(_: Envelope) -> Reply:
        raise FrameUnreadable("Frame 1004 is damaged.", frame=1004)

    def unknown(_: Envelope) -> Reply:
        raise UnknownObject("There is no object 9.", hint="Look again.")

    router.answers |= {GetFrame: unreadable, GetMattes: unknown}
    with pytest.raises(FrameUnreadable, match="1004") as caught:
        client.ask(GetFrame(1004), SESSION)
    assert caught.value.frame == 1004
    with pytest.raises(UnknownObject) as missing:
        client.ask(GetMattes((1001,)), SESSION)
    assert missing.value.hint == "Look again."


def test_a_late_answer_is_passed_over(router: Router, client: Client) -> None:
    router.answers[Ping] = lambda _: time.sleep(0.3) or Pong(1.0, busy=True)  # type: ignore[func-returns-value]
    client.connect(5)
    with pytest.raises(DeadlineExceeded, match="ping"):
        client.ask(Ping(), deadline=0.05)
    time.sleep(0.4)
    assert client.ask(Ping(), deadline=5).busy


def test_no_engine_is_told_as_such(tmp_path: Path, client: Client) -> None:
    with pytest.raises(EngineUnreachable):
        client.connect(0.1)
    with pytest.raises(EngineUnreachable):
        client.ask(Ping(), deadline=0.1)


def test_what_was_given_up_before_it_was_sent_is_never_sent(tmp_path: Path, client: Client) -> None:
    with pytest.raises(EngineUnreachable):
        client.ask(AddObject("hand"), SESSION, deadline=0.05)
    router = Router(tmp_path)
    client.connect(5)
    client.ask(Ping())
    router.stop()
    assert "object.add" not in router.types()


def test_an_engine_of_another_major_version_is_refused(router: Router, client: Client) -> None:
    def newer(_: Envelope) -> Reply:
        raise VersionMismatch("The plugin speaks 1.0, the engine 2.0.", hint="Update the plugin.")

    router.answers[Hello] = newer
    with pytest.raises(VersionMismatch, match="Update the plugin"):
        client.connect(5)


def test_another_major_version_is_refused_by_the_connection_file(
    router: Router, tmp_path: Path, client: Client
) -> None:
    """An engine can't read the greeting of a plugin that is older or newer: it can't answer it."""
    write_connection(tmp_path / "connection.json", replace(router.connection, protocol=(2, 0)))
    with pytest.raises(VersionMismatch, match=r"The engine speaks protocol 2\.0, this plugin 1\.0"):
        client.connect(5)
    assert router.came == []


def test_a_wrong_key_is_not_let_in(router: Router, client: Client) -> None:
    wrong = router.connection.__class__(router.connection.endpoint, "00" * 32, os.getpid())
    write_connection(router.path, wrong)
    with pytest.raises(EngineUnreachable):
        client.connect(0.7)
    assert router.came == []


def test_a_mistake_in_a_request_is_raised_before_it_is_sent(router: Router, client: Client) -> None:
    client.connect(5)
    with pytest.raises(ProtocolError, match=r"object\.add\.name"):
        client.ask(AddObject(""), SESSION)
    with pytest.raises(ProtocolError, match="session"):
        client.ask(AddObject("hand"))
    assert router.types() == ["hello"]


def test_an_answer_of_another_kind_is_an_error(router: Router, client: Client) -> None:
    router.answers[Ping] = lambda _: Done()
    with pytest.raises(ProtocolError, match="done"):
        client.ask(Ping())


# Hosts


def test_a_pump_never_waits_and_calls_back(router: Router, client: Client) -> None:
    router.answers[AddObject] = added
    heard: list[str] = []

    def then(pending: Pending[ObjectReply]) -> None:
        heard.append(pending.result().object.name)

    pending = client.submit(AddObject("hand"), SESSION, then=then)
    with pytest.raises(UsageError):
        pending.result()
    began = time.monotonic()
    client.pump(0.001)
    assert time.monotonic() - began < 0.5
    until(client, lambda: pending.done)
    assert heard == ["hand"]


def test_events_come_in_order_and_progress_is_merged(router: Router, client: Client) -> None:
    client.connect(5)
    steps = [Progress(JOB, "propagate", i, 9, 1000 + i) for i in range(1, 10)]
    done = JobDone(JOB, "propagate", ((1001, 1009),))
    for event in [*steps, done]:
        router.tell(event)
    time.sleep(0.3)
    events = [envelope.message for envelope in client.pump(0.2)]
    assert events == [steps[-1], done]


def test_a_pump_keeps_to_its_budget(router: Router, client: Client) -> None:
    client.connect(5)
    for i in range(3000):
        router.tell(JobDone(JOB, "propagate", ((i, i),)))
    time.sleep(0.5)
    began = time.monotonic()
    first = client.pump(0.005)
    assert time.monotonic() - began < 0.1
    assert len(first) < 3000
    end = time.monotonic() + 10
    total = len(first)
    while total < 3000 and time.monotonic() < end:
        total += len(client.pump(0.05))
    assert total == 3000


def test_a_host_hears_of_everything_in_its_own_thread(router: Router, client: Client) -> None:
    """A thread that waits for an answer lets others in, and calls nobody back."""
    router.answers |= {AddObject: added, GetSession: lambda _: None}
    client.connect(5)
    heard: list[int] = []
    failed: list[type] = []

    def wait() -> None:
        try:
            client.ask(GetSession(), SESSION, deadline=1.5)
        except DeadlineExceeded as error:
            failed.append(type(error))

    waiting = threading.Thread(target=wait)
    waiting.start()
    pumps, longest = 0, 0.0
    while waiting.is_alive():
        pumps += 1
        client.submit(AddObject("x"), SESSION, then=lambda _: heard.append(threading.get_ident()))
        began = time.monotonic()
        client.pump(0.001)
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.01)
    until(client, lambda: len(heard) == pumps)
    assert failed == [DeadlineExceeded]
    assert set(heard) == {threading.get_ident()}
    assert pumps > 20
    assert longest < 0.5


# Raw frames


def raw(side: int = 512) -> RawImage:
    return RawImage("uint8", (side, side), ("A",), "data", os.urandom(side * side))


@pytest.mark.parametrize("arena", [True, False])
def test_raw_frames_both_ways(router: Router, client: Client, arena: bool) -> None:
    router.takes_arena = arena
    sent: list[bytes] = []

    def keep(envelope: Envelope) -> Reply:
        message = envelope.message
        assert isinstance(message, AddReference)
        image = message.mattes[0].image
        assert isinstance(image, RawImage)
        sent.append(bytes(image.data))
        return ReferenceReply(ReferenceInfo(1001, (), 1), 1)

    answer = raw()
    objects = (ObjectInfo(1, "hand", (0, 0, 0)),)
    router.answers[OpenClip] = lambda _: state(width=512, height=512, objects=objects)
    router.answers[AddReference] = keep
    router.answers[Preview] = lambda _: Mattes(
        (MatteImage(1001, 1, answer, painted=False, locked=False, confidence=0.5),)
    )
    client.ask(clip())
    for _ in range(5):  # more than fits into shared memory, were it not given back
        painted = raw()
        client.ask(AddReference(1001, (PaintedMatte(1, "painted", painted),)), SESSION)
        assert sent[-1] == painted.data
        got = client.ask(Preview(1001), SESSION).mattes[0].image
        assert isinstance(got, RawImage)
        assert bytes(got.data) == answer.data


def test_shared_memory_leaves_no_name_behind(router: Router, client: Client) -> None:
    client.connect(5)
    hello = router.came[0].message
    assert isinstance(hello, Hello)
    assert hello.arena
    assert not [*Path("/dev/shm").glob(Path(hello.arena.path).name)]


def test_shared_memory_is_optional(router: Router, tmp_path: Path) -> None:
    who = Introduction(arena_bytes=0)
    with Client(lambda: router.connection, who=who, timing=QUICK) as client:
        assert not client.connect(5).arena


def test_an_encrypted_connection(tmp_path: Path) -> None:
    router = Router(tmp_path, curve=True)
    try:
        with Client(lambda: router.connection, timing=QUICK) as client:
            assert client.connect(5)
        other = zmq.curve_keypair()[0].decode()
        wrong = dataclasses.replace(router.connection, curve_public=other)
        with Client(lambda: wrong, timing=QUICK) as client, pytest.raises(EngineUnreachable):
            client.connect(0.5)
    finally:
        router.stop()


def test_another_machine_needs_an_encrypted_connection() -> None:
    remote = Connection("tcp://10.0.0.1:5555", new_key(), 1)
    with Client(lambda: remote) as client, pytest.raises(InsecureConnection):
        client.connect(1)
