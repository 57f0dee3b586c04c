# SPDX-License-Identifier: Apache-2.0
"""Attacks on a running engine: it answers with an error or drops the peer, and goes on."""

from __future__ import annotations

import os
import socket
import struct
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq

from benchmarks.artist import raw_matte
from benchmarks.zygote import Engine, Zygote
from shared.client import Client, Pending
from shared.codec import Envelope, encode, new_id
from shared.connection import PLAIN_USER, Connection
from shared.errors import (
    BadMask,
    NotFound,
    PathRefused,
    UnknownSession,
    UsageError,
    XmemppError,
)
from shared.frame import joined
from shared.image import EncodedImage, PathImage
from shared.messages import (
    AddObject,
    AddReference,
    AttachSession,
    Done,
    Export,
    GetSession,
    ListSessions,
    LockFrames,
    OpenClip,
    PaintedMatte,
    PathClip,
    Ping,
    SentClip,
    SessionState,
)
from shared.seal import Sealer, admission_secret
from tests.drawn import draw_shot, write_plate
from tests.process.engines import connected, opened, painted_session

pytestmark = pytest.mark.skipif(os.name != "posix", reason="engines are forked")

SHOT = draw_shot(3)
FIRST = 1001


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    starter = Zygote()
    yield starter
    starter.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("attacked")
    (place / "projects").mkdir()
    write_plate(place / "plate", SHOT.pictures)
    return place


@pytest.fixture(scope="module")
def engine(zygote: Zygote, place: Path) -> Iterator[Engine]:
    running = zygote.start(place / "projects")
    yield running
    assert running.alive
    running.kill()
    running.wait()


@pytest.fixture
def client(engine: Engine) -> Iterator[Client]:
    """At the end the engine must still answer."""
    with connected(engine) as connected_client:
        yield connected_client
    with connected(engine) as another:
        another.ask(Ping(), deadline=10)


def dealer(connection: Connection, *, password: str | None = None) -> zmq.Socket[bytes]:
    made: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    made.linger = 0
    made.plain_username = PLAIN_USER.encode()
    secret = admission_secret(connection.key_bytes) if password is None else password
    made.plain_password = secret.encode()
    made.connect(connection.endpoint)
    return made


def resident(engine: Engine) -> int:
    return int(Path(f"/proc/{engine.pid}/statm").read_text().split()[1]) * 4096


def test_nobody_gets_in_without_the_key(client: Client, engine: Engine) -> None:
    connection = engine.connection()
    stranger = dealer(connection, password="guessed")
    sealer = Sealer(connection.key_bytes, engine_side=False)
    stranger.send(joined(encode(Envelope(Ping(), new_id()), sealer)))
    assert not stranger.poll(500)
    stranger.close()


@pytest.mark.parametrize("key", [bytes(32), bytes(range(32))])
def test_messages_under_another_key_are_dropped(client: Client, engine: Engine, key: bytes) -> None:
    peer = dealer(engine.connection())
    sealer = Sealer(key, engine_side=False)
    for _ in range(100):
        peer.send(joined(encode(Envelope(Ping(), new_id()), sealer)))
    assert not peer.poll(300)
    peer.close()


def test_garbage_is_dropped(client: Client, engine: Engine) -> None:
    peer = dealer(engine.connection())
    rng = np.random.default_rng(0)
    for size in (0, 1, 75, 76, 77, 1000, 100_000):
        for parts in (1, 2, 3, 300):
            peer.send_multipart([rng.bytes(size)] * parts)
            peer.send(joined([rng.bytes(size)] * parts))
    assert not peer.poll(300)
    peer.close()


def test_bytes_that_are_not_zeromq_are_dropped(client: Client, engine: Engine) -> None:
    port = int(engine.connection().endpoint.rpartition(":")[2])
    held = []
    for data in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, b"\0" * 1000, b""):
        raw = socket.create_connection(("127.0.0.1", port))
        raw.sendall(data)
        held.append(raw)  # and says nothing more, like a slow loris
    client.ask(Ping(), deadline=5)
    for raw in held:
        raw.close()


def test_a_flood_of_ten_thousand_messages_is_answered_in_bounded_memory(
    client: Client, engine: Engine, place: Path
) -> None:
    session = opened(client, place / "plate", workspace="flood", objects=0)
    before = resident(engine)
    waiting = [client.submit(GetSession(), session) for _ in range(10_000)]
    end = time.monotonic() + 120
    while not all(p.done for p in waiting) and time.monotonic() < end:
        client.pump(0.05)
    told = Counter(outcome(pending) for pending in waiting)
    assert told["answered"] >= 1000
    assert told["answered"] + told["busy"] == 10_000
    assert resident(engine) - before < 200e6


def outcome(pending: Pending[SessionState]) -> str:
    try:
        return "answered" if pending.result() else ""
    except XmemppError as error:
        return error.code


def test_who_asks_and_never_reads_is_dropped(client: Client, engine: Engine, place: Path) -> None:
    before = resident(engine)
    with connected(engine) as deaf:
        session = opened(deaf, place / "plate", workspace="deaf", objects=0)
        link = deaf._line._link
        assert link is not None
        for _ in range(30_000):
            link.send(Envelope(GetSession(), new_id(), session=session))
        client.ask(Ping(), deadline=5)
        end = time.monotonic() + 120
        while is_open(client, session) and time.monotonic() < end:
            time.sleep(0.1)
        assert not is_open(client, session)
        assert resident(engine) - before < 500e6


