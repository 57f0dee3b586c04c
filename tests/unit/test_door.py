# SPDX-License-Identifier: Apache-2.0
"""The control thread by itself: who is let in, who is forgotten, what is refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq

from engine_server.server import door as door_module
from engine_server.server import peers
from engine_server.server.board import Board
from engine_server.server.door import Door
from engine_server.server.weight import is_heavy, is_light
from shared.codec import DEFAULT_LIMITS, Envelope, decode, encode, new_id
from shared.frame import joined, parted
from shared.image import RawImage
from shared.messages import (
    Confidence,
    Done,
    ErrorReply,
    FrameConfidence,
    FrameImage,
    GetSession,
    Hello,
    Message,
    Ping,
    Pong,
    PutFrames,
    Reply,
    Welcome,
)
from shared.seal import Sealer

KEY = bytes(range(32))
SESSION = "5e" * 16


def controlled(peer: Any, envelope: Envelope) -> Reply:
    if isinstance(envelope.message, Hello):
        return Welcome("00" * 16, "0", 1)
    return Pong(0.0, False)


class House:
    """A door with nobody behind it."""

    def __init__(self) -> None:
        self.context: zmq.Context[Any] = zmq.Context()
        self.dealers: list[zmq.Socket[bytes]] = []
        router = self.context.socket(zmq.ROUTER)
        router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self.port = router.bind_to_random_port("tcp://127.0.0.1")
        self.board, self.asked, self.left = Board(), [], []
        self.door = Door(
            router,
            KEY,
            self.board,
            control=controlled,
            work=lambda client, envelope: self.asked.append((client, envelope)),
            left=self.left.append,
        )

    def dealer(self) -> zmq.Socket[bytes]:
        made = self.context.socket(zmq.DEALER)
        made.linger = 0
        made.connect(f"tcp://127.0.0.1:{self.port}")
        self.dealers.append(made)
        return made

    def until(self, happened: Callable[[], Any], seconds: float = 10.0) -> None:
        end = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < end
            self.door.turn(5)


class Visitor:
    """A client, one message at a time."""

    def __init__(self, house: House, *, greets: bool = True) -> None:
        self.house, self.sealer = house, Sealer(KEY, engine_side=False)
        self.socket = house.dealer()
        self.send(Hello("visitor", "0", 1))
        if greets:
            assert isinstance(self.hear(), Welcome)

    def send(self, message: Message, session: str | None = None) -> str:
        envelope = Envelope(message, new_id(), session=session)
        self.socket.send(joined(encode(envelope, self.sealer)))
        return envelope.id

    def hear(self) -> Message:
        self.house.until(lambda: self.socket.poll(0))
        return decode(parted([self.socket.recv()], DEFAULT_LIMITS), self.sealer).message


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.door.close("the test is over")
    for dealer in made.dealers:
        dealer.close(0)
    made.context.destroy(linger=0)


def picture(size: int) -> PutFrames:
    image = RawImage("uint8", (1, size), ("A",), "data", bytes(size))
    return PutFrames((FrameImage(1, image),))


def test_a_client_that_is_gone_is_noticed_soon(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "PROBE", 0.2)
    visitor, other = Visitor(house), Visitor(house)
    visitor.send(GetSession(), SESSION)
    house.until(lambda: house.asked)
    house.board.attach(SESSION, house.asked[0][0])
    visitor.socket.close()
    house.until(lambda: house.left == [SESSION])
    other.send(Ping())
    assert isinstance(other.hear(), Pong)


def test_who_only_says_nothing_stays(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "PROBE", 0.05)
    visitor = Visitor(house)
    end = time.monotonic() + 0.5
    house.until(lambda: time.monotonic() > end)
    assert len(house.door._peers) == 1
    while visitor.socket.poll(0):
        assert isinstance(visitor.hear(), Pong)
    visitor.send(GetSession(), SESSION)
    house.until(lambda: house.asked)


def test_a_session_that_a_client_gets_after_its_end_is_left(house: House) -> None:
    """It opened a clip, was dropped, and only then the clip was open."""
    house.board.attach(SESSION, b"gone")
    house.door.post(b"gone", Envelope(Done(), new_id(), parent=new_id()))
    house.door.turn(0)
    assert house.left == [SESSION]


def test_pixels_that_wait_are_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "MOST_BYTES", 1000)
    first, second = Visitor(house), Visitor(house)
    first.send(picture(5000), SESSION)
    house.until(lambda: len(house.asked) == 1)
    refused = second.send(picture(600), SESSION)
    told = second.hear()
    assert isinstance(told, ErrorReply)
    assert told.code == "busy"
    second.send(GetSession(), SESSION)
    house.until(lambda: len(house.asked) == 2)
    client, envelope = house.asked[0]
    house.door.post(client, envelope.answer(Done()))
    assert isinstance(first.hear(), Done)
    second.send(picture(600), SESSION)
    house.until(lambda: len(house.asked) == 3)
    assert refused not in {envelope.id for _, envelope in house.asked}


def test_an_answer_that_nobody_takes_is_bounded(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "MOST_OWED", 1000)
    visitor = peers.Peer(b"1", Sealer(KEY, engine_side=True, client=bytes(16)))
    letter = peers.Letter(Envelope(picture(600), new_id(), session=SESSION))
    visitor.post(letter)
    assert not visitor.overrun
    visitor.post(letter)
    assert visitor.overrun
    visitor.send(lambda name, message: True)
    assert not visitor.overrun


def test_a_greeting_is_small(house: House) -> None:
    """It is checked on the control thread."""
    visitor = Visitor(house, greets=False)
    assert isinstance(visitor.hear(), Welcome)
    stranger = Sealer(KEY, engine_side=False)
    header = encode(Envelope(Hello("visitor", "0", 1), new_id()), Sealer(KEY, engine_side=False))[1]
    parts = [header, bytes(1 << 20)]
    dealer = house.dealer()
    dealer.send(joined([stranger.seal(parts), *parts]))
    house.until(lambda: house.door.refused)
    assert len(house.door._peers) == 1


def test_who_has_proved_nothing_makes_room_first(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "MOST_PEERS", 2)
    real = Visitor(house)
    real.send(Ping())
    assert isinstance(real.hear(), Pong)
    replayed = [Visitor(house) for _ in range(5)]
    real.send(Ping())
    assert isinstance(real.hear(), Pong)
    assert len(replayed) == 5


@pytest.mark.parametrize("error", [MemoryError(), OSError(5, "no"), ValueError("no")])
def test_a_message_that_breaks_its_reader_ends_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    visitor = Visitor(house)

    def broken(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(peers, "decode", broken)
        visitor.send(Ping())
        house.until(lambda: house.door.refused)
    visitor.send(Ping())
    assert isinstance(visitor.hear(), Pong)


def test_an_answer_that_breaks_its_writer_is_an_error(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor, real, failed = Visitor(house), peers.encode, iter([None])

    def broken(*arguments: Any) -> Any:
        if next(failed, True):
            return real(*arguments)
        raise MemoryError

    monkeypatch.setattr(peers, "encode", broken)
    visitor.send(Ping())
    assert isinstance(visitor.hear(), ErrorReply)
    visitor.send(Ping())
    assert isinstance(visitor.hear(), Pong)


def test_long_lists_are_read_and_sealed_beside() -> None:
    values = tuple(FrameConfidence(frame, 1, 0.5) for frame in range(10_000))
    assert is_heavy(Confidence(values))
    assert not is_heavy(Confidence(values[:100]))
    assert is_heavy(picture(5 << 20))
    assert is_light([bytes(76), b'{"buffers":[]}'], shared=True)
    assert not is_light([bytes(76), b"{}" * 20_000], shared=False)
    assert not is_light([bytes(76), b'{"buffers":[[1,2]]}'], shared=True)
    assert not is_light([bytes(76), b"{}", bytes(5 << 20)], shared=False)
