# SPDX-License-Identifier: Apache-2.0
"""Which files make a sequence, and which numbers they get."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_server.media.pattern import find_sequence, last_number, natural_key
from shared.errors import BadPlate, NotFound, UsageError


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def frames(source: Path) -> dict[int, str]:
    return {frame: path.name for frame, path in find_sequence(source)[0].items()}


def test_folder_keeps_numbers_in_numeric_order(tmp_path: Path) -> None:
    folder = touch(tmp_path, "f10.png", "f9.png", "f1001.png")
    assert list(frames(folder).items()) == [(9, "f9.png"), (10, "f10.png"), (1001, "f1001.png")]


@pytest.mark.parametrize(
    "pattern",
    [f"plate.{token}.exr" for token in ("%04d", "####", "@@@@", "$F4", "%d", "#", "$F")],
)
def test_every_spelling_of_a_pattern(tmp_path: Path, pattern: str) -> None:
    touch(tmp_path, "plate.1001.exr", "plate.1003.exr", "plate.10000.exr", "other.1002.exr")
    assert list(frames(tmp_path / pattern)) == [1001, 1003, 10000]


def test_a_padded_pattern_is_strict_about_its_width(tmp_path: Path) -> None:
    touch(tmp_path, "p.001.png", "p.0002.png", "p.00003.png")
    assert frames(tmp_path / "p.%04d.png") == {2: "p.0002.png"}


def test_the_last_token_is_the_frame_and_the_rest_is_literal(tmp_path: Path) -> None:
    touch(tmp_path, "take#2.0007.png", "take32.0008.png")
    assert frames(tmp_path / "take#2.####.png") == {7: "take#2.0007.png"}


def test_a_file_with_a_token_in_its_name_is_a_file(tmp_path: Path) -> None:
    touch(tmp_path, "shot#.png", "shot1.png")
    assert frames(tmp_path / "shot#.png") == {0: "shot#.png"}


def test_special_characters_are_literal(tmp_path: Path) -> None:
    touch(tmp_path / "ein Ordner (größer) [2]", "plät+e (1).0001.jpg", "plättte (1).0001.jpg")
    found = frames(tmp_path / "ein Ordner (größer) [2]" / "plät+e (1).%04d.jpg")
    assert found == {1: "plät+e (1).0001.jpg"}


def test_two_sequences_name_both_patterns_and_how_to_choose(tmp_path: Path) -> None:
    touch(tmp_path, "bg.0001.png", "bg.0002.png", "fg.0001.png", "fg.0002.png")
    with pytest.raises(BadPlate) as error:
        find_sequence(tmp_path)
    assert "'bg.%04d.png' and 'fg.%04d.png'" in error.value.message
    assert str(tmp_path / "bg.%04d.png") in error.value.hint


def test_two_endings_are_two_sequences(tmp_path: Path) -> None:
    touch(tmp_path, "a.1.png", "a.2.png", "a.1.jpg", "a.2.jpg")
    with pytest.raises(BadPlate, match="2 sequences"):
        find_sequence(tmp_path)


def test_many_sequences_are_counted_not_listed(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{name}.{i}.png" for name in "abcdefgh" for i in (1, 2)))
    with pytest.raises(BadPlate, match=r"8 sequences: .* and 4 more"):
        find_sequence(tmp_path)


def test_the_number_that_changes_is_the_frame(tmp_path: Path) -> None:
    touch(tmp_path, "sh010_0007_v3.png", "sh010_0008_v3.png")
    assert list(frames(tmp_path)) == [7, 8]


def test_versions_of_one_shot_are_two_sequences(tmp_path: Path) -> None:
    touch(tmp_path, "v1.0007.png", "v1.0008.png", "v2.0007.png")
    with pytest.raises(BadPlate, match=r"v1\.%04d\.png' and 'v2\.%04d\.png"):
        find_sequence(tmp_path)


def test_two_files_of_one_frame_are_refused_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "a1.png", "a01.png", "a2.png")
    with pytest.raises(BadPlate, match=r"'a01\.png' and 'a1\.png'.*frame 1"):
        find_sequence(tmp_path)


def test_files_without_any_number_are_counted_from_0(tmp_path: Path) -> None:
    touch(tmp_path, "b.png", "a.png")
    assert frames(tmp_path) == {0: "a.png", 1: "b.png"}


def test_a_stray_file_without_number_is_left_out_with_a_warning(tmp_path: Path) -> None:
    touch(tmp_path, "a.0001.png", "a.0002.png", "thumbnail.png", "notes.txt", ".a.0003.png")
    files, warnings = find_sequence(tmp_path)
    assert list(files) == [1, 2]
    assert len(warnings) == 1
    assert "thumbnail.png" in warnings[0]


def test_a_single_file_keeps_its_number(tmp_path: Path) -> None:
    touch(tmp_path, "plate_v2.1001.exr", "plain.png")
    assert frames(tmp_path / "plate_v2.1001.exr") == {1001: "plate_v2.1001.exr"}
    assert frames(tmp_path / "plain.png") == {0: "plain.png"}


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file or folder"):
        find_sequence(tmp_path / "nowhere")
    with pytest.raises(NotFound, match="No file matches"):
        find_sequence(tmp_path / "a.%04d.png")
    with pytest.raises(NotFound, match="no folder"):
        find_sequence(tmp_path / "nowhere" / "a.%04d.png")
    with pytest.raises(NotFound, match="no pictures"):
        find_sequence(tmp_path)
    with pytest.raises(UsageError, match="name of a folder"):
        find_sequence(tmp_path / "%04d" / "a.png")


def test_handles_before_frame_0_have_a_minus(tmp_path: Path) -> None:
    names = ("p.-010.exr", "p.-001.exr", "p.0000.exr", "p.0012.exr")
    touch(tmp_path, *names)
    expected = dict(zip((-10, -1, 0, 12), names, strict=True))
    for source in (tmp_path, tmp_path / "p.%04d.exr", tmp_path / "p.####.exr"):
        assert list(frames(source).items()) == list(expected.items())
    assert frames(tmp_path / "p.-010.exr") == {-10: "p.-010.exr"}


@pytest.mark.parametrize("pattern", ["%d", "%02d", "%03d", "##", "$F3"])
def test_a_minus_is_part_of_the_width_or_not(tmp_path: Path, pattern: str) -> None:
    touch(tmp_path, "-05.exr", "11.exr", "100.exr", "p-12.exr")
    wide = "3" in pattern
    assert list(frames(tmp_path / f"{pattern}.exr")) == ([-5, 100] if wide else [-5, 11, 100])


def test_a_dash_in_a_name_is_no_minus(tmp_path: Path) -> None:
    touch(tmp_path, "shot-0001.png", "shot-0002.png", "shot0003.png")
    assert list(frames(tmp_path / "shot-%04d.png")) == [1, 2]
    assert list(frames(tmp_path / "shot%04d.png")) == [3]
    assert [last_number(stem) for stem in ("a-7", "a.-7", "a_-7", "-7", "a.b-7")] == [
        7, -7, -7, -7, 7,
    ]  # fmt: skip


def test_frame_0_twice_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "p.-000.exr", "p.0000.exr", "p.0001.exr")
    with pytest.raises(BadPlate, match=r"both frame 0\."):
        find_sequence(tmp_path)


def test_last_number() -> None:
    assert last_number("plate_v2.1001") == 1001
    assert last_number("00012") == 12
    assert last_number("plate") is None


@given(st.lists(st.integers(0, 10**6), unique=True, min_size=1))
def test_natural_order_is_numeric_order(numbers: list[int]) -> None:
    names = sorted((f"take 3 f{n}.png" for n in numbers), key=natural_key)
    assert names == [f"take 3 f{n}.png" for n in sorted(numbers)]


@given(st.text(max_size=8), st.text(max_size=8))
def test_natural_keys_of_any_two_names_compare(one: str, other: str) -> None:
    assert (natural_key(one) < natural_key(other)) in (True, False)
