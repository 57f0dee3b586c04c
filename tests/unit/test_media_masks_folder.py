# SPDX-License-Identifier: Apache-2.0
"""Painted masks in folders: names, sizes, a folder for each object, errors."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from engine_server.media import Palette, Plate, open_plate, read_masks
from engine_server.media.write import write_index_png, write_soft_png
from shared.errors import BadMask, NoReferences, NotFound
from tests.unit.mask_files import (
    HEIGHT,
    WIDTH,
    disc,
    label_map,
    paint,
    read,
    save,
)

# ---- folder for each object -------------------------------------------------------------------


def test_a_folder_for_each_object_and_not_told(tmp_path: Path, plate: Plate) -> None:
    soft = disc(60, 45, 30, soft=5)
    write_soft_png(tmp_path / "masks" / "hero" / "plate.1001.png", soft)
    write_soft_png(tmp_path / "masks" / "hero" / "plate.1003.png", np.zeros((HEIGHT, WIDTH)))
    write_soft_png(tmp_path / "masks" / "car" / "plate.1003.png", soft)
    masks = read(tmp_path, plate)
    assert masks.names == {1: "car", 2: "hero"}
    assert sorted(masks.frames[1001]) == [2], "the car is not told in frame 1001"
    assert sorted(masks.frames[1003]) == [1, 2]
    assert not masks.frames[1003][2].any(), "the hero is not seen in frame 1003"
    assert np.abs(masks.frames[1001][2] - soft).max() < 1e-4


def test_numbered_object_folders_keep_their_labels(tmp_path: Path, plate: Plate) -> None:
    for name in ("object_02", "object_10"):
        write_soft_png(tmp_path / "masks" / name / "1001.png", disc(60, 45, 30))
    assert read(tmp_path, plate).names == {2: "object_02", 10: "object_10"}


def test_any_kind_in_an_object_folder_is_that_object(tmp_path: Path, plate: Plate) -> None:
    write_index_png(tmp_path / "masks" / "a" / "1001.png", label_map([3]), Palette())
    save(tmp_path / "masks" / "b" / "1001.png", paint([(disc(60, 45, 20), (0, 99, 0))]))
    masks = read(tmp_path, plate)
    assert np.array_equal(masks.frames[1001][1], label_map([3]) > 0)
    assert np.array_equal(masks.frames[1001][2], disc(60, 45, 20))


def test_an_empty_object_is_warned_of(tmp_path: Path, plate: Plate) -> None:
    write_soft_png(tmp_path / "masks" / "a" / "1001.png", disc(60, 45, 30))
    write_soft_png(tmp_path / "masks" / "b" / "1001.png", np.zeros((HEIGHT, WIDTH)))
    masks = read(tmp_path, plate)
    assert not masks.frames[1001][2].any()
    assert any("'b' is empty" in warning for warning in masks.warnings)


# ---- names, sizes, errors ----------------------------------------------------------------------


NAMES = ["plate.1003", "1003", "mask_v2_1003", "x 01003", "plate.1003_v2", "plate.1003_v1001"]


@pytest.mark.parametrize("name", [f"{stem}.png" for stem in [*NAMES, "hero_1003_v2"]])
def test_the_frame_is_in_the_name(tmp_path: Path, plate: Plate, name: str) -> None:
    save(tmp_path / "masks" / name, label_map([1]))
    assert list(read(tmp_path, plate).frames) == [1003]


def test_stems_match_where_plates_have_no_numbers(tmp_path: Path) -> None:
    for name in ("alpha", "beta", "gamma"):
        save(tmp_path / "plate" / f"{name}.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    save(tmp_path / "masks" / "beta.png", label_map([1]))
    assert list(read(tmp_path, open_plate(tmp_path / "plate")).frames) == [1]


def test_a_longer_number_is_another_frame(tmp_path: Path) -> None:
    for frame in (1, 2, 10):
        save(tmp_path / "plate" / f"f{frame}.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    for name in ("f10", "f1_v2"):
        save(tmp_path / "masks" / f"{name}.png", label_map([1]))
    assert list(read(tmp_path, open_plate(tmp_path / "plate")).frames) == [1, 10]


def test_a_mask_of_no_frame_is_ignored_with_a_warning(tmp_path: Path, plate: Plate) -> None:
    for name in ("1001.png", "2000.png", "notes.png"):
        save(tmp_path / "masks" / name, label_map([1]))
    masks = read(tmp_path, plate)
    assert list(masks.frames) == [1001]
    assert any("2000.png' is of frame 2000" in warning for warning in masks.warnings)
    assert any("notes.png' has no frame number" in warning for warning in masks.warnings)


def test_two_masks_of_one_frame_are_refused_by_name(tmp_path: Path, plate: Plate) -> None:
    save(tmp_path / "masks" / "a.1001.png", label_map([1]))
    save(tmp_path / "masks" / "b.1001.png", label_map([1]))
    with pytest.raises(BadMask, match=r"'a\.1001\.png' and 'b\.1001\.png'.*frame 1001"):
        read(tmp_path, plate)


@pytest.mark.parametrize("factor", [2, 3])
def test_labels_of_another_size_stay_hard(tmp_path: Path, plate: Plate, factor: int) -> None:
    small = label_map([1, 2, 3])
    large = small.repeat(factor, 0).repeat(factor, 1)
    write_index_png(tmp_path / "masks" / "1001.png", large, Palette())
    masks = read(tmp_path, plate)
    assert np.array_equal(masks.frames[1001][2], small == 2)
    size = f"{WIDTH * factor} x {HEIGHT * factor}"
    assert any("1001.png" in w and size in w for w in masks.warnings)


@pytest.mark.parametrize("size", [(64, 48), (256, 192), (100, 100)])
def test_soft_masks_of_another_size_stay_soft(
    tmp_path: Path, plate: Plate, size: tuple[int, int]
) -> None:
    soft = disc(60, 45, 30, soft=8)
    other = cv2.resize(soft, size, interpolation=cv2.INTER_AREA)
    write_soft_png(tmp_path / "masks" / "1001.png", other)
    masks = read(tmp_path, plate)
    matte = masks.frames[1001][1]
    assert matte.shape == (HEIGHT, WIDTH)
    assert np.abs(matte - soft).mean() < 0.01
    assert len(masks.warnings) == 1


def test_no_masks(tmp_path: Path, plate: Plate) -> None:
    with pytest.raises(NotFound, match="no folder of masks"):
        read(tmp_path, plate)
    (tmp_path / "masks").mkdir()
    with pytest.raises(NoReferences, match="There are no masks in"):
        read(tmp_path, plate)
    save(tmp_path / "masks" / "7.png", label_map([1]))
    with pytest.raises(NoReferences, match=r"None of the masks .* 1001 to 1005"):
        read(tmp_path, plate)


@pytest.mark.parametrize("channels", [1, 3])
def test_nothing_painted_in_any_mask(tmp_path: Path, plate: Plate, channels: int) -> None:
    shape = (HEIGHT, WIDTH) if channels == 1 else (HEIGHT, WIDTH, 3)
    save(tmp_path / "masks" / "1001.png", np.zeros(shape, np.uint8))
    with pytest.raises(NoReferences, match="are empty") as error:
        read(tmp_path, plate)
    assert "Paint the object" in error.value.hint


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n broken"])
@pytest.mark.parametrize("ending", ["png", "jpg", "exr", "tif"])
def test_an_unreadable_mask_is_named(
    tmp_path: Path, plate: Plate, content: bytes, ending: str
) -> None:
    save(tmp_path / "masks" / "1001.png", label_map([1]))
    (tmp_path / "masks" / f"1002.{ending}").write_bytes(content)
    with pytest.raises(BadMask, match=rf"1002\.{ending}' can't be read"):
        read(tmp_path, plate)


def test_a_cut_off_palette_mask_is_named(tmp_path: Path, plate: Plate) -> None:
    write_index_png(tmp_path / "masks" / "1001.png", label_map([1, 2, 3]), Palette())
    data = (tmp_path / "masks" / "1001.png").read_bytes()
    (tmp_path / "masks" / "1001.png").write_bytes(data[:-60])
    with pytest.raises(BadMask, match=r"1001\.png"):
        read(tmp_path, plate)


def test_a_mask_that_vanishes_later_is_named(tmp_path: Path, plate: Plate) -> None:
    path = save(tmp_path / "masks" / "1001.png", label_map([1]))
    masks = read(tmp_path, plate)
    path.unlink()
    with pytest.raises(BadMask, match="missing"):
        masks.frames[1001]
    with pytest.raises(KeyError):
        masks.frames[1002]


def test_a_single_file_and_a_spaced_folder(tmp_path: Path, plate: Plate) -> None:
    path = save(tmp_path / "gemalte Masken ä" / "plate.1002.png", label_map([1]))
    assert list(read_masks(path, plate).frames) == [1002]
    assert list(read_masks(path.parent, plate).frames) == [1002]


def test_folders_beside_masks_are_mentioned(tmp_path: Path, plate: Plate) -> None:
    save(tmp_path / "masks" / "1001.png", label_map([1]))
    save(tmp_path / "masks" / "old" / "1001.png", label_map([1]))
    assert any("are ignored" in warning for warning in read(tmp_path, plate).warnings)


def test_reading_back_what_was_written(tmp_path: Path, plate: Plate) -> None:
    palette, labels = Palette({1: (255, 255, 255)}), label_map([1, 2])
    for frame in plate.frames:
        write_index_png(tmp_path / "masks" / f"{plate.stem(frame)}.png", labels, palette)
    masks = read(tmp_path, plate)
    assert tuple(masks.frames) == plate.frames
    assert masks.palette.colour(1) == (255, 255, 255)
    assert all(np.array_equal(masks.frames[1004][label], labels == label) for label in (1, 2))
