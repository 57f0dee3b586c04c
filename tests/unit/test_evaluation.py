# SPDX-License-Identifier: Apache-2.0
"""Folders of masks, scored per object, sequence and in all."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console

from engine_server.evaluation import evaluate
from engine_server.evaluation.datasets import evenly_spaced, find_sequences
from shared.errors import BadMask, NotFound, UsageError


def labels(*squares: tuple[int, int, int], size: tuple[int, int] = (60, 80)) -> np.ndarray:
    """An index mask with a 20 pixel square for each (label, top, left)."""
    mask = np.zeros(size, np.uint8)
    for label, top, left in squares:
        mask[top : top + 20, left : left + 20] = label
    return mask


def write(folder: Path, masks: dict[int, np.ndarray], name: str = "{:05d}.png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for frame, mask in masks.items():
        Image.fromarray(mask).save(folder / name.format(frame))
    return folder


def test_objects_frames_and_means(tmp_path: Path) -> None:
    truth = write(
        tmp_path / "truth",
        {1001: labels((1, 5, 5), (2, 30, 50)), 1002: labels((1, 5, 5)), 1003: labels((1, 5, 5))},
    )
    predicted = write(
        tmp_path / "predicted",
        {1001: labels((1, 5, 15)), 1002: labels((1, 5, 5)), 1003: labels((1, 5, 5), (2, 30, 50))},
        name="plate.v2.{}.png",
    )
    (sequence,) = (report := evaluate(predicted, truth)).sequences
    one, two = sequence.objects
    assert [frame.j for frame in one.frames] == [pytest.approx(1 / 3), 1, 1]
    assert [frame.frame for frame in one.frames] == [1001, 1002, 1003]
    assert [(frame.j, frame.f) for frame in two.frames] == [(0, 0), (1, 1), (0, 0)]
    assert report.j == sequence.j == pytest.approx((7 / 9 + 1 / 3) / 2)
    assert report.j_and_f == pytest.approx((report.j + report.f) / 2)


def test_frames_are_matched_by_name_then_by_the_number_that_changes(tmp_path: Path) -> None:
    """A version at the end of the name is not the frame, even where one file is alone."""
    shape = "shot_{:04d}_v3.png"
    seen = {i: labels((1, 5, 5 + i)) for i in range(9)}
    predicted = write(tmp_path / "predicted", seen, name=shape)
    everything = write(tmp_path / "all", seen, name=shape)
    assert evaluate(predicted, everything).j_and_f == 1
    assert evaluate(predicted, write(tmp_path / "numbers", seen)).j_and_f == 1
    lone = write(tmp_path / "lone", {7: seen[7]}, name=shape)
    assert evaluate(predicted, lone).j_and_f == 1
    (score,) = evaluate(predicted, everything, skip=lone).sequences[0].objects
    assert [frame.frame for frame in score.frames] == [0, 1, 2, 3, 4, 5, 6, 8]


def test_mean_of_all_is_over_objects(tmp_path: Path) -> None:
    two, one = labels((1, 5, 5), (2, 30, 50)), labels((1, 5, 5))
    for sequence, mask in {"a": two, "b": one}.items():
        write(tmp_path / "truth" / sequence, {0: mask})
        write(tmp_path / "predicted" / sequence, {0: one})
    report = evaluate(tmp_path / "predicted", tmp_path / "truth")
    assert [sequence.name for sequence in report.sequences] == ["a", "b"]
    assert [sequence.j for sequence in report.sequences] == [0.5, 1]
    assert report.j == pytest.approx(2 / 3)


def test_skipped_references_do_not_count_but_their_objects_do(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", {0: labels((3, 5, 5)), 1: labels(), 2: labels()})
    predicted = write(tmp_path / "predicted", {1: labels(), 2: labels((3, 5, 5))})
    skip = write(tmp_path / "references", {0: labels((3, 5, 5))})
    (score,) = evaluate(predicted, truth, skip=skip).sequences[0].objects
    assert [(frame.frame, frame.j) for frame in score.frames] == [(1, 1), (2, 0)]
    with pytest.raises(UsageError, match="No frame of truth is left"):
        evaluate(predicted, truth, skip=truth)


def test_a_partial_ground_truth_is_fine(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", {4: labels((1, 5, 5))})
    predicted = write(tmp_path / "predicted", {i: labels((1, 5, 5)) for i in range(9)})
    assert evaluate(predicted, truth).j_and_f == 1


def test_a_missing_prediction_is_named(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", {i: labels((1, 5, 5)) for i in range(10, 20)})
    predicted = write(tmp_path / "predicted", {i: labels((1, 5, 5)) for i in (10, 11, 13, 19)})
    with pytest.raises(UsageError, match=r"6 of 10 frames of truth .* first is frame 12\."):
        evaluate(predicted, truth)


def test_a_missing_sequence_is_named(tmp_path: Path) -> None:
    for name in ("cow", "dog"):
        write(tmp_path / "truth" / name, {0: labels((1, 5, 5))})
    write(tmp_path / "predicted" / "cow", {0: labels((1, 5, 5))})
    with pytest.raises(UsageError, match=r"1 sequences .* the first is dog"):
        evaluate(tmp_path / "predicted", tmp_path / "truth")
    with pytest.raises(UsageError, match="one holds masks and the other folders"):
        evaluate(tmp_path / "predicted" / "cow", tmp_path / "truth")


def test_another_size_is_an_error(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", {0: labels((1, 5, 5))})
    predicted = write(tmp_path / "predicted", {0: labels((1, 5, 5), size=(30, 40))})
    with pytest.raises(BadMask, match=r"00000\.png is 40 x 30 pixels, .* 80 x 60"):
        evaluate(predicted, truth)


def test_an_empty_ground_truth_is_an_error(tmp_path: Path) -> None:
    empty = write(tmp_path / "truth", {0: labels()})
    with pytest.raises(BadMask, match="shows no object"):
        evaluate(empty, empty)


def test_predictions_may_be_empty(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", {0: labels((1, 5, 5)), 1: labels()})
    predicted = write(tmp_path / "predicted", {0: labels(), 1: labels()})
    assert evaluate(predicted, truth).j_and_f == 0.5


def test_labels_of_nobody_are_told(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", {0: labels((1, 5, 5))})
    predicted = write(tmp_path / "predicted", {0: labels((254, 5, 5))})
    report = evaluate(predicted, truth)
    assert report.j_and_f == 0
    assert report.sequences[0].unmatched == (254,)
    assert "not in ground truth: object 254" in printed(report.table())


def test_json_and_table_say_the_same(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", {7: labels((1, 5, 5), (2, 30, 50))})
    predicted = write(tmp_path / "predicted", {7: labels((1, 5, 5))})
    report = evaluate(predicted, truth)
    data = json.loads(report.to_json())
    assert (data["j"], data["f"], data["j_and_f"]) == (0.5, 0.5, 0.5)
    (sequence,) = data["sequences"]
    assert sequence["name"] == "truth"
    assert sequence["objects"][1] == {
        "label": 2, "j": 0, "f": 0, "j_and_f": 0, "frames": [{"frame": 7, "j": 0, "f": 0}],
    }  # fmt: skip
    assert report.to_json().isascii()
    text = printed(report.table())
    assert text.count("0.500") == 6
    assert text.count("1.000") == text.count("0.000") == 3


def printed(table: object) -> str:
    console = Console(width=100, record=True, file=StringIO())
    console.print(table)
    return console.export_text()


def read_only(folder: Path) -> np.ndarray:
    (mask,) = (masks := find_sequences(folder)[""]).files
    return masks.read(mask)


def test_palette_indices_count_not_colours(tmp_path: Path) -> None:
    expected = labels((1, 5, 5), (2, 30, 50), (7, 0, 50))
    image = Image.fromarray(expected)
    image.putpalette([0, 0, 0, 0, 0, 200, 200, 0, 0] + [9] * 15)
    image.save(tmp_path / "mask.0001.png")
    assert np.array_equal(read_only(tmp_path), expected)


def test_grey_labels_soft_grey_and_colours(tmp_path: Path) -> None:
    expected = labels((1, 5, 5), (2, 30, 50))
    write(tmp_path / "labels", {1: expected})
    assert np.array_equal(read_only(tmp_path / "labels"), expected)
    soft = cv2.GaussianBlur(labels((255, 5, 5)), (0, 0), 2)
    write(tmp_path / "soft", {1: soft})
    assert np.array_equal(read_only(tmp_path / "soft"), soft > 127)
    colours = np.array([(0, 0, 0), (255, 0, 0), (0, 255, 0)], np.uint8)
    write(tmp_path / "colours", {1: colours[expected]})
    assert np.array_equal(read_only(tmp_path / "colours"), expected)


def test_one_white_object_is_object_one(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth", {0: labels((255, 5, 5)), 1: labels((255, 9, 9))})
    predicted = write(tmp_path / "predicted", {0: labels((1, 5, 5)), 1: labels((1, 9, 9))})
    assert evaluate(predicted, truth).j_and_f == 1


def test_bad_mask_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "cut.0001.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(BadMask, match=r"cut\.0001\.png' can't be read"):
        read_only(tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    write(tmp_path / "colour", {1: noise})
    with pytest.raises(BadMask, match=r"00001\.png' looks like a picture"):
        read_only(tmp_path / "colour")


def test_folders_without_sense(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no folder"):
        find_sequences(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(BadMask, match="holds no masks"):
        find_sequences(tmp_path)
    write(tmp_path / "one", {1: labels()}, name="one.png")
    with pytest.raises(BadMask, match=r"one\.png has no frame number"):
        find_sequences(tmp_path / "one")
    write(tmp_path / "two", {1: labels()}, name="a{:04d}.png")
    write(tmp_path / "two", {1: labels()}, name="b{}.png")
    with pytest.raises(BadMask, match=r"frame 1: a0001\.png and b1\.png"):
        find_sequences(tmp_path / "two")


def test_evenly_spaced_by_hand() -> None:
    fifty = range(1001, 1051)
    assert evenly_spaced(fifty, 1) == (1001,)
    assert evenly_spaced(fifty, 3) == (1001, 1025, 1050)
    assert evenly_spaced(fifty, 5) == (1001, 1013, 1025, 1038, 1050)
    assert evenly_spaced([4, 9], 5) == (4, 9)
    with pytest.raises(UsageError):
        evenly_spaced([], 1)
    with pytest.raises(UsageError):
        evenly_spaced([1], 0)


@given(st.integers(1, 200), st.integers(1, 200))
def test_evenly_spaced_frames_differ_and_reach_both_ends(n: int, k: int) -> None:
    chosen = evenly_spaced(range(n), k)
    assert len(set(chosen)) == min(n, k)
    assert chosen == tuple(sorted(chosen))
    assert chosen[0] == 0
    assert k == 1 or chosen[-1] == n - 1
