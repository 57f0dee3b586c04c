# SPDX-License-Identifier: Apache-2.0
"""Two looks: a small object far off is found closely, and only what is asked is computed."""

from __future__ import annotations

import math
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import torch
from torch import Tensor

from engine_server.network.inference import Runtime, prepare
from engine_server.network.state import load_model
from engine_server.network.weights import default_weights, resolve
from engine_server.session.closeup import RICH, CloseUp
from engine_server.session.extent import Extent
from engine_server.session.region import GRID, Look, Region
from engine_server.session.tracker import Found, Tracker

SIZE = (192, 320)


@pytest.fixture(scope="module")
def looks() -> CloseUp:
    """The embedded network, with a disc painted at frame 1."""
    runtime = Runtime(torch.device("cpu"), torch.float32)
    network = prepare(load_model(resolve(default_weights())), runtime)
    found = CloseUp(network, runtime, [1], size=192)
    assert found.aim(Extent(25 / 192, 0.01))
    found.add_reference(1, scene(60, 80), {1: disc(60, 80)})
    return found


def disc(y: float, x: float, radius: float = 14) -> Tensor:
    """Matte of a disc."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    return torch.from_numpy(
        np.clip(radius + 0.5 - np.hypot(rows - y, columns - x), 0, 1).astype(np.float32)
    )


def scene(y: float, x: float, radius: float = 14) -> Tensor:
    """A red disc over smooth noise."""
    rng = torch.Generator().manual_seed(5)
    noise = torch.rand(1, 3, 12, 20, generator=rng) * 120
    back = torch.nn.functional.interpolate(noise, SIZE, mode="bilinear")[0]
    matte, red = disc(y, x, radius), torch.tensor([230.0, 30.0, 30.0])[:, None, None]
    return (back * (1 - matte) + red * matte).round().to(torch.uint8)


def iou(found: Tensor, true: Tensor) -> float:
    """Of the hard mattes."""
    a, b = found > 0.5, true > 0.5
    return float((a & b).sum() / (a | b).sum())


def test_a_small_object_is_drawn_better_than_by_one_look(looks: CloseUp) -> None:
    once = Tracker(looks.network, looks.detail.runtime, [1])
    once.add_reference(1, scene(60, 80), {1: disc(60, 80)})
    looks.restart()
    closely = iou(looks.step(scene(110, 230))[1], disc(110, 230))
    assert closely > 0.9
    assert closely > iou(once.step(scene(110, 230))[1], disc(110, 230))


def test_where_nothing_is_found_no_second_look_is_taken(looks: CloseUp) -> None:
    looks.restart()
    with (
        mock.patch.object(looks.overview, "see", return_value=Found(nothing())),
        mock.patch.object(looks.detail, "see") as second,
    ):
        planes = looks.step(scene(60, 80))
    assert not second.called
    assert planes.shape == (2, *SIZE)
    assert torch.all(planes[1] == 0)


def test_what_the_first_look_found_can_be_asked_for(looks: CloseUp) -> None:
    looks.restart()
    glance = looks.see(scene(60, 80), None, None, looks.plan()).glance
    assert glance is not None
    assert glance.shape == (2, *SIZE)  # as large as the frame, the object being small
    assert np.allclose(glance.sum(0), 1, atol=1e-5)
    assert glance[1, 60, 80] > 0.5


def test_flow_points_at_what_the_first_look_misses(looks: CloseUp) -> None:
    looks.restart()
    hints = torch.zeros(1, 4, SIZE[0] // 2, SIZE[1] // 2, dtype=torch.uint8)
    hints[0, :2, 40:50, 100:110] = 230
    with (
        mock.patch.object(looks.overview, "see", return_value=Found(nothing())),
        mock.patch.object(looks.detail, "see", wraps=looks.detail.see) as second,
    ):
        looks.step(scene(90, 210), hints=hints)
    (picture, _, shown, _, near), _ = second.call_args
    assert shown.shape[2:] == picture.shape[1:]
    assert int(shown[0, 0].max()) == 230
    assert near.shape == picture.shape[1:]
    assert near.float().mean() > 0.5  # with a margin, of a region that is little more


def test_what_flow_hardly_trusts_points_nowhere(looks: CloseUp) -> None:
    looks.restart()
    hints = torch.zeros(1, 4, SIZE[0] // 2, SIZE[1] // 2, dtype=torch.uint8)
    hints[0, :2, 40:50, 100:110] = 60
    with (
        mock.patch.object(looks.overview, "see", return_value=Found(nothing())),
        mock.patch.object(looks.detail, "see") as second,
    ):
        looks.step(scene(90, 210), hints=hints)
    assert not second.called


def test_an_object_that_is_painted_as_not_there_has_a_region_all_the_same(looks: CloseUp) -> None:
    looks.add_reference(7, scene(500, 500), {1: disc(500, 500)})
    try:
        looks.restart()
        assert iou(looks.step(scene(62, 90))[1], disc(62, 90)) > 0.9
    finally:
        looks.remove_reference(7)
    assert looks.memory.permanent.frames == looks.overview.memory.permanent.frames == (1,)
    with pytest.raises(KeyError):
        looks.remove_reference(7)


def test_an_object_that_the_first_look_sees_a_part_of_is_found_whole(looks: CloseUp) -> None:
    fresh = CloseUp(looks.network, looks.detail.runtime, [1], size=192)
    fresh.add_reference(1, scene(90, 120, 60), {1: disc(90, 120, 60)})
    part = nothing()
    part[0, 40:50, 50:60], part[1, 40:50, 50:60] = 0, 1
    with (
        mock.patch.object(fresh.overview, "see", return_value=Found(part)),
        mock.patch.object(fresh.detail, "see", wraps=fresh.detail.see) as second,
    ):
        planes = fresh.step(scene(100, 160, 60))
    assert second.call_count > 1
    assert iou(planes[1], disc(100, 160, 60)) > 0.95


def test_an_object_that_the_first_look_misses_is_looked_for_where_it_was(looks: CloseUp) -> None:
    looks.restart()
    looks.step(scene(60, 80))
    with mock.patch.object(looks.overview, "see", return_value=Found(nothing(SIZE))):
        assert iou(looks.step(scene(66, 92))[1], disc(66, 92)) > 0.9
        with mock.patch.object(looks.detail, "see", return_value=Found(nothing())) as second:
            looks.step(scene(66, 92))
            looks.step(scene(66, 92))
    assert second.call_count == 2  # there and anywhere, and no more at the frame after


def test_an_object_that_is_where_neither_look_expects_it_is_found_in_the_whole_frame(
    looks: CloseUp,
) -> None:
    fresh = CloseUp(looks.network, looks.detail.runtime, [1], size=192)
    fresh.add_reference(1, scene(60, 60, 30), {1: disc(60, 60, 30)})
    fresh.step(scene(60, 60, 30))
    with mock.patch.object(fresh.overview, "see", return_value=Found(nothing())):
        assert iou(fresh.step(scene(130, 260, 30))[1], disc(130, 260, 30)) > 0.9


def test_what_was_found_closely_stays_where_the_whole_frame_tells_no_more(looks: CloseUp) -> None:
    looks.restart()
    looks.step(scene(60, 80))
    close, whole = Found(nothing(SIZE)), Found(nothing(SIZE))
    with mock.patch.object(looks.detail, "see", side_effect=[close, whole]):
        assert looks.see(scene(60, 80), None, None, looks.plan()).second is close


@pytest.mark.parametrize(("column", "looked"), [(120, 2), (94, 1)])
def test_an_object_that_touched_another_one_is_taken_to_be_behind_it(
    looks: CloseUp, column: int, looked: int
) -> None:
    """It isn't looked for in the whole frame, where the other one may be taken for it."""
    two = CloseUp(looks.network, looks.detail.runtime, [1, 2], size=192)
    before = np.stack([disc(60, x).numpy() > 0.5 for x in (80, column)]).astype(np.uint8)
    plan = replace(two.plan(), before=before)
    second_alone = torch.stack([1 - disc(60, column), 0 * disc(60, column), disc(60, column)])
    with (
        mock.patch.object(two.overview, "see", return_value=Found(second_alone)),
        mock.patch.object(two.detail, "see", return_value=Found(second_alone)) as second,
    ):
        two.see(scene(60, 80), None, None, plan)
    assert second.call_count == looked


