# SPDX-License-Identifier: Apache-2.0
"""Movies: frame 0 is the first shown, and any order of reading gives the same pictures."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from engine_server.media import Plate, open_plate
from engine_server.media import movie as movie_module
from shared.errors import BadPlate, FrameUnreadable, UnknownFrame

COUNT, HEIGHT, WIDTH = 60, 48, 64

MOVIES: dict[str, dict[str, Any]] = {
    "long groups.mp4": {"codec": "libx264", "options": {"g": "24", "bf": "3"}},
    "open groups.mkv": {
        "codec": "libx264",
        "options": {"x264-params": "open-gop=1:keyint=12:bframes=3"},
    },
    "intra 10 bit.mov": {"codec": "prores_ks", "pixels": "yuv422p10le"},
    "motion jpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "b frames.avi": {"codec": "mpeg4", "options": {"bf": "2"}},
    "transport.ts": {"codec": "libx264", "options": {"bf": "2"}},
}


def make_movie(path: Path, *, codec: str, pixels: str = "yuv420p", **more: Any) -> Path:
    """A movie whose frame ``i`` is grey ``8 + 4 i``."""
    if codec not in av.codecs_available:
        pytest.skip(f"this build of PyAV has no {codec}")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
        stream.bit_rate = 8_000_000
        stream.options = more.get("options", {})
        for index in range(more.get("count", COUNT)):
            picture = np.full((HEIGHT, WIDTH, 3), 8 + 4 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))
    return path


def shown_index(plate: Plate, frame: int) -> int:
    """Which frame a picture is, by its grey."""
    return round((float(plate.view(frame).mean()) - 8) / 4)


@pytest.mark.parametrize("name", MOVIES)
def test_reading_in_any_order(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_movie(tmp_path / name, **MOVIES[name])
    plate = open_plate(path)
    assert plate.frames == tuple(range(COUNT))
    assert plate.size == (HEIGHT, WIDTH)
    assert [shown_index(plate, frame) for frame in plate.frames] == list(range(COUNT))
    monkeypatch.setattr(movie_module, "_KEPT_BYTES", 3 * HEIGHT * WIDTH * 6)
    order = list(range(COUNT))
    random.Random(1).shuffle(order)
    for frames in (order, list(reversed(range(COUNT)))):
        again = open_plate(path)
        assert [shown_index(again, frame) for frame in frames] == frames


def test_in_order_each_frame_is_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plate = open_plate(make_movie(tmp_path / "a.mp4", codec="libx264", options={"g": "10"}))
    converted = []
    convert = movie_module._to_rgb
    monkeypatch.setattr(
        movie_module, "_to_rgb", lambda picture: (converted.append(1), convert(picture))[1]
    )
    for frame in plate.frames:
        plate.read(frame)
        plate.read(frame)
    assert len(converted) == COUNT


def test_close(tmp_path: Path) -> None:
    plate = open_plate(make_movie(tmp_path / "a.mp4", codec="mpeg4", count=2))
    plate.read(0)
    plate.close()
    plate.close()
    if Path("/proc/self/fd").is_dir():
        held = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
        assert str(tmp_path / "a.mp4") not in held


def test_names(tmp_path: Path) -> None:
    plate = open_plate(make_movie(tmp_path / "Aufnahme ä 1.mp4", codec="mpeg4"))
    assert plate.name == "Aufnahme ä 1"
    assert plate.stem(12) == "frame_000012"
    assert plate.missing == ()
    with pytest.raises(UnknownFrame, match="no frame 60"):
        plate.view(COUNT)
    with pytest.raises(UnknownFrame):
        plate.stem(-1)


def test_more_than_8_bits_are_kept(tmp_path: Path) -> None:
    plate = open_plate(make_movie(tmp_path / "a.mov", codec="prores_ks", pixels="yuv422p10le"))
    assert plate.read(3).dtype == np.uint16
    assert plate.view(3).dtype == np.uint8


def test_one_frame(tmp_path: Path) -> None:
    plate = open_plate(make_movie(tmp_path / "a.mp4", codec="mpeg4", count=1))
    assert plate.frames == (0,)
    assert shown_index(plate, 0) == 0


@pytest.mark.parametrize("content", [b"", b"no movie at all"])
def test_what_is_no_movie_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mov").write_bytes(content)
    with pytest.raises(BadPlate, match=r"a\.mov' is neither a picture nor a movie"):
        open_plate(tmp_path / "a.mov")


def test_sound_alone_is_no_plate(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        sound.rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(BadPlate, match="no pictures in it"):
        open_plate(path)


def test_a_cut_off_movie_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = make_movie(tmp_path / "a.avi", codec="mjpeg", pixels="yuvj420p")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    plate = open_plate(path)
    assert 10 < len(plate) < COUNT
    assert shown_index(plate, 5) == 5


def test_a_damaged_frame_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    path = make_movie(tmp_path / "a.avi", codec="mjpeg", pixels="yuvj420p")
    data = bytearray(path.read_bytes())
    starts = [i for i in range(len(data) - 3) if data[i : i + 3] == b"\xff\xd8\xff"]
    end = starts[8] - 16  # the container's own bytes between two frames stay
    data[starts[7] : end] = bytes(end - starts[7])
    path.write_bytes(bytes(data))
    plate = open_plate(path)
    with pytest.raises(FrameUnreadable, match=r"Frame 7 of .*a\.avi") as error:
        plate.read(7)
    assert error.value.frame == 7
    assert [shown_index(plate, frame) for frame in (6, 8, 20)] == [6, 8, 20]
