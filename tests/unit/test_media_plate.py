# SPDX-License-Identifier: Apache-2.0
"""Plates of still pictures, of every file kind, whole and damaged."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its own manual uses
import pytest
from PIL import Image as PillowImage

from engine_server.media import ViewTransform, open_plate, read_image
from engine_server.media import image as image_module
from engine_server.media.cache import FrameCache
from shared.errors import BadPlate, FrameUnreadable, NotFound, UnknownFrame

HEIGHT, WIDTH = 20, 32


def gradient(dtype: type = np.uint8, channels: int = 3) -> np.ndarray:
    ramp = np.linspace(0, 1, HEIGHT * WIDTH * channels).reshape(HEIGHT, WIDTH, channels)
    return ramp.astype(dtype) if dtype == np.float32 else (ramp * np.iinfo(dtype).max).astype(dtype)


def write(path: Path, pixels: np.ndarray, kind: str = "", **more: Any) -> Path:
    """Write with OpenImageIO; ``more`` are attributes of the specification or metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = {"float32": "float"}
    height, width, channels = pixels.shape
    spec = oiio.ImageSpec(
        width, height, channels, kind or names.get(pixels.dtype.name, pixels.dtype.name)
    )
    for name, value in more.items():
        if hasattr(spec, name):
            setattr(spec, name, value)
        else:
            spec.attribute(name.replace("__", ":"), value)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(pixels), output.geterror()
    output.close()
    return path


@pytest.mark.parametrize("ending", ["png", "tif", "dpx", "bmp"])
def test_lossless_kinds_come_back_exactly(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"a.0001.{ending}", gradient())
    assert np.array_equal(open_plate(path).read(1), gradient())


@pytest.mark.parametrize("ending", ["png", "tif", "dpx"])
def test_16_bit_stays_16_bit(tmp_path: Path, ending: str) -> None:
    plate = open_plate(write(tmp_path / f"a.1.{ending}", gradient(np.uint16)))
    assert plate.read(1).dtype == np.uint16
    assert np.array_equal(plate.read(1), gradient(np.uint16))
    assert np.abs(plate.view(1).astype(int) - gradient(np.uint16) / 257).max() <= 0.5


def test_jpeg_is_near(tmp_path: Path) -> None:
    path = write(tmp_path / "a.1.jpg", gradient(), CompressionQuality=98)
    assert np.abs(open_plate(path).read(1).astype(int) - gradient()).max() < 30
    assert np.array_equal(open_plate(path).read(1), np.asarray(PillowImage.open(path)))


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "exr"])
def test_grey_becomes_three_channels(tmp_path: Path, ending: str) -> None:
    dtype = np.float32 if ending == "exr" else np.uint8
    plate = open_plate(write(tmp_path / f"a.1.{ending}", gradient(dtype, 1)))
    pixels = plate.read(1)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert np.array_equal(pixels[..., 0], pixels[..., 2])


def test_alpha_is_left_out_and_colour_is_not_multiplied(tmp_path: Path) -> None:
    rgba = gradient(np.uint8, 4)
    PillowImage.fromarray(rgba).save(tmp_path / "a.1.png")
    assert np.array_equal(open_plate(tmp_path).read(1), rgba[..., :3])
    alpha = read_image(tmp_path / "a.1.png").alpha()
    assert alpha is not None
    assert np.array_equal(alpha, rgba[..., 3])


def test_palette_and_one_bit_pictures(tmp_path: Path) -> None:
    picture = PillowImage.fromarray(gradient()).quantize(16)
    picture.save(tmp_path / "a.1.png")
    assert np.array_equal(open_plate(tmp_path).read(1), np.asarray(picture.convert("RGB")))
    PillowImage.new("1", (8, 6), 1).save(tmp_path / "bits.png")
    assert (open_plate(tmp_path / "bits.png").read(0) == 255).all()


@pytest.mark.parametrize("kind", ["half", "float"])
def test_exr_goes_through_the_view(tmp_path: Path, kind: str) -> None:
    light = np.array([[[0.18] * 3, [np.nan, -1.0, np.inf], [4.0, 1.0, 0.0]]], np.float32)
    plate = open_plate(write(tmp_path / "a.1001.exr", light, kind))
    assert plate.read(1001).dtype == np.float32
    assert np.isnan(plate.read(1001)[0, 1, 0])
    shown = plate.view(1001)[0].tolist()
    assert shown[0] == [118, 118, 118]
    assert shown[1] == [0, 0, 255]
    assert 255 > shown[2][0] > shown[2][1] > 230
    assert shown[2][2] == 0