def test_where_each_object_was_is_forgotten_before_the_next_sweep(looks: CloseUp) -> None:
    looks.restart()
    looks.step(scene(60, 80))
    looks.restart()
    with (
        mock.patch.object(looks.overview, "see", return_value=Found(nothing(SIZE))),
        mock.patch.object(looks.detail, "see") as second,
    ):
        looks.step(scene(60, 80))
    assert not second.called


def test_what_is_painted_is_what_comes_back(looks: CloseUp) -> None:
    looks.restart()
    planes = looks.step(scene(60, 80), {1: disc(60, 80)})
    assert iou(planes[1], disc(60, 80)) > 0.95
    assert torch.allclose(planes.sum(0), torch.ones(SIZE), atol=1e-5)


def test_small_objects_have_a_larger_first_look(looks: CloseUp) -> None:
    fresh = CloseUp(looks.network, looks.detail.runtime, [1], size=480)
    fresh.add_reference(1, scene(60, 80), {1: disc(60, 80)})
    assert not fresh.aim(Extent(0.1, 0.03))
    assert fresh.memory.permanent.frames == (1,)
    assert fresh.aim(Extent(0.01, 0.03))
    assert fresh.memory.permanent.frames == ()
    assert not fresh.aim(Extent(0, 0))


@pytest.mark.parametrize(
    ("smallest", "thinnest", "grid"),
    [
        (0.01, 0.03, (30, 40)),
        (0.06, 0.03, (21, 28)),
        (0.1, 0.03, (15, 20)),
        (0.2, 0.03, (11, 14)),
        (0.2, 0.015, (15, 20)),  # thin
        (0.4, 0.1, (11, 14)),
    ],
)
def test_the_first_look_is_as_large_as_the_smallest_object_needs(
    looks: CloseUp, smallest: float, thinnest: float, grid: tuple[int, int]
) -> None:
    fresh = CloseUp(looks.network, looks.detail.runtime, [1], size=480)
    fresh.aim(Extent(smallest, thinnest))
    plate = torch.zeros(3, 480, 640, dtype=torch.uint8)
    assert tuple(fresh.features(plate).key.shape[2:]) == grid


