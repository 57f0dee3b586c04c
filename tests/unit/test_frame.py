# SPDX-License-Identifier: Apache-2.0
"""Parts of a message in one frame: all of them come back, and nothing else is taken for some."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ProtocolError, TooLarge
from shared.frame import ALIGN, joined, largest_frame, parted
from shared.messages import Limits

LIMITS = Limits()
PARTS = st.lists(st.binary(max_size=100), min_size=1, max_size=20)


@given(PARTS)
def test_parts_come_back(parts: list[bytes]) -> None:
    frame = joined(parts)
    assert [bytes(part) for part in parted([frame], LIMITS)] == parts
    assert len(frame) % ALIGN == 0


@given(PARTS)
def test_parts_are_views_that_begin_at_even_places(parts: list[bytes]) -> None:
    frame = np.frombuffer(joined(parts), np.uint8)
    base = frame.__array_interface__["data"][0]
    for part in parted([frame.data], LIMITS):
        view = np.frombuffer(part, np.uint8)
        place = view.__array_interface__["data"][0] - base
        assert view.size == 0 or (0 < place < frame.size and place % ALIGN == 0)


@given(st.binary(max_size=200))
def test_other_bytes_are_refused_or_are_parts(data: bytes) -> None:
    try:
        parts = parted([data], LIMITS)
    except ProtocolError:
        return
    assert len(joined(parts)) == len(data)


@given(PARTS, st.integers(0, 300))
def test_what_is_cut_short_is_refused(parts: list[bytes], cut: int) -> None:
    frame = joined(parts)
    with pytest.raises(ProtocolError):
        parted([frame[: min(cut, len(frame) - 1)]], LIMITS)


@pytest.mark.parametrize("frames", [[], [joined([b"a", b"b"])] * 2])
def test_a_message_is_one_frame(frames: list[bytes]) -> None:
    with pytest.raises(ProtocolError, match=f"{len(frames)} frames"):
        parted(frames, LIMITS)


def test_many_parts_are_refused_before_their_sizes_are_read() -> None:
    with pytest.raises(TooLarge, match="4294967295 parts"):
        parted([b"\xff" * 8], LIMITS)


def test_the_largest_message_fits() -> None:
    small = Limits(100, 3, 50, 120)
    frame = joined([bytes(76), bytes(small.header_bytes), *[bytes(40)] * 3])
    assert len(frame) <= largest_frame(small)
