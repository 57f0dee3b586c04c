# SPDX-License-Identifier: Apache-2.0
"""Results on disk: exact, whole or not there at all, and fit to look at."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from engine_server.media import (
    Palette,
    draw_contact_sheet,
    draw_overlay,
    read_confidence,
    write_atomically,
    write_confidence,
    write_contact_sheet,
    write_index_png,
    write_overlay,
    write_soft_png,
)
from engine_server.media.overlay import overlay_colour
from engine_server.media.palette import DAVIS_PALETTE
from engine_server.media.write import encode_soft_png
from shared.errors import OutputUnwritable

VIEW = np.full((60, 80, 3), 100, np.uint8)
LABELS = np.zeros((60, 80), np.uint8)
LABELS[10:40, 10:30] = 1
LABELS[20:50, 30:70] = 2


def test_the_davis_palette() -> None:
    assert DAVIS_PALETTE[:4] == ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0))
    assert DAVIS_PALETTE[8] == (64, 0, 0)
    assert DAVIS_PALETTE[255] == (224, 224, 192)
    assert len(set(DAVIS_PALETTE)) == 256


def test_index_png_in_the_palette_of_the_input(tmp_path: Path) -> None:
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    write_index_png(tmp_path / "new" / "ä b.png", labels, Palette({7: (1, 2, 3)}))
    with PillowImage.open(tmp_path / "new" / "ä b.png") as picture:
        assert picture.mode == "P"
        assert np.array_equal(np.asarray(picture), labels)
        colours = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert colours[7].tolist() == [1, 2, 3]
    assert colours[8].tolist() == list(DAVIS_PALETTE[8])


def test_soft_png_is_16_bit(tmp_path: Path) -> None:
    matte = np.linspace(0, 1, 80 * 60, dtype=np.float32).reshape(60, 80)
    write_soft_png(tmp_path / "a.png", matte)
    stored = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    assert np.abs(stored - matte.astype(np.float64) * 65535).max() < 0.51


@given(st.floats(width=32))
def test_no_matte_value_wraps(value: float) -> None:
    data = encode_soft_png(np.full((2, 2), value, np.float32))
    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    wanted = 0.0 if np.isnan(value) else min(max(value, 0.0), 1.0)
    assert abs(int(stored[0, 0]) - wanted * 65535) <= 0.51


def test_overlay_tints_outlines_and_leaves_the_rest(tmp_path: Path) -> None:
    shown = draw_overlay(VIEW, LABELS, Palette())
    assert shown.shape == VIEW.shape
    assert shown.dtype == np.uint8
    assert (shown[:8] == 100).all(), "far from objects nothing changes"
    assert shown[25, 20, 0] > shown[25, 20, 1], "inside it is tinted"
    assert tuple(shown[10, 20]) == overlay_colour(1, Palette()), "the outline has full colour"
    assert tuple(shown[30, 30]) == overlay_colour(2, Palette()), "also where objects touch"
    assert (VIEW == 100).all(), "the view is not drawn on"
    write_overlay(tmp_path / "a.jpg", VIEW, LABELS, Palette())
    with PillowImage.open(tmp_path / "a.jpg") as picture:
        assert picture.size == (80, 60)


def test_overlay_of_nothing_and_of_everything() -> None:
    assert np.array_equal(draw_overlay(VIEW, np.zeros_like(LABELS), Palette()), VIEW)
    assert not np.array_equal(draw_overlay(VIEW, np.ones_like(LABELS), Palette()), VIEW)
    tiny = np.full((1, 1, 3), 9, np.uint8)
    assert draw_overlay(tiny, np.ones((1, 1), np.uint8), Palette()).shape == (1, 1, 3)


def test_overlay_takes_a_read_only_view() -> None:
    view = VIEW.copy()
    view.flags.writeable = False
    draw_overlay(view, LABELS, Palette())


@pytest.mark.parametrize("label", range(1, 256))
def test_overlay_colours_can_be_seen(label: int) -> None:
    for palette in (Palette(), Palette({label: (255, 255, 255)}), Palette({label: (1, 1, 1)})):
        red, green, blue = overlay_colour(label, palette)
        assert max(red, green, blue) >= 200


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("umask", [0o022, 0o027, 0o002])
def test_files_have_the_permissions_of_new_files(tmp_path: Path, umask: int) -> None:
    """Of the umask as it is now, not as it was when the module was loaded."""
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "a.png", b"data")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o666 & ~umask


def test_confidence_csv(tmp_path: Path) -> None:
    path = tmp_path / "confidence.csv"
    rows = [(1001, "plate.1001", {1: 0.98765, 2: None}), (1002, "plate.1002", {1: 1.0})]
    write_confidence(path, rows, {1: "hero, left", 2: "car"})
    with path.open(newline="", encoding="utf-8") as file:
        table = list(csv.reader(file))
    assert table == [
        ["frame", "stem", "hero, left", "car"],
        ["1001", "plate.1001", "0.9877", ""],
        ["1002", "plate.1002", "1.0000", ""],
    ]


def test_confidence_of_objects_named_like_other_columns(tmp_path: Path) -> None:
    path = tmp_path / "confidence.csv"
    names = {1: "frame", 2: "stem", 3: "object:frame", 4: "object_04", 5: ""}
    rows = [(7, "a.7", {label: label / 10 for label in names}), (8, "a.8", {2: None})]
    write_confidence(path, rows, names)
    head = path.read_text(encoding="utf-8").splitlines()[0].split(",")
    assert len(set(head)) == len(head)
    assert read_confidence(path) == {7: {names[i]: i / 10 for i in names}, 8: {}}


@pytest.mark.parametrize(
    "content", [b"", b"frame,stem\n1\n", b"a,b\n", b"frame,stem,x\n1,a,high\n", b"\xff\xfe\0"]
)
def test_what_is_no_confidence_curve_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "confidence.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"\w"):
        read_confidence(path)


WRITERS: list[Callable[[Path], None]] = [
    lambda path: write_index_png(path, LABELS, Palette()),
    lambda path: write_soft_png(path, LABELS.astype(np.float32)),
    lambda path: write_overlay(path, VIEW, LABELS, Palette()),
    lambda path: write_confidence(path, [], {}),
    lambda path: write_contact_sheet(path, [[("1", VIEW)]]),
]


@pytest.mark.parametrize("writer", WRITERS)
def test_what_can_not_be_written_is_named(tmp_path: Path, writer: Callable[[Path], None]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputUnwritable, match=r"file/a\.png' can't be written"):
        writer(tmp_path / "file" / "a.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputUnwritable, match=r"folder\.png"):
        writer(tmp_path / "folder.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]


def test_a_failed_write_leaves_the_old_file_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    write_atomically(path, b"old")

    def fail(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputUnwritable, match=r"a\.bin' can't be written: No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows syncs no folders")
def test_a_durable_write_waits_for_the_file_and_every_new_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    path = tmp_path / "new" / "inner" / "a.bin"
    write_atomically(path, b"x", durable=True)
    places = [path, path.parent, path.parent.parent, tmp_path]
    assert synced == [place.stat().st_ino for place in places]
    synced.clear()
    write_atomically(path, b"y", durable=True)
    assert synced == [place.stat().st_ino for place in places[:3]]
    write_atomically(path, b"z")
    assert len(synced) == 3


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_files_have_ordinary_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_atomically(tmp_path / "ours", b"x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_contact_sheet(tmp_path: Path) -> None:
    rows = [[(f"frame {i}", VIEW) for i in range(3)], [("a very long name " * 9, VIEW[:30])]]
    sheet = draw_contact_sheet(rows, width=40)
    assert sheet.shape == (10 + 30 + 34 + 15 + 34, 10 + 3 * 50, 3)
    assert (sheet[15, 15] == 100).all()
    for name in ("a.png", "a.jpg"):
        write_contact_sheet(tmp_path / name, rows)
        with PillowImage.open(tmp_path / name) as picture:
            assert picture.size[0] == 10 + 3 * 330
    with pytest.raises(ValueError, match="at least one"):
        draw_contact_sheet([[]])
