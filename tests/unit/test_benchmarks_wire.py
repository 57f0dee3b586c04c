# SPDX-License-Identifier: Apache-2.0
"""The benchmark of raw frames: what arrives is what was sent, and its table is whole."""

from __future__ import annotations

import os

import pytest

from benchmarks import wire
from shared.codec import Envelope
from shared.image import RawImage
from shared.messages import PutFrames


@pytest.mark.parametrize("shared", [True, False])
def test_the_frame_arrives(shared: bool) -> None:
    size = wire.Size("small", 200, 300, "uint16")
    frame = bytearray(os.urandom(size.bytes))
    talk = wire.Conversation()
    try:
        arrived = talk.send(size, frame, shared=shared)
    finally:
        talk.close()
    assert isinstance(arrived, Envelope)
    assert isinstance(arrived.message, PutFrames)
    image = arrived.message.frames[0].image
    assert isinstance(image, RawImage)
    assert bytes(image.data) == frame


def test_the_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    wire.main(["--repeats", "1", "--sizes", "1"])
    shown = capsys.readouterr().out
    for row in ("1080p 8 bit", "plain copy", "shared memory", "sealed part", "CURVE"):
        assert row in shown
