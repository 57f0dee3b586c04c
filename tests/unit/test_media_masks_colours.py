# SPDX-License-Identifier: Apache-2.0
"""Painted masks as colours, alpha and OpenEXR layers."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from engine_server.media import Plate, read_masks
from engine_server.media.palette import DAVIS_PALETTE
from shared.errors import BadMask
from tests.unit.mask_files import (
    HEIGHT,
    WIDTH,
    disc,
    label_map,
    labels_of,
    paint,
    read,
    save,
    save_exr,
    save_rgba,
)

# ---- colours ----------------------------------------------------------------------------


def test_colours_are_objects_red_green_blue(tmp_path: Path, plate: Plate) -> None:
    one, two, three = disc(25, 30, 12), disc(64, 60, 20), disc(105, 30, 12)
    picture = paint([(one, (0, 0, 255)), (two, (255, 0, 0)), (three, (0, 255, 0))])
    save(tmp_path / "masks" / "1001.png", picture)
    masks = read(tmp_path, plate)
    assert dict(masks.palette.colours) == {1: (255, 0, 0), 2: (0, 255, 0), 3: (0, 0, 255)}
    for label, wanted in ((1, two), (2, three), (3, one)):
        assert np.array_equal(masks.frames[1001][label], wanted)


@pytest.mark.parametrize("soft", [1.5, 3.0, 10.0])
@pytest.mark.parametrize("colour", [(255, 0, 0), (37, 201, 99), (255, 255, 0)])
def test_a_smooth_edge_of_one_colour_is_never_another_object(
    tmp_path: Path, plate: Plate, soft: float, colour: tuple[int, int, int]
) -> None:
    painted = disc(60, 45, 30, soft=soft)
    save(tmp_path / "masks" / "1001.png", paint([(painted, colour)]))
    masks = read(tmp_path, plate)
    assert labels_of(masks) == [1]
    assert masks.palette.colour(1) == colour
    assert np.abs(masks.frames[1001][1] - painted).max() < 0.01


@pytest.mark.parametrize("third", [False, True])
def test_overlapping_mattes_in_the_channels_of_a_picture(
    tmp_path: Path, plate: Plate, third: bool
) -> None:
    """As compositing programs pack them: nothing covers anything."""
    mattes = [disc(40, 45, 30, soft=16), disc(96, 45, 30, soft=20)]
    mattes += [disc(40, 84, 10, soft=3)] * third
    planes = [*mattes, np.zeros((HEIGHT, WIDTH))][:3]
    save(tmp_path / "masks" / "1001.png", np.rint(np.dstack(planes) * 255).astype(np.uint8))
    masks = read(tmp_path, plate)
    assert labels_of(masks) == list(range(1, len(mattes) + 1))
    for label, matte in enumerate(mattes, start=1):
        assert np.abs(masks.frames[1001][label] - matte).max() < 0.01


def channels(*mattes: np.ndarray, white: int = 255) -> np.ndarray:
    """Mattes in the channels of a picture, red first, H x W x 3."""
    planes = [*mattes, *[np.zeros((HEIGHT, WIDTH))] * 2][:3]
    return np.rint(np.dstack(planes) * white).astype(np.uint8)


@pytest.mark.parametrize("white", [255, 200])
@pytest.mark.parametrize("soft", [0, 2])
def test_solid_mattes_that_overlap_in_channels_are_doubted(
    tmp_path: Path, plate: Plate, white: int, soft: float
) -> None:
    apart = channels(disc(30, 45, 20, soft=soft), disc(96, 45, 20, soft=soft), white=white)
    over = channels(disc(50, 45, 30, soft=soft), disc(80, 45, 30, soft=soft), white=white)
    save(tmp_path / "masks" / "1001.png", apart)
    save(tmp_path / "masks" / "1003.png", over)
    save(tmp_path / "masks" / "1004.png", over)
    masks = read(tmp_path, plate)
    assert len(masks.names) == 3
    (told,) = masks.warnings
    yellow = next(
        label for label, colour in masks.palette.colours.items() if colour[1] and colour[0]
    )
    rest = sorted(set(masks.names) - {yellow})
    assert f"{tmp_path / 'masks' / '1003.png'}' has the colour ({white}, {white}, 0)" in told
    assert f"read as {masks.names[yellow]}, an object of its own" in told
    assert f"overlap of {masks.names[rest[0]]} and {masks.names[rest[1]]}." in told


def test_white_of_a_grey_mask_beside_coloured_ones(tmp_path: Path, plate: Plate) -> None:
    parts = [(disc(20 + 30 * i, 20, 9), tuple(255 * (i == c) for c in range(3))) for i in range(3)]
    save(tmp_path / "masks" / "1001.png", paint(parts))
    save(tmp_path / "masks" / "1002.png", np.uint8(disc(60, 45, 20) * 255))
    (told,) = read(tmp_path, plate).warnings
    assert "1002.png' has the colour (255, 255, 255)" in told


def test_white_is_doubted_where_all_three_channels_are_painted(
    tmp_path: Path, plate: Plate
) -> None:
    parts = [(disc(20 + 30 * i, 20, 9), tuple(255 * (i == c) for c in range(3))) for i in range(3)]
    save(tmp_path / "masks" / "1001.png", paint([*parts, (disc(60, 70, 12), (255, 255, 255))]))
    (told,) = read(tmp_path, plate).warnings
    assert "object_02 and object_03 and object_04" in told


@pytest.mark.parametrize(
    "colours",
    [
        [(128, 0, 0), (0, 128, 0), (128, 128, 0)],  # of DAVIS
        [(255, 0, 0), (255, 255, 0)],
        [(255, 0, 0), (0, 255, 0), (200, 255, 0)],
        [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 128, 64)],
    ],
)
def test_colours_that_can_be_no_overlap_are_not_doubted(
    tmp_path: Path, plate: Plate, colours: list[tuple[int, int, int]]
) -> None:
    parts = [(disc(18 + 30 * i, 45, 12), colour) for i, colour in enumerate(colours)]
    save(tmp_path / "masks" / "1001.png", paint(parts))
    masks = read(tmp_path, plate)
    assert len(masks.names) == len(colours)
    assert masks.warnings == ()


def test_a_folder_for_each_object_leaves_no_doubt(tmp_path: Path, plate: Plate) -> None:
    picture = channels(disc(50, 45, 30), disc(80, 45, 30))
    save(tmp_path / "masks" / "hero" / "1001.png", picture)
    assert read(tmp_path, plate).warnings == ()


def test_a_thin_yellow_object_is_no_overlap_of_channels(tmp_path: Path, plate: Plate) -> None:
    line = np.zeros((HEIGHT, WIDTH))
    line[40, 20:110] = 1
    parts = [(disc(40, 45, 30, soft=2), (255, 0, 0)), (disc(90, 45, 25, soft=2), (0, 255, 0))]
    save(tmp_path / "masks" / "1001.png", paint([*parts, (line, (255, 255, 0))]))
    masks = read(tmp_path, plate)
    assert sorted(masks.palette.colours.values()) == [(0, 255, 0), (255, 0, 0), (255, 255, 0)]


def test_smooth_edges_between_two_objects_are_shared(tmp_path: Path, plate: Plate) -> None:
    back, front = disc(50, 45, 30, soft=3), disc(80, 45, 25, soft=3)
    save(tmp_path / "masks" / "1001.png", paint([(back, (255, 0, 0)), (front, (0, 0, 255))]))
    masks = read(tmp_path, plate)
    assert labels_of(masks) == [1, 2]
    assert np.abs(masks.frames[1001][2] - front).mean() < 0.01
    assert np.abs(masks.frames[1001][1] - back * (1 - front)).mean() < 0.01


def test_davis_colours_get_davis_labels(tmp_path: Path, plate: Plate) -> None:
    wanted = [1, 2, 3, 9, 22]
    labels = label_map(wanted)
    save(tmp_path / "masks" / "1001.png", np.array(DAVIS_PALETTE, np.uint8)[labels])
    masks = read(tmp_path, plate)
    assert labels_of(masks) == wanted
    assert all(np.array_equal(masks.frames[1001][label], labels == label) for label in wanted)


def test_thirty_colours(tmp_path: Path, plate: Plate) -> None:
    labels = label_map(range(1, 31))
    save(tmp_path / "masks" / "1001.png", np.array(DAVIS_PALETTE, np.uint8)[labels])
    assert labels_of(read(tmp_path, plate)) == list(range(1, 31))


@pytest.mark.parametrize("blur", [0.7, 1.5, 2.5])
def test_thirty_colours_with_blurred_edges(tmp_path: Path, plate: Plate, blur: float) -> None:
    labels = label_map(range(1, 31)).repeat(4, 0).repeat(4, 1)
    colours = np.array(DAVIS_PALETTE, np.uint8)[labels]
    save(tmp_path / "masks" / "1001.png", cv2.GaussianBlur(colours, (0, 0), blur))
    masks = read(tmp_path, plate)
    assert labels_of(masks) == list(range(1, 31))


def test_a_blur_of_one_colour_so_wide_that_it_bands(tmp_path: Path, plate: Plate) -> None:
    wide = cv2.resize(disc(60, 45, 30, soft=30), (1280, 960), interpolation=cv2.INTER_LINEAR)
    colours = np.rint(wide[..., None] * (0, 255, 128)).astype(np.uint8)
    save(tmp_path / "masks" / "1001.png", colours)
    masks = read(tmp_path, plate)
    assert labels_of(masks) == [1]
    assert masks.palette.colour(1) == (0, 255, 128)


def test_thin_coloured_lines_are_objects(tmp_path: Path, plate: Plate) -> None:
    picture = paint([(disc(60, 45, 25), (255, 0, 0))])
    picture[80, 10:90] = (0, 255, 0)
    save(tmp_path / "masks" / "1001.png", picture)
    assert labels_of(read(tmp_path, plate)) == [1, 2]


def test_a_colour_seen_in_another_frame_only(tmp_path: Path, plate: Plate) -> None:
    save(tmp_path / "masks" / "1001.png", paint([(disc(60, 45, 20), (255, 0, 0))]))
    save(tmp_path / "masks" / "1002.png", paint([(disc(60, 45, 20), (0, 255, 0))]))
    save(tmp_path / "masks" / "1003.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    masks = read(tmp_path, plate)
    assert [labels_of(masks, frame) for frame in (1001, 1002, 1003)] == [[1], [2], []]
    assert sorted(masks.frames[1003]) == [1, 2]


def test_coloured_jpeg_masks(tmp_path: Path, plate: Plate) -> None:
    picture = paint([(disc(35, 45, 25), (255, 0, 0)), (disc(95, 45, 25), (0, 255, 0))])
    PillowImage.fromarray(picture).save(_folder(tmp_path) / "1001.jpg", quality=90)
    masks = read(tmp_path, plate)
    assert labels_of(masks) == [1, 2]
    assert np.abs(masks.frames[1001][1] - disc(35, 45, 25)).mean() < 0.02


def test_a_photograph_is_not_a_mask(tmp_path: Path, plate: Plate) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    save(tmp_path / "masks" / "1001.png", cv2.resize(noise, (WIDTH, HEIGHT)))
    with pytest.raises(BadMask, match=r"1001\.png' looks like a picture"):
        read(tmp_path, plate)


# ---- alpha and OpenEXR ------------------------------------------------------------------------


def _folder(tmp_path: Path) -> Path:
    (tmp_path / "masks").mkdir(exist_ok=True)
    return tmp_path / "masks"


@pytest.mark.parametrize("kind", ["white", "black", "picture"])
def test_alpha_carries_the_matte(tmp_path: Path, plate: Plate, kind: str) -> None:
    rng = np.random.default_rng(1)
    rgb = {
        "white": np.full((HEIGHT, WIDTH, 3), 255, np.uint8),
        "black": np.zeros((HEIGHT, WIDTH, 3), np.uint8),
        "picture": rng.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8),
    }[kind]
    alpha = np.rint(disc(60, 45, 30, soft=6) * 255).astype(np.uint8)
    save_rgba(tmp_path / "masks" / "1001.png", rgb, alpha)
    masks = read(tmp_path, plate)
    assert labels_of(masks) == [1]
    assert np.array_equal(masks.frames[1001][1], alpha / np.float32(255))


def test_several_colours_with_alpha_are_objects(tmp_path: Path, plate: Plate) -> None:
    one, two = disc(35, 45, 25, soft=3), disc(95, 45, 25, soft=3)
    rgb = np.where((one > two)[..., None], (255, 0, 0), (0, 255, 0)).astype(np.uint8)
    save_rgba(tmp_path / "masks" / "1001.png", rgb, np.rint((one + two) * 255).astype(np.uint8))
    masks = read(tmp_path, plate)
    assert labels_of(masks) == [1, 2]
    assert np.abs(masks.frames[1001][1] - one).max() < 0.02


def test_full_alpha_says_nothing(tmp_path: Path, plate: Plate) -> None:
    rgb = paint([(disc(60, 45, 25), (255, 0, 0))])
    save_rgba(tmp_path / "masks" / "1001.png", rgb, np.full((HEIGHT, WIDTH), 255, np.uint8))
    assert np.array_equal(read(tmp_path, plate).frames[1001][1], disc(60, 45, 25))


def test_exr_alpha_grey_and_hostile_values(tmp_path: Path, plate: Plate) -> None:
    matte = disc(60, 45, 30, soft=6)
    grey = matte.copy()
    grey[0, :3] = np.nan, -5, np.inf
    save_exr(tmp_path / "masks" / "1001.exr", {"Y": grey})
    found = read(tmp_path, plate).frames[1001][1]
    assert found[0, :3].tolist() == [0, 0, 1]
    assert np.abs(found - matte)[1:].max() < 1e-3
    folder = tmp_path / "other"
    rgba = {"R": matte * 0.2, "G": matte * 0.4, "B": matte, "A": matte}
    save_exr(folder / "1001.exr", rgba)
    assert np.abs(read_masks(folder, plate).frames[1001][1] - matte).max() < 1e-3


def test_exr_labels_as_whole_floats(tmp_path: Path, plate: Plate) -> None:
    save_exr(tmp_path / "masks" / "1001.exr", {"Y": label_map([1, 2, 30]).astype(float)})
    assert labels_of(read(tmp_path, plate)) == [1, 2, 30]


def test_layered_exr_has_named_objects(tmp_path: Path, plate: Plate) -> None:
    hero, car = disc(30, 45, 20, soft=4), disc(95, 45, 20, soft=4)
    channels = {"R": hero, "G": hero, "B": hero, "hero.alpha": hero, "car.alpha": car}
    save_exr(tmp_path / "masks" / "1001.exr", channels)
    masks = read(tmp_path, plate)
    assert masks.names == {1: "car", 2: "hero"}
    assert np.abs(masks.frames[1001][2] - hero).max() < 1e-3
