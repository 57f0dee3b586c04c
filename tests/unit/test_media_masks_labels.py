# SPDX-License-Identifier: Apache-2.0
"""Painted masks as labels and grey: told apart by evidence."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from engine_server.media import Palette, Plate
from engine_server.media.write import write_index_png
from tests.unit.mask_files import (
    HEIGHT,
    WIDTH,
    disc,
    label_map,
    labels_of,
    read,
    save,
)

# ---- palette ---------------------------------------------------------------------------


def test_palette_masks_are_labels_with_their_colours(tmp_path: Path, plate: Plate) -> None:
    colours = Palette({1: (10, 20, 30), 5: (200, 0, 9)})
    labels = label_map([1, 5])
    write_index_png(tmp_path / "masks" / "plate.1001.png", labels, colours)
    masks = read(tmp_path, plate)
    assert labels_of(masks) == [1, 5]
    assert masks.palette.colour(5) == (200, 0, 9)
    assert masks.names == {1: "object_01", 5: "object_05"}
    assert masks.warnings == ()
    matte = masks.frames[1001][5]
    assert matte.dtype == np.float32
    assert np.array_equal(matte, labels == 5)


def test_thirty_objects_and_label_255(tmp_path: Path, plate: Plate) -> None:
    wanted = [*range(1, 30), 255]
    write_index_png(tmp_path / "masks" / "1001.png", label_map(wanted), Palette())
    assert labels_of(read(tmp_path, plate)) == wanted


def test_a_label_that_a_picture_lacks_is_not_seen_there(tmp_path: Path, plate: Plate) -> None:
    write_index_png(tmp_path / "masks" / "1001.png", label_map([1, 2]), Palette())
    write_index_png(tmp_path / "masks" / "1003.png", label_map([2]), Palette())
    masks = read(tmp_path, plate)
    assert list(masks.frames) == [1001, 1003]
    assert sorted(masks.frames[1003]) == [1, 2]
    assert not masks.frames[1003][1].any()


def test_a_palette_of_shades_is_one_soft_object(tmp_path: Path, plate: Plate) -> None:
    soft = disc(60, 45, 30, soft=8)
    rgb = np.rint(soft[..., None] * (255, 0, 0)).astype(np.uint8)
    (tmp_path / "masks").mkdir()
    PillowImage.fromarray(rgb).quantize(64).save(tmp_path / "masks" / "1001.png")
    masks = read(tmp_path, plate)
    assert labels_of(masks) == [1]
    assert np.abs(masks.frames[1001][1] - soft).max() < 0.1


def test_a_palette_whose_background_is_not_index_0(tmp_path: Path, plate: Plate) -> None:
    labels = 1 - label_map([1])
    picture = PillowImage.fromarray(labels)
    picture.putpalette(bytes([0, 200, 0, 0, 0, 0]))
    (tmp_path / "masks").mkdir()
    picture.save(tmp_path / "masks" / "1001.png")
    masks = read(tmp_path, plate)
    assert np.array_equal(masks.frames[1001][1], labels == 0)
    assert masks.palette.colour(1) == (0, 200, 0)


def test_a_grey_ramp_palette_is_grey(tmp_path: Path, plate: Plate) -> None:
    soft = np.rint(disc(60, 45, 30, soft=8) * 255).astype(np.uint8)
    picture = PillowImage.fromarray(soft)
    picture.putpalette(bytes(np.repeat(np.arange(256), 3).astype(np.uint8)))
    (tmp_path / "masks").mkdir()
    picture.save(tmp_path / "masks" / "1001.png")
    assert np.array_equal(read(tmp_path, plate).frames[1001][1], soft.astype(np.float32) / 255)


# ---- grey: labels or one soft object? -----------------------------------------------------


@pytest.mark.parametrize("soft", [1.5, 3.0, 12.0, 60.0])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_soft_grey_mask_is_one_object(
    tmp_path: Path, plate: Plate, soft: float, bits: int
) -> None:
    full = 2**bits - 1
    painted = np.rint(disc(60, 45, 30, soft=soft) * full).astype(f"uint{bits}")
    save(tmp_path / "masks" / "1001.png", painted)
    masks = read(tmp_path, plate)
    assert labels_of(masks) == [1]
    assert np.array_equal(masks.frames[1001][1], painted / np.float32(full))
    assert masks.palette.colour(1) == (255, 255, 255)


def test_a_blur_so_wide_that_it_bands_is_one_object(tmp_path: Path, plate: Plate) -> None:
    ramp = np.repeat(np.arange(0, 32, dtype=np.uint8) * 8 + 7, 4)[None, :].repeat(HEIGHT, 0)
    smooth = cv2.resize(ramp, (2048, 256), interpolation=cv2.INTER_LINEAR)
    save(tmp_path / "masks" / "1001.png", smooth)
    assert labels_of(read(tmp_path, plate)) == [1]


def test_a_glass_of_half_opacity_with_smooth_edges_is_one_object(
    tmp_path: Path, plate: Plate
) -> None:
    painted = np.maximum(disc(40, 45, 25, soft=3) * 0.5, disc(85, 45, 20, soft=3))
    save(tmp_path / "masks" / "1001.png", np.rint(painted * 255).astype(np.uint8))
    assert labels_of(read(tmp_path, plate)) == [1]


@pytest.mark.parametrize("value", [255, 65535])
def test_black_and_white_is_one_object(tmp_path: Path, plate: Plate, value: int) -> None:
    dtype = np.uint8 if value == 255 else np.uint16
    save(tmp_path / "masks" / "1001.png", (disc(60, 45, 30) * value).astype(dtype))
    masks = read(tmp_path, plate)
    assert labels_of(masks) == [1]
    assert masks.frames[1001][1].max() == 1.0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    "wanted",
    [[1], [2], [1, 2], [1, 2, 3], [3, 7], list(range(1, 31)), [1, 200], [254], [85, 170, 255]],
    ids=str,
)
def test_grey_indexes_are_labels(
    tmp_path: Path, plate: Plate, wanted: list[int], dtype: type
) -> None:
    painted = label_map(wanted).astype(dtype)
    save(tmp_path / "masks" / "1001.png", painted)
    masks = read(tmp_path, plate)
    assert labels_of(masks) == wanted
    assert all(np.array_equal(masks.frames[1001][label], painted == label) for label in wanted)


def test_labels_that_touch_in_order_are_not_a_ramp(tmp_path: Path, plate: Plate) -> None:
    stripes = np.zeros((HEIGHT, WIDTH), np.uint8)
    stripes[10:80, :120] = np.repeat(np.arange(1, 31), 4)
    save(tmp_path / "masks" / "1001.png", stripes)
    assert labels_of(read(tmp_path, plate)) == list(range(1, 31))


def test_thin_labels_are_labels(tmp_path: Path, plate: Plate) -> None:
    thin = np.zeros((HEIGHT, WIDTH), np.uint8)
    for label in (1, 2, 3):
        thin[label * 20 : label * 20 + 2, 10:100] = label
    save(tmp_path / "masks" / "1001.png", thin)
    assert labels_of(read(tmp_path, plate)) == [1, 2, 3]


def test_what_one_picture_can_not_tell_the_set_tells(tmp_path: Path, plate: Plate) -> None:
    save(tmp_path / "masks" / "1001.png", (disc(60, 45, 30) * 255).astype(np.uint8))
    save(tmp_path / "masks" / "1002.png", label_map([85, 170, 255]))
    masks = read(tmp_path, plate)
    assert labels_of(masks, 1001) == [255]
    assert labels_of(masks, 1002) == [85, 170, 255]


def test_a_grey_jpeg_is_one_object_without_ringing(tmp_path: Path, plate: Plate) -> None:
    painted = (disc(60, 45, 30, soft=2) * 255).astype(np.uint8)
    save(tmp_path / "masks" / "1001.jpg", painted)
    matte = read(tmp_path, plate).frames[1001][1]
    assert set(np.unique(matte[disc(60, 45, 36) == 0])) == {0.0}
    assert set(np.unique(matte[disc(60, 45, 24) == 1])) == {1.0}