def is_open(client: Client, session: str) -> bool:
    return session in {info.session for info in client.ask(ListSessions(), deadline=10).sessions}


def test_headers_that_lie_are_told_or_dropped(client: Client) -> None:
    line = client._line
    for message in (
        LockFrames(((-(10**7), 10**7),)),
        AddReference(FIRST, (PaintedMatte(255, "empty"),)),
    ):
        line.send(Envelope(message, new_id(), session="ab" * 16), None)
    with pytest.raises(UnknownSession):
        client.ask(GetSession(), "cd" * 16)
    line.send(Envelope(Done(), new_id(), parent=new_id()), None)
    client.ask(Ping(), deadline=5)


def test_ranges_of_millions_take_no_memory(client: Client, engine: Engine, place: Path) -> None:
    session = opened(client, place / "plate", workspace="ranges", objects=0)
    before = resident(engine)
    huge = tuple((-(10**7), 10**7) for _ in range(10_000))
    assert client.ask(LockFrames(huge), session).ranges == ((1001, 1003),)
    with pytest.raises(UsageError, match="more than"):
        client.ask(OpenClip(SentClip(huge, 64, 64), workspace="huge"))
    assert resident(engine) - before < 100e6


@pytest.mark.parametrize(
    "name",
    ["..", ".", "../x", "a/b", "/etc", "/absolute/x", "a/../../x", "a\\..\\..\\x/..", "link"],
)
def test_projects_stay_in_the_workspace(client: Client, place: Path, name: str) -> None:
    link = place / "projects" / "link"
    if not link.is_symlink():
        (place / "outside").mkdir()
        link.symlink_to(place / "outside")
    with pytest.raises(PathRefused):
        client.ask(OpenClip(PathClip(str(place / "plate")), workspace=name))
    with pytest.raises((PathRefused, NotFound)):
        client.ask(AttachSession(str(place / "projects" / name)), "ab" * 16)
    assert not any((place / "outside").iterdir())


@pytest.mark.parametrize(
    ("folder", "pattern"),
    [
        ("/etc", "{frame}"),
        ("projects/out", "../../{frame}"),
        ("projects/out", "/tmp/{frame}"),
        ("projects/out/../../elsewhere", "{frame}"),
        ("projects/link", "{frame}"),
        ("projects/out", "{frame.__class__}"),
        ("projects/out", "{0.__class__}{frame}"),
        ("relative", "{frame}"),
    ],
)
def test_exports_stay_where_they_may_be(
    client: Client, place: Path, folder: str, pattern: str
) -> None:
    session = painted_session_once(client, place)
    link = place / "projects" / "link"
    if not link.is_symlink():
        (place / "outside").mkdir()
        link.symlink_to(place / "outside")
    target = folder if folder.startswith(("/", "rel")) else str(place / folder)
    with pytest.raises((PathRefused, UsageError)):
        client.ask(Export(target, pattern), session)
    assert not (place / "elsewhere").exists()


def painted_session_once(client: Client, place: Path) -> str:
    session = opened(client, place / "plate", workspace="exports", objects=0)
    if not client.ask(GetSession(), session).objects:
        client.ask(AddObject("../../evil"), session)
        told = PaintedMatte(1, "painted", raw_matte(SHOT.matte(0)))
        client.ask(AddReference(FIRST, (told,)), session)
    return session


def test_an_object_s_name_makes_no_path(client: Client, place: Path) -> None:
    session = painted_session_once(client, place)
    client.ask(Export(str(place / "projects" / "named"), "{object}/{frame}", "png"), session)
    end = time.monotonic() + 20
    while not list((place / "projects" / "named").rglob("*.png")) and time.monotonic() < end:
        time.sleep(0.02)
    (written,) = (place / "projects" / "named").rglob("*.png")
    assert written.parent.parent == place / "projects" / "named"


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header claims many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(10_000_000), 9)
    magic = b"\x89PNG\r\n\x1a\n"
    return magic + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_decompression_bombs_are_refused_unread(
    client: Client, engine: Engine, place: Path
) -> None:
    session = opened(client, place / "plate", workspace="bombs")
    before = resident(engine)
    for size in ((100_000, 100_000), (2**31 - 1, 2**31 - 1), (20_000, 20_000)):
        told = PaintedMatte(1, "painted", EncodedImage("png", bomb(*size)))
        with pytest.raises(BadMask):
            client.ask(AddReference(FIRST, (told,)), session)
    assert resident(engine) - before < 200e6


@pytest.mark.parametrize("path", ["/dev/zero", "/etc/passwd", "/proc/self/mem", "/"])
def test_paths_that_are_no_pictures_are_refused(client: Client, place: Path, path: str) -> None:
    session = opened(client, place / "plate", workspace="paths", objects=0)
    if not client.ask(GetSession(), session).objects:
        client.ask(AddObject("one"), session)
    told = PaintedMatte(1, "painted", PathImage(path))
    with pytest.raises(BadMask):
        client.ask(AddReference(FIRST, (told,)), session)
    with pytest.raises(XmemppError):
        client.ask(OpenClip(PathClip(path), workspace="no-clip"))


def test_other_users_can_not_read_what_opens_the_engine(engine: Engine) -> None:
    assert engine.file.stat().st_mode & 0o077 == 0


def test_a_painted_session_still_works(client: Client, place: Path) -> None:
    assert painted_session(client, place / "plate", SHOT, workspace="after-all-that")
