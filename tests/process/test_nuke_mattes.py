# SPDX-License-Identifier: Apache-2.0
"""Painted mattes in Nuke that come from files: as they are where that is what Nuke shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.zygote import Engine
from tests.nuke_fake.plugin import Session
from tests.nuke_fake.render import pull

from .nuke_shot import FIRST, LAST, SIZE, Artist, truth, write_picture


@pytest.fixture
def artist(nuke: Session, engine: Engine, small_plates: Path, tmp_path: Path) -> Artist:
    """With the mattes of one object as files, which all are black but the first."""
    for frame in range(FIRST, LAST + 1):
        seen = truth("creature", frame) * (frame == FIRST)
        colour = np.full((*SIZE[::-1], 3), 0.25, np.float32)
        write_picture(tmp_path / f"m.{frame}.exr", np.dstack([colour, seen]), "RGBA")
        eight = np.rint(seen[..., None] * np.array([255] * 4)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"m.{frame}.png"), eight)
    found = Artist(nuke, small_plates, tmp_path)
    found.node["depth"].setValue("32 bit float")
    found.open(engine)
    return found


def connected(artist: Artist, name: str, **knobs: Any) -> Any:
    """A Read of such files as the matte."""
    folder = Path(artist.nuke.root()["name"].value()).parent
    values = {"file": f"{folder}/{name}", "first": FIRST, "last": LAST, **knobs}
    read = artist.nuke.nodes.Read(**values)
    artist.node.setInput(1, read)
    return read


@pytest.mark.parametrize(
    ("name", "channel", "knobs"),
    [
        ("m.%04d.exr", "rgba.alpha", {}),
        ("m.####.png", "rgba.alpha", {}),
        ("m.%04d.png", "rgba.red", {}),
        ("m.%04d.png", "rgba.red", {"raw": True}),
    ],
)
def test_what_is_sent_is_what_nuke_shows(
    artist: Artist, name: str, channel: str, knobs: dict[str, Any]
) -> None:
    read = connected(artist, name, **knobs)
    artist.run("object_add", name="creature", source=f"matte:{channel}")
    artist.run("reference_add")
    as_it_is = channel == "rgba.alpha"
    assert len(artist.app.rendered) == (not as_it_is)
    told = f"creature: {name[:2]}1001{name[-4:]} as it is" if as_it_is else "creature: rendered, as"
    assert artist.node["sent_as"].value().startswith(told)
    shown = pull(read, FIRST).planes[channel]
    assert shown.any()
    got = artist.downstream(FIRST).planes["creature.alpha"]
    exact = name.endswith("exr")  # 255 steps of a PNG: dividing and multiplying differ in a bit
    assert np.allclose(got, shown, rtol=0, atol=0 if exact else 1e-7)


def test_a_black_file_says_nothing(artist: Artist) -> None:
    """It is told neither as painted nor as not visible."""
    connected(artist, "m.%04d.exr")
    artist.run("object_add", name="creature", source="matte:rgba.alpha")
    artist.nuke.frame(1004)
    with pytest.raises(artist.session.part("shared.errors").NoReferences, match="at frame 1004"):
        artist.run("reference_add")
    assert artist.node["sent_as"].value() == "creature: black, not sent"
    assert artist.app.rendered == []


def test_files_and_paint_together(artist: Artist) -> None:
    """A shifted Read, and another object by the Roto; all can be rendered by the artist's will."""
    connected(artist, "m.%04d.exr", frame_mode="start at", frame=str(FIRST + 4))
    artist.run("object_add", name="creature", source="matte:rgba.alpha")
    artist.run("object_add", name="ball", source="new_input")
    artist.node.setInput(2, artist.roto)
    artist.paint(FIRST + 4, "creature")  # as the alpha of the Roto
    artist.run("reference_add")
    told = artist.node["sent_as"].value()
    assert told.startswith("creature: m.1001.exr as it is; ball: rendered, as it does not come")
    planes = artist.downstream(FIRST + 4).planes
    assert np.array_equal(planes["creature.alpha"], truth("creature", FIRST))
    assert np.array_equal(planes["ball.alpha"], truth("creature", FIRST + 4))
    artist.node["plate_as"].setValue("rendered")
    artist.run("reference_add")
    assert artist.node["sent_as"].value().startswith("creature: rendered, as the knob 'send'")
    again = artist.downstream(FIRST + 4).planes["creature.alpha"]
    assert np.array_equal(again, planes["creature.alpha"])
