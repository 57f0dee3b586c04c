# SPDX-License-Identifier: Apache-2.0
"""Training data: what is read, what clips are made of, what may not be among it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.errors import NotFound, UsageError
from training import leak_check, shapes
from training.augment import affine, degrade, light, line_blur, random_look, sample_maps
from training.data import load_shots, load_stills, split_shots
from training.drawn import draw_training_set
from training.hints import ShotFlow
from training.layers import cut_sprite, paste, random_path, split_by_curve, strung
from training.sampler import ClipSampler, SamplerConfig

SIZE = 64


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_training_set(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="module")
def sampler(drawn: Path) -> ClipSampler:
    config = SamplerConfig(size=SIZE, clips=2, frames=3)
    return ClipSampler(load_shots(drawn), load_stills(drawn), config)


def test_shots_are_read_with_their_labels(drawn: Path) -> None:
    shots = load_shots(drawn)
    assert [(shot.name, shot.frames.shape, shot.labels) for shot in shots] == [
        ("shot0", (8, 80, 96, 3), (1,)),
        ("shot1", (8, 80, 96, 3), (1, 2)),
    ]
    assert shots[0].frames[0, 30, 14, 0] > 200, "the disc is red: channels are RGB"


def test_large_frames_are_reduced(drawn: Path) -> None:
    assert load_shots(drawn, short_side=40)[0].frames.shape == (8, 40, 48, 3)


def test_permissive_training_takes_permissive_sets_alone(drawn: Path) -> None:
    assert {still.source for still in load_stills(drawn)} == {"drawn", "other"}
    assert {still.source for still in load_stills(drawn, licence="permissive")} == {"drawn"}
    assert load_shots(drawn, licence="permissive") == []
    with pytest.raises(UsageError):
        load_stills(drawn, licence="most")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="stills"):
        load_stills(tmp_path)


def test_held_out_shots_are_not_trained_on(drawn: Path) -> None:
    trained, aside = split_shots(load_shots(drawn), ["shot1"])
    assert [s.name for s in trained] == ["shot0"]
    assert [s.name for s in aside] == ["shot1"]


@pytest.mark.parametrize("objects", [1, 2, 3])
@pytest.mark.parametrize("kind", ["video_clip", "still_clip"])
def test_clips_have_the_targets_asked_for(sampler: ClipSampler, kind: str, objects: int) -> None:
    clip = getattr(sampler, kind)(np.random.default_rng(objects), objects, 2)
    assert clip.frames.shape == (3, SIZE, SIZE, 3)
    assert clip.masks.shape == (3, objects, SIZE, SIZE)
    assert clip.masks.sum(1, dtype=int).max() <= 255 + 3, "targets share no pixel"
    if clip.hints is not None:
        assert clip.hints.shape == (3, objects, 4, SIZE, SIZE)
        assert not clip.hints[:2].any(), "references need no hints"


def test_some_reference_shows_every_target(sampler: ClipSampler) -> None:
    rng = np.random.default_rng(3)
    for _ in range(10):
        batch = sampler.batch(rng)
        seen = (batch.masks[:, : batch.references] > 127).sum((3, 4)).max(1)
        assert seen.min() >= 100


def test_the_same_seed_draws_the_same_clips(sampler: ClipSampler) -> None:
    first, second = (sampler.batch(np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first.frames, second.frames)
    assert np.array_equal(first.masks, second.masks)


def test_the_target_follows_the_colour_it_was_cut_with(drawn: Path) -> None:
    """Red discs over dull noise: where a still's target is, red leads, whatever the view."""
    still = load_stills(drawn)[0]
    clear = ClipSampler([], [still], SamplerConfig(size=SIZE, frames=3))
    planes = (np.uint8(255) * (still.mask == 1),)
    for image, (plane,) in clear._moving_scenes(np.random.default_rng(2), still, planes):
        red = image[..., 0].astype(int) - image[..., 1]
        assert red[plane > 250].mean() > 100 > 40 > red[plane == 0].mean()


def test_affine_brings_the_centre_to_the_middle() -> None:
    matrix = affine(np.array([30.0, 20.0]), 32.0, 64, angle=0.4, flip=True)
    x, y = sample_maps(matrix, 64)
    assert x[31:33, 31:33].mean() == pytest.approx(30, abs=1e-3)
    assert y[31:33, 31:33].mean() == pytest.approx(20, abs=1e-3)


def test_sharpening_steepens_an_edge() -> None:
    image = np.repeat(np.linspace(60, 180, 32).astype(np.uint8)[None, :, None], 3, 2)
    image = np.repeat(np.where(image < 120, 80, 160).astype(np.uint8), 32, 0)
    sharp = degrade(np.random.default_rng(0), image, "sharpen", 0.5)
    assert sharp.min() < 80
    assert sharp.max() > 160


