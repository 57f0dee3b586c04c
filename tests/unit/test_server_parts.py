# SPDX-License-Identifier: Apache-2.0
"""Parts of the server by themselves: names of files, pictures, queues, the board."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from engine_server.media import read_image
from engine_server.server.board import Board
from engine_server.server.jobs import ranges_of
from engine_server.server.paths import WritablePlaces, absolute, file_name
from engine_server.server.peers import MOST_LOG_LINES, MOST_WAITING, Letter, Peer
from engine_server.server.pictures import file_of_frame, matte_of, picture_message, shrunk
from shared.codec import Envelope, new_id
from shared.errors import BadMask, BadPlate, PathRefused, UsageError
from shared.image import EncodedImage, PathImage, RawImage
from shared.messages import Done, FrameReply, LogLine, MatteReady, Progress
from shared.seal import Sealer

JOB = "ab" * 8
WHAT = "the matte of ball at frame 1"


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("{object}/{clip}_{object}.{frame:04}", "a_b/shot_a_b.0007"),
        ("{frame}", "7"),
        ("{frame:06}", "000007"),
        ("{clip}", "shot"),
    ],
)
def test_file_names(pattern: str, name: str) -> None:
    assert file_name(pattern, clip="shot", frame=7, obj="a/b") == name


@pytest.mark.parametrize(
    "pattern",
    [
        "../{frame}",
        "/{frame}",
        "a//b",
        "{what}",
        "{frame!r}",
        "{frame.real}",
        "{}",
        "a\\b",
        ".",
        "",
    ],
)
def test_file_names_that_are_refused(pattern: str) -> None:
    with pytest.raises(UsageError):
        file_name(pattern, clip="..", frame=7)


def test_a_clip_s_name_leads_nowhere() -> None:
    assert file_name("{clip}/{frame}", clip="../..", frame=1) == "_/1"


def test_places(tmp_path: Path) -> None:
    places = WritablePlaces(tmp_path / "w", [tmp_path / "out"])
    assert places.project("shot").name == "shot"
    assert places.project(str(places.workspace / "shot")).name == "shot"
    places.check_export(tmp_path / "out" / "deep" / "x.exr")
    for path in (tmp_path / "x.exr", tmp_path / "out" / ".." / "x.exr"):
        with pytest.raises(PathRefused):
            places.check_export(path)
    with pytest.raises(PathRefused):
        absolute("plate/x.exr")


# Pictures


def raw(pixels: np.ndarray, channels: tuple[str, ...] = ("A",), **options: Any) -> RawImage:
    data = np.ascontiguousarray(pixels)
    name = data.dtype.newbyteorder("=").name
    space = options.pop("space", "data")
    return RawImage(name, data.shape, channels, space, data.tobytes(), **options)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32"])
@pytest.mark.parametrize("order", ["little", "big"])
def test_raw_mattes_in_every_number_type(dtype: str, order: str) -> None:
    values = np.linspace(0, 1, 12).reshape(3, 4)
    top = 1 if dtype.startswith("f") else np.iinfo(dtype).max
    stored = (values * top).astype(np.dtype(dtype).newbyteorder("<" if order == "little" else ">"))
    matte = matte_of(raw(stored, byte_order=order), (3, 4), WHAT)
    assert matte.dtype == np.float32
    wanted = stored.astype(np.float32) / np.float32(top)
    assert np.array_equal(matte, wanted)


def test_eight_bits_come_back_as_the_same_eight_bits() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    matte = matte_of(raw(pixels), (16, 16), WHAT)
    assert np.array_equal(np.rint(matte * np.float32(255)).astype(np.uint8), pixels)


def test_the_alpha_of_a_file_is_the_matte(tmp_path: Path) -> None:
    pixels = np.zeros((4, 5, 4), np.uint8)
    pixels[..., 3] = 51
    PillowImage.fromarray(pixels).save(tmp_path / "m.png")
    matte = matte_of(PathImage(str(tmp_path / "m.png")), (4, 5), WHAT)
    assert np.allclose(matte, 0.2)
    encoded = EncodedImage("png", (tmp_path / "m.png").read_bytes())
    assert np.array_equal(matte_of(encoded, (4, 5), WHAT), matte)
    with pytest.raises(BadMask, match="5 x 4"):
        matte_of(encoded, (5, 4), WHAT)


@pytest.mark.parametrize(
    ("dtype", "space", "ending"),
    [
        ("uint8", "srgb", ".png"),
        ("uint16", "srgb", ".png"),
        ("float32", "linear", ".exr"),
        ("float16", "acescg", ".exr"),
        ("uint16", "log", ".exr"),
    ],
)
def test_frames_that_are_sent_become_files(
    dtype: str, space: str, ending: str, tmp_path: Path
) -> None:
    values = np.random.default_rng(0).random((4, 5, 3))
    top = 1 if dtype.startswith("f") else np.iinfo(dtype).max
    sent = raw((values * top).astype(dtype), ("R", "G", "B"), space=space)
    data, found = file_of_frame(sent, (4, 5), 7)
    assert found == ending
    (tmp_path / f"x{ending}").write_bytes(data)
    back = read_image(tmp_path / f"x{ending}").rgb().astype(np.float64)
    assert np.abs(back / (1 if ending == ".exr" else np.iinfo(dtype).max) - values).max() < 0.004
    with pytest.raises(BadPlate, match="frame 7"):
        file_of_frame(sent, (5, 5), 7)


def test_pictures_for_replies() -> None:
    pixels = np.random.default_rng(0).random((40, 80)).astype(np.float32)
    image = picture_message(pixels[:, ::2], "raw", channels=("A",), space="data")
    assert isinstance(image, RawImage)
    assert bytes(image.data) == np.ascontiguousarray(pixels[:, ::2]).tobytes()
    assert shrunk(pixels, 20).shape == (10, 20)
    assert shrunk(pixels, 0) is pixels
    assert shrunk(pixels, 800) is pixels


# Queues


def peer() -> Peer:
    return Peer(b"1", Sealer(bytes(32), engine_side=True, client=bytes(16)))


def letter(message: Any) -> Letter:
    parent = new_id() if isinstance(message, (Done, FrameReply)) else None
    return Letter(Envelope(message, new_id(), parent=parent))


def test_a_slow_client_gets_every_reply_and_the_newest_progress() -> None:
    slow = peer()
    slow.post(letter(Done()))
    for n in range(500):
        slow.post(letter(Progress(JOB, "propagate", n, 500, n)))
        slow.post(letter(LogLine("info", "x", "y", 0.0)))
        slow.post(letter(MatteReady(JOB, n, ())))
    kinds = [type(waiting.envelope.message) for waiting in slow.outbox]
    assert kinds.count(Done) == 1
    assert kinds.count(Progress) == 1
    assert kinds.count(MatteReady) == 500
    assert kinds.count(LogLine) <= MOST_LOG_LINES
    newest = next(w.envelope.message for w in slow.outbox if type(w.envelope.message) is Progress)
    assert newest.done == 499  # type: ignore[attr-defined]
    assert not slow.overrun
    for n in range(MOST_WAITING):
        slow.post(letter(MatteReady(JOB, n, ())))
    assert slow.overrun


def test_what_does_not_go_stays_first_and_is_sealed_once() -> None:
    slow, sent = peer(), []
    slow.post(letter(Done()))
    assert not slow.send(lambda name, message: sent.append(message) or False)
    assert slow.send(lambda name, message: sent.append(message) or True)
    assert sent[0] == sent[1]
    assert not slow.outbox


def test_log_levels() -> None:
    client = peer()
    assert not client.wants("error")
    client.level = "warning"
    assert client.wants("error")
    assert not client.wants("info")


def test_the_board_knows_who_has_what() -> None:
    board = Board()
    board.attach("s", b"1")
    board.attach("s", b"2")
    board.attach("t", b"1")
    assert board.clients("s") == {b"1", b"2"}
    assert sorted(board.detach(b"1")) == ["s", "t"]
    assert board.clients("s") == {b"2"}
    assert board.detach(b"3") == []


def test_ranges() -> None:
    assert ranges_of([3, 1, 2, 7]) == ((1, 3), (7, 7))
    assert ranges_of([]) == ()
    assert len(ranges_of(range(0, 50_000, 2))) == 10_000
