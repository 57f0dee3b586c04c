# SPDX-License-Identifier: Apache-2.0
"""Painted masks: every way to store them, told apart by evidence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its own manual uses
import pytest
from PIL import Image as PillowImage

from engine_server.media import MaskSet, Palette, Plate, open_plate, read_masks
from engine_server.media.palette import DAVIS_PALETTE
from engine_server.media.write import write_index_png, write_soft_png
from shared.errors import BadMask, NoReferences, NotFound

HEIGHT, WIDTH = 96, 128


@pytest.fixture
def plate(tmp_path: Path) -> Plate:
    folder = tmp_path / "plate"
    folder.mkdir()
    for frame in range(1001, 1006):
        picture = PillowImage.new("RGB", (WIDTH, HEIGHT), (90, 90, 90))
        picture.save(folder / f"plate.{frame}.png")
    return open_plate(folder)


def disc(x: float, y: float, radius: float, *, soft: float = 0.0) -> np.ndarray:
    """A disc, H x W in 0..1; its edge is a ramp ``soft`` pixels wide."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    distance = radius - np.hypot(columns - x, rows - y)
    return (distance > 0) * 1.0 if soft == 0 else np.clip(distance / soft + 0.5, 0, 1)


def label_map(labels: Sequence[int], *, radius: float = 5.0) -> np.ndarray:
    """A disc for each label on a grid, H x W uint8."""
    result = np.zeros((HEIGHT, WIDTH), np.uint8)
    for index, label in enumerate(labels):
        x, y = 8 + 16 * (index % 8), 8 + 16 * (index // 8)
        result[disc(x, y, radius) > 0] = label
    return result


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels[..., ::-1] if pixels.ndim == 3 else pixels)
    return path


def save_rgba(path: Path, rgb: np.ndarray, alpha: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(np.dstack([rgb, alpha])).save(path)


def save_exr(path: Path, channels: dict[str, np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    spec = oiio.ImageSpec(WIDTH, HEIGHT, len(channels), "half")
    spec.channelnames = tuple(channels)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec)
    assert output.write_image(np.dstack(list(channels.values())).astype(np.float32))
    output.close()


def read(tmp_path: Path, plate: Plate) -> MaskSet:
    return read_masks(tmp_path / "masks", plate)


def labels_of(masks: MaskSet, frame: int = 1001) -> list[int]:
    """Labels that are seen in a frame."""
    return [label for label, matte in masks.frames[frame].items() if matte.any()]


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


# ---- colours ----------------------------------------------------------------------------


def paint(parts: Sequence[tuple[np.ndarray, tuple[int, int, int]]]) -> np.ndarray:
    """Lay mattes in colours over black, the later on top."""
    picture = np.zeros((HEIGHT, WIDTH, 3))
    for matte, colour in parts:
        picture = picture * (1 - matte[..., None]) + matte[..., None] * np.array(colour)
    return np.rint(picture).astype(np.uint8)


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


@pytest.mark.parametrize("name", ["plate.1003.png", "1003.png", "mask_v2_1003.png", "x 01003.png"])
def test_the_frame_is_in_the_name(tmp_path: Path, plate: Plate, name: str) -> None:
    save(tmp_path / "masks" / name, label_map([1]))
    assert list(read(tmp_path, plate).frames) == [1003]


def test_stems_match_where_plates_have_no_numbers(tmp_path: Path) -> None:
    for name in ("alpha", "beta", "gamma"):
        save(tmp_path / "plate" / f"{name}.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    save(tmp_path / "masks" / "beta.png", label_map([1]))
    assert list(read(tmp_path, open_plate(tmp_path / "plate")).frames) == [1]


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
