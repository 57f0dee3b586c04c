# SPDX-License-Identifier: Apache-2.0
"""PNGs of other programs, read by the Blender add-on in a thread."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from ..addon import addon_part

reader = addon_part("png_reader")
errors = addon_part("shared.errors")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def expected(pixels: np.ndarray, row: int, column: int, kind: int) -> np.ndarray:
    """What a filter adds to, byte by byte, by the definition of the format."""
    nothing = np.zeros(pixels.shape[2], int)
    left = pixels[row, column - 1].astype(int) if column else nothing
    above = pixels[row - 1, column].astype(int) if row else nothing
    corner = pixels[row - 1, column - 1].astype(int) if row and column else nothing
    guess = left + above - corner
    off = [abs(guess - one) for one in (left, above, corner)]
    nearest = np.where(off[1] <= off[2], above, corner)
    nearest = np.where((off[0] <= off[1]) & (off[0] <= off[2]), left, nearest)
    return (nothing, left, above, (left + above) // 2, nearest)[kind]


def written(pixels: np.ndarray, filters: list[int]) -> bytes:
    """A file, with a filter for each row."""
    height, width, channels = pixels.shape
    depth = 8 * pixels.itemsize
    flat = pixels.astype(f">u{pixels.itemsize}").view(np.uint8).reshape(height, width, -1)
    lines = b""
    for row, kind in enumerate(filters):
        line = [flat[row, x] - expected(flat, row, x, kind) for x in range(width)]
        lines += bytes([kind]) + np.array(line).astype(np.uint8).tobytes()
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    packed = zlib.compress(lines)
    half = len(packed) // 2
    parts = [chunk(b"IHDR", head), chunk(b"tEXt", b"made\0by hand")]
    parts += [chunk(b"IDAT", packed[:half]), chunk(b"IDAT", packed[half:]), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@st.composite
def pictures(draw: st.DrawFn) -> tuple[np.ndarray, list[int]]:
    """Pixels of any kind, and a filter for each row."""
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4)))
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    pixels = random.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    return pixels, draw(st.lists(st.integers(0, 4), min_size=shape[0], max_size=shape[0]))


@settings(max_examples=150, deadline=None)
@given(pictures())
def test_every_filter_is_taken_back(picture: tuple[np.ndarray, list[int]]) -> None:
    pixels, filters = picture
    data = written(pixels, filters)
    header = reader.header_of(io.BytesIO(data))
    assert (header.height, header.width, header.channels) == pixels.shape
    assert np.array_equal(reader._pixels(data, header), pixels)


def test_alpha_counts_where_it_says_something() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (7, 5, 4), np.uint8)
    for alpha, is_alpha in ((pixels[..., 3], True), (np.full((7, 5), 255, np.uint8), False)):
        data = written(np.dstack([pixels[..., :3], alpha]), [4] * 7)
        matte, told = reader.matte_in_png(data, reader.header_of(io.BytesIO(data)))
        assert told is is_alpha
        assert np.array_equal(matte, alpha if is_alpha else pixels[..., :3].max(axis=2))


def test_what_it_does_not_read_stays_with_blender() -> None:
    grey = PillowImage.fromarray(np.zeros((4, 4), np.uint8))
    for picture, form, options in (
        (grey.convert("P"), "PNG", {}),
        (grey.convert("1"), "PNG", {}),
        (grey, "PNG", {"transparency": 3}),
        (grey, "JPEG", {}),
    ):
        file = io.BytesIO()
        picture.save(file, form, **options)
        file.seek(0)
        assert reader.header_of(file) is None
    assert reader.header_of(io.BytesIO(b"")) is None
    assert reader.header_of(io.BytesIO(b"\x89PNG\r\n\x1a\n\0")) is None


def test_a_broken_file_is_told() -> None:
    data = written(np.zeros((30, 30, 3), np.uint8), [1] * 30)
    header = reader.header_of(io.BytesIO(data))
    for broken in (data[:60], data[:-40], data.replace(b"IDAT", b"JUNK")):
        with pytest.raises(errors.BadMask):
            reader.matte_in_png(broken, header)