def test_after_a_cut_nothing_of_the_target_is_there(drawn: Path) -> None:
    config = SamplerConfig(size=SIZE, clips=1, frames=3, cut_share=1.0, hint_share=1.0)
    cutting = ClipSampler(load_shots(drawn), load_stills(drawn), config)
    batch = cutting.batch(np.random.default_rng(3))
    gone = [t for t in range(batch.references, 3) if not batch.masks[0, t].any()]
    assert gone
    assert not batch.hints[0, gone].any()
    assert batch.masks[0, : batch.references].any()


def test_drawn_shapes_have_masks_to_the_pixel(tmp_path: Path) -> None:
    assert shapes.main([str(tmp_path / "stills/drawn"), "--count", "3"]) == 0
    stills = load_stills(tmp_path, licence="permissive")
    assert 1 <= len(stills) <= 3
    image, mask = shapes.draw_still(np.random.default_rng(5), 96, 128)
    assert image.shape == (96, 128, 3)
    assert mask.shape == (96, 128)
    assert mask.max() >= 1
    again = shapes.draw_still(np.random.default_rng(5), 96, 128)
    assert np.array_equal(image, again[0])


def test_a_neutral_look_changes_nothing() -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    assert (
        np.abs(random_look(np.random.default_rng(1), 0.0).apply(image).astype(int) - image).max()
        <= 1
    )


@pytest.mark.parametrize("kind", ["blur", "sharpen", "noise", "jpeg"])
def test_faults_keep_the_mean(kind: str) -> None:
    image = np.full((32, 32, 3), 120, np.uint8)
    changed = degrade(np.random.default_rng(0), image, kind, 0.8)
    assert changed.shape == image.shape
    assert abs(float(changed.mean()) - 120) < 3


def test_uneven_light_and_motion_blur_keep_the_shape() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    assert light(np.random.default_rng(0), image, 0.3).shape == image.shape
    blurred = line_blur(image, np.array([9.0, 0.0]))
    assert blurred.astype(int).std() < image.astype(int).std()


def test_parts_make_up_the_object() -> None:
    coverage = cv2.circle(np.zeros((50, 50), np.uint8), (25, 25), 18, 255, -1)
    splits = [split_by_curve(np.random.default_rng(seed), coverage) for seed in range(20)]
    found = [split for split in splits if split is not None]
    assert found, "most lines leave two sides of a fair size"
    for first, second in found:
        assert np.array_equal(first + second, coverage)
        assert not np.any(first & second)


def test_strands_belong_to_the_part_that_they_are_tied_to() -> None:
    coverage = np.zeros((60, 50), np.uint8)
    coverage[20:40, 15:35] = 255
    sprite = cut_sprite(np.full((60, 50, 3), 90, np.uint8), coverage, (coverage,))
    tied = strung(np.random.default_rng(4), sprite)
    grown = np.count_nonzero(tied.parts[0] > 127) - np.count_nonzero(sprite.parts[0] > 127)
    assert 10 < grown < 400
    assert np.array_equal(tied.parts[0] > 127, tied.pixels[..., 3] > 127)


def test_flow_tells_where_the_target_went(drawn: Path) -> None:
    shot = load_shots(drawn)[0]
    flow = ShotFlow(shot)
    planes = flow.hints([1, 5], 3, (1,))
    found, truth = planes[0, 0] > 127, shot.masks[3] == 1
    assert (found & truth).sum() / (found | truth).sum() > 0.7
    assert not ShotFlow(shot, reach=1).hints([1, 5], 3, (1,)).any()


def test_a_sprite_covers_what_was_drawn_before() -> None:
    image, coverage = np.full((20, 20, 3), 200, np.uint8), np.full((20, 20), 255, np.uint8)
    path = random_path(np.random.default_rng(0), SIZE, calm=0.0)
    sprite = cut_sprite(image, coverage, (coverage,))
    canvas, before = np.zeros((SIZE, SIZE, 3), np.uint8), np.full((SIZE, SIZE), 255, np.uint8)
    drawn, (under, over) = paste(canvas, [before], sprite, path, 0.5, 1.0)
    assert over.max() == 255
    assert np.abs(under.astype(int) + over - 255).max() <= 2
    assert drawn[over == 255].min() >= 195


def test_a_copied_frame_is_found(drawn: Path, tmp_path: Path) -> None:
    frame = cv2.imread(str(drawn / "video/JPEGImages/shot0/00003.jpg"))
    copies = {
        "clean": np.random.default_rng(9).integers(0, 255, frame.shape),
        "copy": frame[:, ::-1] * 0.8,
    }
    for name, picture in copies.items():
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "0.png"), picture)
    pairs = leak_check.nearest_pairs(drawn, tmp_path)
    assert [pair.validation.parent.name for pair in pairs] == ["copy", "clean"]
    assert pairs[0].correlation > 0.98 > pairs[1].correlation
    assert pairs[0].training.name == "00003.jpg"
    assert leak_check.main([str(drawn), str(tmp_path)]) == 1
