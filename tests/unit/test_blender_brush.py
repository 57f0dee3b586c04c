# SPDX-License-Identifier: Apache-2.0
"""What of the brush, the overlay and the strip needs no Blender."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ..addon import addon_part

canvas, png, scribble = addon_part("canvas"), addon_part("png"), addon_part("scribble")
strip, tiles, shown = addon_part("strip"), addon_part("tiles"), addon_part("shown")
progress, colours = addon_part("progress"), addon_part("colours")
BadMask = addon_part("shared.errors").BadMask

FULL = 65535
SIZE = (90, 120)


def blank() -> object:
    return canvas.Canvas(np.zeros(SIZE, np.uint16))


def stroke(on: object, *places: tuple[float, float], **tip: object) -> None:
    on.press()
    for x, y in places:
        on.move(x, y, canvas.Tip(**{"radius": 10.0, **tip}))
    on.release()


# Canvas


def test_a_dab_is_a_soft_disc() -> None:
    painted = blank()
    stroke(painted, (60, 45), hardness=0.5)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    distance = np.hypot(x - 60, y - 45)
    assert (painted.matte[distance < 5] == FULL).all()
    assert (painted.matte[distance > 10.5] == 0).all()
    ring = painted.matte[(distance > 7) & (distance < 8)]
    assert 0.2 * FULL < ring.mean() < 0.8 * FULL


def test_a_hard_tip_covers_the_area_of_its_disc() -> None:
    painted = blank()
    stroke(painted, (60, 45), hardness=1.0)
    assert painted.matte.sum() / FULL == pytest.approx(np.pi * 100, rel=0.01)


def test_a_stroke_has_no_gaps_and_covers_once() -> None:
    painted = blank()
    stroke(painted, (10, 45), (110, 45), (10, 45), strength=0.5, hardness=1.0)
    assert np.abs(painted.matte[45, 10:110].astype(int) - FULL // 2).max() <= 1
    stroke(painted, (60, 45), strength=0.5, hardness=1.0)  # another covers again
    assert painted.matte[45, 60] == pytest.approx(0.75 * FULL, abs=2)


def test_erasing_leaves_what_it_does_not_touch() -> None:
    painted = canvas.Canvas(np.full(SIZE, FULL, np.uint16))
    stroke(painted, (60, 45), erase=True)
    assert painted.matte[45, 60] == 0
    assert painted.matte[45, 80] == FULL


def test_pressure_changes_along_a_stroke() -> None:
    painted = blank()
    painted.press()
    painted.move(20, 45, canvas.Tip(2.0))
    painted.move(100, 45, canvas.Tip(20.0))
    painted.release()
    thickness = (painted.matte > FULL // 2).sum(axis=0)
    assert thickness[25] < thickness[60] < thickness[95]


@given(
    st.lists(
        st.lists(st.tuples(st.floats(-30, 150), st.floats(-30, 120)), min_size=1, max_size=4),
        max_size=4,
    ),
    st.floats(0.5, 40),
    st.booleans(),
)
def test_undo_and_redo_go_all_the_way(strokes, radius, erase) -> None:
    start = np.full(SIZE, 30_000, np.uint16)
    painted, seen = canvas.Canvas(start), [start]
    for places in strokes:
        painted.press()
        before = painted.matte.copy()
        for x, y in places:
            rect = painted.move(x, y, canvas.Tip(radius, erase=erase))
            changed = np.argwhere(painted.matte != before)
            before = painted.matte.copy()
            left, top, right, bottom = rect
            assert all(top <= y < bottom and left <= x < right for y, x in changed)
        if painted.release():
            seen.append(painted.matte.copy())
    for one in reversed(seen[:-1]):
        assert painted.undo() is not None
        assert (painted.matte == one).all()
    assert painted.undo() is None
    for one in seen[1:]:
        assert painted.redo() is not None
        assert (painted.matte == one).all()
    assert painted.redo() is None


def test_a_new_stroke_takes_the_place_of_those_taken_back() -> None:
    painted = blank()
    stroke(painted, (20, 20))
    painted.undo()
    stroke(painted, (80, 60))
    assert painted.redo() is None
    assert painted.matte[20, 20] == 0


def test_nothing_is_taken_back_within_a_stroke() -> None:
    painted = blank()
    stroke(painted, (20, 20))
    painted.press()
    assert painted.stroking
    assert painted.undo() is None


# PNG


@given(arrays.arrays(np.uint16, st.tuples(st.integers(1, 20), st.integers(1, 20))))
def test_a_painted_matte_survives_its_file(matte: np.ndarray) -> None:
    data = png.encoded(matte)
    assert (png.decoded(data) == matte).all()
    other = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert other.dtype == np.uint16
    assert (other == matte).all()


def test_other_files_are_refused() -> None:
    good = png.encoded(np.zeros((4, 4), np.uint16))
    other = cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes()
    for data in (b"", b"GIF89a", good[:40], good[:-30], other):
        with pytest.raises(BadMask):
            png.decoded(data)


# Scribbles


def test_a_closed_stroke_is_filled_and_an_open_one_is_a_line() -> None:
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ring = np.stack([60 + 20 * np.cos(turn), 45 + 20 * np.sin(turn)], axis=1)
    assert scribble.is_closed(ring)
    filled = scribble.matte_of_strokes([(ring, 4)], SIZE)
    assert filled.sum() / FULL == pytest.approx(np.pi * 400, rel=0.02)
    assert not scribble.is_closed(ring[:30])
    line = scribble.matte_of_strokes([(ring[:30], 4)], SIZE)
    assert line[45, 60] == 0
    assert line[45, 80] == FULL
    assert scribble.matte_of_strokes([], SIZE) is None


def test_a_dot_is_a_dot() -> None:
    dot = scribble.matte_of_strokes([(np.array([[60.0, 45.0]]), 10)], SIZE)
    assert dot.sum() / FULL == pytest.approx(np.pi * 25, rel=0.05)


# Strip


def test_the_least_of_all_objects_counts() -> None:
    told = {(1001, 1): 0.9, (1001, 2): 0.4, (1002, 1): 0.8, (1002, 3): 0.1}
    assert strip.lowest(told, [1, 2]) == {1001: 0.4, 1002: 0.8}


def test_dips_worst_first() -> None:
    curve = [1.0, 0.8, 0.5, 0.52, 0.7, 0.9, 0.6, 0.3, 0.35, 0.9, 0.88, 1.0]
    sure = dict(enumerate(curve, 1001))
    assert strip.dips(sure)[:2] == [1008, 1003]
    assert len(strip.dips(sure)) == 2  # 0.88 is no dip, it hardly lies lower
    assert strip.dips(sure, without=[1008])[0] == 1009
    assert strip.dips({}) == []


@given(st.dictionaries(st.integers(0, 40), st.floats(0, 1), max_size=30))
def test_the_worst_frame_is_always_named_first(sure: dict[int, float]) -> None:
    found = strip.dips(sure)
    assert bool(found) == bool(sure)
    if sure:
        assert sure[found[0]] == min(sure.values())
        assert found == sorted(set(found), key=found.index)


def test_frames_lie_where_blender_draws_them() -> None:
    assert strip.span(1001, 1001, 1010, 500) == 0
    assert strip.span(1011, 1001, 1010, 500) == 500


def test_boxes_are_two_triangles() -> None:
    places, colours = strip.quads([(0, 0, 2, 1, (1, 0, 0, 1)), (2, 0, 4, 1, (0, 1, 0, 1))])
    assert places.shape == (12, 2)
    assert colours.shape == (12, 4)
    assert (colours[6:] == (0, 1, 0, 1)).all()
    assert strip.quads([])[0].shape == (0, 2)
    low, high = strip.colour_of(0.2), strip.colour_of(0.98)
    assert low[0] > low[1]
    assert high[1] > high[0]


# Tiles


@pytest.mark.parametrize("size", [(40, 60), (256, 256), (300, 700), (513, 257)])
def test_tiles_are_the_matte_and_join_their_neighbours(size: tuple[int, int]) -> None:
    chance = np.random.default_rng(1)
    matte = chance.integers(1, 256, size, dtype=np.uint8)
    around = np.pad(matte, 1, mode="edge")
    whole = np.zeros(size, bool)
    for column, row in tiles.all_tiles(size):
        left, top = column * tiles.SIDE, row * tiles.SIDE
        pixels = tiles.pixels_of((column, row), [matte])
        height, width = min(tiles.SIDE, size[0] - top), min(tiles.SIDE, size[1] - left)
        assert pixels.shape == (height + 2, width + 2)
        expected = around[top : top + height + 2, left : left + width + 2] / 255
        assert np.allclose(pixels, expected)
        whole[top : top + height, left : left + width] = True
    assert whole.all()


def test_an_empty_tile_is_none_and_several_mattes_are_one() -> None:
    one, other = np.zeros((300, 300), np.uint16), np.zeros((300, 300), np.uint8)
    assert tiles.pixels_of((0, 0), [one, other]) is None
    one[5, 5], other[5, 5], other[7, 7] = FULL // 2, 51, 255
    pixels = tiles.pixels_of((0, 0), [one, other])
    assert pixels[6, 6] == pytest.approx(0.5, abs=1e-4)
    assert pixels[8, 8] == 1
    assert tiles.pixels_of((1, 1), [one, other]) is None


def test_a_changed_pixel_at_the_border_of_a_tile_is_in_both() -> None:
    assert list(tiles.tiles_in((255, 10, 256, 11), (600, 600))) == [(0, 0), (1, 0)]
    assert list(tiles.tiles_in((10, 10, 20, 20), (600, 600))) == [(0, 0)]
    assert len(list(tiles.all_tiles((600, 600)))) == 9


# Mattes at hand


def test_old_mattes_are_drawn_until_new_ones_come() -> None:
    hand = shown.Shown()
    assert hand.wants(1001)
    first, second = np.zeros(4, np.uint8), np.ones(4, np.uint8)
    hand.put(1001, {1: first})
    assert not hand.wants(1001)
    hand.outdate([1001, 1002])
    assert hand.wants(1001)
    assert hand.at(1001)[1] is first
    hand.put(1001, {1: second})
    assert not hand.wants(1001)
    hand.outdate()
    assert hand.wants(1001)
    assert hand.at(1005) == {}


def test_frames_looked_at_longest_ago_make_room() -> None:
    hand = shown.Shown(budget=100)
    for frame in (1, 2, 3):
        hand.put(frame, {1: np.zeros(30, np.uint8)})
    hand.at(1)
    hand.put(4, {1: np.zeros(30, np.uint8)})
    assert [frame for frame in (1, 2, 3, 4) if not hand.wants(frame)] == [1, 3, 4]
    hand.put(5, {1: np.zeros(500, np.uint8)})  # the one that is looked at stays
    assert not hand.wants(5)


# Words and colours


def test_how_far_a_job_is() -> None:
    job = addon_part("shared.hosts").JobShown
    assert progress.sentence(job("ab", "propagate", 12, 100, 80.4)) == (
        "Propagating: 12 of 100 frames, 1 min 20 s left"
    )
    assert progress.sentence(job("", "suggest")) == "Looking for frames …"
    assert progress.duration(7500) == "2 h 5 min"
    assert progress.duration(45.4) == "45 s"
    assert progress.gigabytes(1_234_000_000) == "1.2 GB"


def test_objects_differ_in_colour() -> None:
    taken: list[tuple[float, ...]] = []
    for _ in range(8):
        taken.append(tuple(part / 255 for part in colours.next_colour(taken)))
    assert len(set(taken)) == 8
    assert colours.next_colour(taken) == colours.next_colour([])