def test_thick_objects_are_not_enlarged(looks: CloseUp) -> None:
    def zoom(thinnest: float, plate: tuple[int, int] = SIZE) -> float:
        looks.aim(Extent(25 / 192, thinnest))
        size = looks._second(Region(50, 80, 60, 90), plate)
        return size.size[0] / size.region.size[0]

    try:
        assert zoom(0.1) == 2
        assert zoom(0.18) == pytest.approx(2**0.5, abs=0.02)
        assert zoom(0.3) == 1
        assert zoom(0.3, (384, 640)) == 1  # no more than the plate's own pixels, but those
    finally:
        looks.aim(Extent(25 / 192, 0.06))
        looks.add_reference(1, scene(60, 80), {1: disc(60, 80)})


@pytest.mark.parametrize(
    ("thinnest", "plate", "margin"),
    [
        (0.3, (480, 640), 48),
        (0.04, (480, 640), 24),  # twice as near
        (0.3, (240, 320), 24),  # a tenth of a small plate
        (0.3, (960, 1280), 48),  # its own pixels
        (0.3, (1920, 2560), 96),  # half of its own pixels
    ],
)
def test_the_margin_is_in_network_pixels(
    looks: CloseUp, thinnest: float, plate: tuple[int, int], margin: int
) -> None:
    fresh = CloseUp(looks.network, looks.detail.runtime, [1], size=480)
    fresh.aim(Extent(0.2, thinnest))
    middle = Region(plate[0] // 2, plate[0] // 2 + 16, plate[1] // 2, plate[1] // 2 + 16)
    look = fresh._second(middle, plate)
    wide = middle.widened(margin, plate)
    assert look.region.joined(wide) == look.region
    assert max(look.size) < (wide.size[0] + 2) * look.zoom + GRID


def test_margins_are_wider_where_a_large_object_is_seen_from_afar(looks: CloseUp) -> None:
    fresh = CloseUp(looks.network, looks.detail.runtime, [1], size=480)
    fresh.aim(Extent(0.5, 0.3))
    large, plate = Region(400, 1600, 400, 2000), (2160, 2880)
    wide = large.widened(120, plate)  # at 0.4 of its pixels
    region = fresh._second(large, plate).region
    assert region.joined(wide) == region


def test_very_thin_objects_are_drawn_from_more_pixels(looks: CloseUp) -> None:
    fresh = CloseUp(looks.network, looks.detail.runtime, [1], size=480)

    def pixels(thinnest: float) -> float:
        fresh.aim(Extent(0.2, thinnest))
        height, width = fresh._second(Region.whole((480, 640)), (480, 640)).size
        return height * width / (480 * 640)

    assert pixels(11 / 480) == 1
    assert 1.4 < pixels(9 / 480) <= RICH
    fresh.add_reference(1, scene(60, 80), {1: disc(60, 80)})
    assert fresh.aim(Extent(0.2, 11 / 480))  # it is encoded anew
    assert fresh.memory.permanent.frames == ()


def test_keys_are_those_of_the_whole_frame(looks: CloseUp) -> None:
    looks.restart()
    keys = looks.see(scene(60, 80), None, None, looks.plan()).keys
    assert keys is not None
    asked = looks.features(scene(60, 80)).key[0]
    assert asked.shape[1:] == (12, 20)
    assert torch.equal(keys.key, asked)


def test_both_looks_share_network_and_objects(looks: CloseUp) -> None:
    network, objects = looks.network, looks.objects
    looks.objects = [1, 2]
    assert looks.overview.objects == looks.detail.objects == [1, 2]
    looks.objects = objects
    looks.network = network
    assert looks.overview.network is looks.detail.network is network


def test_a_reference_is_in_both_memories_or_in_none(looks: CloseUp) -> None:
    for tracker in (looks.overview, looks.detail):
        failing = mock.patch.object(tracker, "add_reference", side_effect=MemoryError)
        with failing, pytest.raises(MemoryError):
            looks.add_reference(7, scene(90, 90), {1: disc(90, 90)})
        assert looks.memory.permanent.frames == looks.overview.memory.permanent.frames == (1,)


@pytest.mark.parametrize(("radius", "share"), [(14, 0.5), (300, 1.0)])
def test_far_from_what_is_painted_less_is_remembered(radius: float, share: float) -> None:
    """All of the first look, and of the second what lies near the object."""
    runtime = Runtime(torch.device("cpu"), torch.float32)
    looks = CloseUp(load_model(resolve(default_weights())), runtime, [1], size=192)
    with mock.patch.object(Look, "picture", autospec=True, side_effect=Look.picture) as seen:
        looks.add_reference(1, scene(60, 80), {1: disc(60, 80, radius)})
    sizes = [call.args[0].size for call in seen.call_args_list]
    first, second = (math.ceil(h / 16) * math.ceil(w / 16) for h, w in reversed(sizes))
    assert len(looks.overview.memory.permanent) == first
    assert len(looks.memory.permanent) == pytest.approx(share * second, rel=0.25)


def nothing(size: tuple[int, int] = (SIZE[0] // 2, SIZE[1] // 2)) -> Tensor:
    """What a look gives that sees no object."""
    planes = torch.zeros(2, *size)
    planes[0] = 1
    return planes