def test_exr_channels_are_found_by_name(tmp_path: Path) -> None:
    pixels = np.stack([np.full((4, 5), v, np.float32) for v in (9, 1, 8, 2, 3)], axis=2)
    names = ("Z", "R", "mask.A", "G", "B")
    plate = open_plate(write(tmp_path / "a.1.exr", pixels, channelnames=names))
    assert plate.read(1)[0, 0].tolist() == [1, 2, 3]


def test_exr_with_a_layer_only(tmp_path: Path) -> None:
    pixels = np.stack([np.full((4, 5), v, np.float32) for v in (1, 2, 3)], axis=2)
    names = ("beauty.R", "beauty.G", "beauty.B")
    plate = open_plate(write(tmp_path / "a.1.exr", pixels, channelnames=names))
    assert plate.read(1)[0, 0].tolist() == [1, 2, 3]


def test_exr_part_with_the_picture_is_found(tmp_path: Path) -> None:
    path, parts = tmp_path / "a.1.exr", []
    for name, channels in (("depth", ("Z",)), ("beauty", ("R", "G", "B"))):
        spec = oiio.ImageSpec(5, 4, len(channels), "float")
        spec.channelnames = channels
        spec.attribute("oiio:subimagename", name)
        parts.append(spec)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), parts)
    output.write_image(np.full((4, 5, 1), 7, np.float32))
    output.open(str(path), parts[1], "AppendSubimage")
    output.write_image(np.full((4, 5, 3), 0.5, np.float32))
    output.close()
    assert (open_plate(path).read(1) == 0.5).all()


def test_data_window_inside_the_display_window(tmp_path: Path) -> None:
    window = {"x": 12, "y": 7, "full_x": 10, "full_y": 5, "full_width": 9, "full_height": 8}
    plate = open_plate(write(tmp_path / "a.1.exr", np.ones((3, 4, 3), np.float32), **window))
    assert plate.size == (8, 9)
    wanted = np.zeros((8, 9))
    wanted[2:5, 2:6] = 1
    assert np.array_equal(plate.read(1)[..., 1], wanted)


def test_overscan_is_cropped(tmp_path: Path) -> None:
    pixels = gradient(np.float32)
    window = {"x": -3, "y": -2, "full_x": 0, "full_y": 0, "full_width": 20, "full_height": 10}
    plate = open_plate(write(tmp_path / "a.1.exr", pixels, "float", **window))
    assert plate.size == (10, 20)
    assert np.array_equal(plate.read(1), pixels[2:12, 3:23])


def test_a_data_window_beside_the_display_window_is_black(tmp_path: Path) -> None:
    window = {"x": 100, "y": 0, "full_x": 0, "full_y": 0, "full_width": 20, "full_height": 10}
    plate = open_plate(write(tmp_path / "a.1.exr", np.ones((3, 4, 3), np.float32), **window))
    assert not plate.read(1).any()


def test_encodings_are_taken_from_the_files(tmp_path: Path) -> None:
    log = {"dpx__Transfer": "Printing density", "oiio__BitsPerSample": 10}
    aces = {"chromaticities": (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)}
    wide = gradient(np.uint16)
    assert read_image(write(tmp_path / "log.dpx", wide, **log)).encoding == "log"
    assert read_image(write(tmp_path / "video.dpx", wide)).encoding == "srgb"
    assert read_image(write(tmp_path / "a.png", wide)).encoding == "srgb"
    assert read_image(write(tmp_path / "a.tif", gradient(np.float32))).encoding == "linear"
    assert read_image(write(tmp_path / "a.exr", gradient(np.float32))).encoding == "linear"
    path = tmp_path / "aces.exr"
    spec = oiio.ImageSpec(WIDTH, HEIGHT, 3, "half")
    spec.attribute("chromaticities", oiio.TypeDesc("float[8]"), aces["chromaticities"])
    output = oiio.ImageOutput.create(str(path))
    output.open(str(path), spec)
    output.write_image(gradient(np.float32))
    output.close()
    assert read_image(path).encoding == "acescg"


def test_the_view_can_be_chosen(tmp_path: Path) -> None:
    write(tmp_path / "a.1.exr", np.full((4, 4, 3), 0.5, np.float32))
    assert open_plate(tmp_path, view=ViewTransform(space="srgb")).view(1)[0, 0, 0] == 128


def test_numbers_holes_and_stems(tmp_path: Path) -> None:
    for frame in (1001, 1002, 1005):
        write(tmp_path / f"plate.{frame}.png", gradient())
    plate = open_plate(tmp_path)
    assert plate.frames == (1001, 1002, 1005)
    assert plate.missing == (1003, 1004)
    assert plate.stem(1005) == "plate.1005"
    assert plate.size == (HEIGHT, WIDTH)
    assert list(plate) == [1001, 1002, 1005]
    assert len(plate) == 3
    with pytest.raises(UnknownFrame, match="no frame 1003") as error:
        plate.view(1003)
    assert "1001 to 1005 with 2 missing" in error.value.hint
    with pytest.raises(UnknownFrame):
        plate.stem(7)


