# SPDX-License-Identifier: Apache-2.0
"""Regions and looks: nothing lost, nothing shifted, few sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine_server.session.region import GRID, Look, Region, closest_look

SIZE = (270, 480)


def planes(*boxes: tuple[int, int, int, int], size: tuple[int, int] = SIZE) -> np.ndarray:
    """A plane for each box (top, bottom, left, right), 0.5 inside."""
    found = np.zeros((len(boxes), *size), np.float32)
    for plane, (top, bottom, left, right) in zip(found, boxes, strict=True):
        plane[top:bottom, left:right] = 0.5
    return found


def ramps(size: tuple[int, int], whole: tuple[int, int] = SIZE) -> torch.Tensor:
    """1 x 2 x h x w: where a pixel's middle lies in the whole frame, as shares of it."""
    y = (torch.arange(size[0]) + 0.5) / size[0]
    x = (torch.arange(size[1]) + 0.5) / size[1]
    return torch.stack(torch.meshgrid(y, x, indexing="ij"))[None].float()


@st.composite
def regions(draw: st.DrawFn) -> Region:
    """Any in a picture of SIZE."""
    top, left = draw(st.integers(0, SIZE[0] - 1)), draw(st.integers(0, SIZE[1] - 1))
    bottom, right = draw(st.integers(top + 1, SIZE[0])), draw(st.integers(left + 1, SIZE[1]))
    return Region(top, bottom, left, right)


def test_the_region_of_several_planes() -> None:
    both = planes((10, 20, 30, 40), (15, 60, 5, 35))
    assert Region.holding(both, 0.4, SIZE) == Region(10, 60, 5, 40)
    assert Region.holding(both, 0.5, SIZE) is None


def test_the_region_in_a_picture_of_another_size() -> None:
    found = Region.holding(planes((10, 20, 30, 40)), 0.4, (540, 1441))
    assert found == Region(20, 40, 90, 121)


def test_one_pixel_at_the_corner_is_held() -> None:
    assert Region.holding(planes((269, 270, 479, 480)), 0.4, SIZE) == Region(269, 270, 479, 480)


def test_joined_and_widened() -> None:
    first = Region(10, 20, 30, 40)
    assert first.joined(None) == first
    assert first.joined(Region(0, 12, 35, 50)) == Region(0, 20, 30, 50)
    assert first.widened(15, SIZE) == Region(0, 35, 15, 55)


@given(regions(), st.floats(1000, 200_000), st.sampled_from([1.0, 2.0, 0.7]))
def test_a_look_holds_its_region_and_costs_what_it_may(
    region: Region, pixels: float, closest: float
) -> None:
    look = closest_look(region, SIZE, pixels, closest)
    grown = look.region
    assert grown.joined(region) == grown
    assert min(grown.top, grown.left) >= 0
    assert grown.joined(Region.whole(SIZE)) == Region.whole(SIZE)
    zooms = [small / large for small, large in zip(look.size, grown.size, strict=True)]
    assert max(zooms) <= closest * 1.05
    height, width = look.size
    assert (height - GRID - 1) * (width - GRID - 1) <= pixels or min(height, width) <= GRID + 1


@pytest.mark.parametrize("size", [SIZE, (135, 240)])
def test_near_is_what_is_within_reach_at_any_zoom(size: tuple[int, int]) -> None:
    mask = np.zeros(size, np.uint8)
    scale = size[0] / SIZE[0]
    mask[int(120 * scale) : int(140 * scale), int(240 * scale) : int(260 * scale)] = 1
    near = Look(SIZE, Region(100, 180, 200, 320), (160, 240)).near(mask, 5)
    wanted = torch.zeros(160, 240, dtype=torch.bool)
    wanted[30:90, 70:130] = True
    assert torch.equal(near, wanted)


@given(regions(), st.sampled_from([2.0, 1.0]))
def test_sides_are_on_the_grid_or_the_whole_frames(region: Region, closest: float) -> None:
    look = closest_look(region, SIZE, 100_000, closest)
    for small, large, whole in zip(look.size, look.region.size, SIZE, strict=True):
        assert large == whole or abs(small / GRID - round(small / GRID)) <= 1 / GRID


@given(regions(), st.sampled_from([SIZE, (135, 240), (540, 960)]))
def test_hints_of_any_size_lie_where_the_matte_lies(region: Region, size: tuple[int, int]) -> None:
    look = Look(SIZE, region, (64, 128))
    seen = look.hints(ramps(size))[0]
    y = (region.top + (torch.arange(64) + 0.5) * region.size[0] / 64) / SIZE[0]
    x = (region.left + (torch.arange(128) + 0.5) * region.size[1] / 128) / SIZE[1]
    edge = 1 / min(size)  # half a pixel is repeated at the border of the frame
    assert torch.allclose(seen[0], y[:, None].expand(64, 128), atol=edge)
    assert torch.allclose(seen[1], x.expand(64, 128), atol=edge)


@pytest.mark.parametrize("size", [(80, 120), (160, 240), (40, 60)])
def test_there_and_back_nothing_is_shifted(size: tuple[int, int]) -> None:
    look = Look(SIZE, Region(100, 180, 200, 320), size)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    matte = np.exp(-((y - 141.3) ** 2 + (x - 255.8) ** 2) / 300).astype(np.float32)
    small = look.mattes({1: torch.from_numpy(matte)})[1].numpy()
    back = look.back(np.stack([1 - small, small])).numpy()
    centre = [float((axis * back[1]).sum() / back[1].sum()) for axis in (y, x)]
    assert centre == pytest.approx([141.3, 255.8], abs=0.05)
    assert np.allclose(back.sum(0), 1, atol=1e-5)


def test_nothing_is_outside() -> None:
    look = Look(SIZE, Region(100, 180, 200, 320), (40, 60))
    back = look.back(np.full((3, 40, 60), 1 / 3, np.float32)).numpy()
    inside = np.zeros(SIZE, bool)
    inside[100:180, 200:320] = True
    assert np.all(back[0][~inside] == 1)
    assert np.all(back[1:, ~inside] == 0)
    assert np.allclose(back[:, inside], 1 / 3)


def test_a_picture_as_large_as_the_look_is_the_same() -> None:
    picture = torch.arange(3 * math.prod(SIZE)).remainder(251).to(torch.uint8).view(3, *SIZE)
    look = Look(SIZE, Region.whole(SIZE), SIZE)
    assert torch.equal(look.picture(picture), picture)
    assert torch.equal(look.mattes({4: picture[0].float()})[4], picture[0].float())


def test_what_a_side_cuts_off_may_go_on_half_as_far_as_it_is_seen() -> None:
    look = Look(SIZE, Region(100, 180, 200, 320), (160, 240))
    found = np.zeros((160, 240), np.uint8)
    found[40:60, 120:] = 1  # to the right side: 10 x 60 pixels of the picture
    assert look.beyond(found) == Region(90, 160, 289, 350)
    found[40:60, 236:] = 0
    assert look.beyond(found) is None


def test_nothing_goes_on_beyond_the_picture() -> None:
    look = Look(SIZE, Region(100, SIZE[0], 0, 320), (160, 240))
    found = np.zeros((160, 240), np.uint8)
    found[100:, :120] = 1
    assert look.beyond(found) is None
    found[0, 50:53] = 1  # fewer pixels than an object has
    assert look.beyond(found) is None
    found[0, 50:54] = 1
    beyond = look.beyond(found)
    assert beyond is not None
    assert beyond.top < 100
    assert Look(SIZE, Region.whole(SIZE), SIZE).beyond(np.ones(SIZE, np.uint8)) is None