@pytest.mark.parametrize("ending", ["jpg", "png", "exr", "dpx", "tif"])
def test_non_ascii_and_spaced_paths(tmp_path: Path, ending: str) -> None:
    dtype = np.float32 if ending == "exr" else np.uint8
    folder = tmp_path / "Schöne Aufnahme 影片"
    write(folder / f"blå tavla.0001.{ending}", gradient(dtype))
    assert open_plate(folder).view(1).shape == (HEIGHT, WIDTH, 3)
    assert open_plate(str(folder / f"blå tavla.%04d.{ending}")).frames == (1,)


@pytest.mark.parametrize("ending", ["jpg", "png", "exr", "dpx", "tif"])
@pytest.mark.parametrize("keep", [0.0, 0.02, 0.6, 0.97])
def test_a_cut_off_frame_is_named_and_the_others_are_read(
    tmp_path: Path, ending: str, keep: float
) -> None:
    pixels = np.random.default_rng(0).random((64, 64, 3), np.float32)
    pixels = pixels if ending == "exr" else (pixels * 255).astype(np.uint8)
    for frame in (1, 2, 3):
        path = write(tmp_path / f"a.{frame}.{ending}", pixels)
    data = path.read_bytes()
    (tmp_path / f"a.2.{ending}").write_bytes(data[: int(len(data) * keep)])
    plate = open_plate(tmp_path)
    with pytest.raises(FrameUnreadable, match=f"Frame 2 .*a.2.{ending}") as error:
        plate.view(2)
    assert error.value.frame == 2
    assert plate.view(1).shape == plate.view(3).shape == (64, 64, 3)


def test_a_frame_that_vanishes_is_unreadable(tmp_path: Path) -> None:
    write(tmp_path / "a.1.png", gradient())
    plate = open_plate(tmp_path)
    (tmp_path / "a.1.png").unlink()
    with pytest.raises(FrameUnreadable, match="missing"):
        plate.read(1)


def test_nothing_readable_is_a_bad_plate(tmp_path: Path) -> None:
    (tmp_path / "a.1.png").write_bytes(b"not a picture")
    with pytest.raises(BadPlate, match=r"No frame of the plate can be read.*a\.1\.png"):
        open_plate(tmp_path)


def test_another_size_names_both_sizes(tmp_path: Path) -> None:
    write(tmp_path / "a.1.png", gradient())
    write(tmp_path / "a.2.png", gradient()[:10, :12].copy())
    with pytest.raises(FrameUnreadable, match="12 x 10 pixels, but the plate is 32 x 20"):
        open_plate(tmp_path).view(2)


def bomb(path: Path, width: int, height: int) -> Path:
    """A small PNG whose header claims a huge picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(100_000)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b""))
    return path


def test_a_decompression_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    path = bomb(tmp_path / "bomb.png", 60_000, 60_000)
    with pytest.raises(BadPlate, match="claims"):
        open_plate(path)


def test_the_cap_is_checked_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.1.jpg", gradient())
    plate = open_plate(path)
    monkeypatch.setattr(image_module, "MAX_PIXELS", 100)
    monkeypatch.setattr(image_module, "_decode_jpeg", lambda path: pytest.fail("decoded"))
    with pytest.raises(FrameUnreadable, match="more than allowed"):
        plate.read(1)


def test_views_are_kept_and_can_not_be_changed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.1.png", gradient())
    plate = open_plate(path)
    first = plate.view(1)
    path.unlink()
    assert plate.view(1) is first
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0, 0] = 1


def test_one_pixel_and_one_frame(tmp_path: Path) -> None:
    plate = open_plate(write(tmp_path / "tiny.png", np.full((1, 1, 3), 9, np.uint8)))
    assert plate.frames == (0,)
    assert plate.missing == ()
    assert plate.view(0).tolist() == [[[9, 9, 9]]]


def test_the_cache_is_bounded() -> None:
    cache = FrameCache(1000)
    for frame in range(5):
        cache.put(frame, np.zeros(400, np.uint8))
    assert [cache.get(f) is not None for f in range(5)] == [False, False, False, True, True]
    cache.get(3)
    cache.put(9, np.zeros(400, np.uint8))
    assert cache.get(3) is not None
    assert cache.get(4) is None
    cache.put(9, np.zeros(600, np.uint8))
    assert cache.get(3) is not None
    assert cache.get(9) is not None
    cache.put(7, np.zeros(2000, np.uint8))
    assert cache.get(7) is None


def test_a_folder_that_may_not_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if nothing was there: hosts send the frames then."""

    def refuse(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(NotFound, match="may not be read"):
        open_plate(tmp_path / "plate.%04d.png")
