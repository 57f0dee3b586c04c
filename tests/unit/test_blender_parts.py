# SPDX-License-Identifier: Apache-2.0
"""What of the Blender add-on needs no Blender: frame numbers, polygons, wheels, the thread."""

from __future__ import annotations

import importlib.util
import platform
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..addon import addon_part

frames, raster = addon_part("frames"), addon_part("raster")
plate_files = addon_part("plate_files")
wheels, background = addon_part("wheels"), addon_part("background")


# Frames


@pytest.mark.parametrize(
    ("name", "pattern", "number"),
    [
        ("plate.1001.png", "plate.%04d.png", 1001),
        ("plate_v02_0007.exr", "plate_v02_%04d.exr", 7),
        ("shot_12_v2.png", "shot_12_v%01d.png", 2),  # the last number, as Blender takes it
        ("0001.dpx", "%04d.dpx", 1),
        ("1001", "%04d", 1001),
        ("plate.png", "plate.png", 0),
    ],
)
def test_the_pattern_of_a_sequence(name: str, pattern: str, number: int) -> None:
    assert frames.sequence_of(name) == (pattern, number)


def test_the_files_of_a_sequence() -> None:
    """One that has a number of its own: more digits only where they are needed."""
    names = ["p.0002.png", "p.0001.png", "p.10000.png", "p.00003.png", "q.0004.png", "p.0005.exr"]
    there = {1: "p.0001.png", 2: "p.0002.png", 10_000: "p.10000.png"}
    assert frames.files_of(names, "p.0002.png") == there
    assert frames.files_of(names, "p.png") == {}


def test_files_that_are_sent(tmp_path: Path) -> None:
    for frame in (9, 10, 11, 20):
        (tmp_path / f"p.{frame:04}.TIF").write_bytes(b"II*\0")
    plate = tmp_path / "p.0010.TIF"
    clip = plate_files.clip_of_files(plate, (80, 48))
    assert (clip.frames, clip.width, clip.height) == (((9, 11), (20, 20)), 80, 48)
    (sent,) = plate_files.Sent().read(plate, 20).frames
    assert (sent.frame, sent.image.format, sent.image.data) == (20, "tiff", b"II*\0")
    with pytest.raises(addon_part("shared.errors").NotFound, match="image sequence"):
        plate_files.clip_of_files(tmp_path / "movie.mov", (80, 48))
    (tmp_path / "p.0020.TIF").unlink()
    with pytest.raises(addon_part("shared.errors").FrameUnreadable, match=r"p\.0020\.TIF"):
        plate_files.request_for(tmp_path / "p.0020.TIF", 20)
    with pytest.raises(addon_part("shared.errors").FrameUnreadable, match="no file of frame 20"):
        plate_files.Sent().read(plate, 20)  # no other frame's instead
    elsewhere = tmp_path / "gone" / "p.0010.TIF"
    with pytest.raises(addon_part("shared.errors").FrameUnreadable, match="gone"):
        plate_files.Sent().read(elsewhere, 10)
    assert plate_files.new_workspace("a/b: c.%04d").startswith("a_b_c._04d-")


@given(*[st.integers(-5000, 5000)] * 4)
def test_frames_go_there_and_back(first: int, start: int, offset: int, frame: int) -> None:
    there = frames.FrameMap(first, start, offset)
    assert there.to_scene(there.to_clip(frame)) == frame
    assert there.to_clip(start - offset) == first


def test_a_plate_from_1001_in_a_scene_from_1() -> None:
    assert frames.FrameMap(1001, 1, 0).to_clip(1) == 1001
    assert frames.FrameMap(1001, 1001, 0).to_clip(1001) == 1001
    assert frames.FrameMap(1001, 1, 10).to_clip(1) == 1011


def test_ranges_for_people() -> None:
    assert frames.ranges_of(((1001, 1003), (1007, 1007))) == "1001-1003, 1007"


# Polygons


def square(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)


def test_a_square_covers_its_pixels_and_parts_of_others() -> None:
    matte = raster.fill([square(1, 1, 3.25, 2.5)], 4, 5)
    expected = np.zeros((4, 5), np.float32)
    expected[1, 1:4] = 1, 1, 0.25
    expected[2, 1:4] = 0.5, 0.5, 0.125
    assert np.allclose(matte, expected)


@given(st.lists(st.tuples(st.floats(-20, 90), st.floats(-20, 60)), min_size=3, max_size=8))
def test_any_polygon_stays_in_range_and_does_not_mind_its_direction(
    corners: list[tuple[float, float]],
) -> None:
    points = np.array(corners)
    matte = raster.fill([points], 40, 70)
    assert matte.min() >= 0
    assert matte.max() <= 1
    assert np.allclose(matte, raster.fill([points[::-1]], 40, 70), atol=1e-5)


def test_the_area_of_a_circle_and_of_half_of_it() -> None:
    angles = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], 1) * 60
    assert raster.fill([circle + 80], 160, 160).sum() == pytest.approx(np.pi * 3600, rel=0.002)
    assert raster.fill([circle + np.array((80, 0))], 160, 160).sum() == pytest.approx(
        np.pi * 1800, rel=0.002
    )


def test_overlaps_are_filled() -> None:
    nested = raster.fill([square(0, 0, 10, 10), square(3, 3, 6, 6)], 10, 10)
    twice = raster.fill([np.concatenate([square(0, 0, 10, 10), square(0, 0, 10, 10)])], 10, 10)
    assert nested.min() == 1
    assert twice.min() == 1


def test_a_segment_goes_through_its_ends() -> None:
    points = square(0, 0, 8, 8)
    curve = np.stack([points, points, points], axis=1)
    sampled = raster.sampled(curve, 4)
    assert np.allclose(sampled[::4], points)
    assert np.allclose(raster.fill([sampled], 8, 8), 1)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(KeyError):
        raster.blend(np.zeros((2, 2)), np.ones((2, 2)), "SCREEN", 1.0)


# Wheels


def make_wheel(folder: Path, module: str) -> Path:
    python = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    system = (
        f"manylinux_2_28_{platform.machine()}"
        if sys.platform == "linux"
        else "macosx_11_0_universal2"
    )
    wheel = folder / f"{module}-1.0-{python}-{python}-{system}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{module}.py", "ANSWER = 42\n")
    return wheel


@pytest.mark.parametrize(
    ("name", "yes"),
    [
        ("p-1-cp{py}-cp{py}-manylinux_2_26_{m}.manylinux_2_28_{m}.whl", True),
        ("p-1-cp310-abi3-manylinux_2_28_{m}.whl", True),
        ("p-1-cp399-abi3-manylinux_2_28_{m}.whl", False),
        ("p-1-cp{py}-cp{py}-manylinux_2_28_mips.whl", False),
        ("p-1-cp{py}-cp{py}-win_amd64.whl", False),
        ("p-1-cp38-cp38-manylinux_2_28_{m}.whl", False),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="names of Linux")
def test_which_wheels_fit(name: str, yes: bool) -> None:
    python = f"{sys.version_info[0]}{sys.version_info[1]}"
    assert wheels.fits(name.format(py=python, m=platform.machine())) is yes


def test_a_wheel_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    make_wheel(tmp_path, "xmempp_test_wheel")
    for _ in range(2):
        wheels.make_importable("xmempp_test_wheel", tmp_path, tmp_path / "data")
    assert importlib.util.find_spec("xmempp_test_wheel")
    assert len(list((tmp_path / "data/python").iterdir())) == 1


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImportError, match="needs 'xmempp_absent' for Python"):
        wheels.make_importable("xmempp_absent", tmp_path, tmp_path)


def test_what_cannot_be_unpacked_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    make_wheel(tmp_path, "xmempp_test_wheel")
    (tmp_path / "file").write_text("")
    with pytest.raises(ImportError, match=r"can't unpack 'xmempp_test_wheel' into .*file"):
        wheels.make_importable("xmempp_test_wheel", tmp_path, tmp_path / "file")
    broken = tmp_path / "broken.whl"
    broken.write_bytes(b"no zip")
    with pytest.raises(zipfile.BadZipFile):
        wheels.unpacked(broken, tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_two_blenders_unpack_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel, rename = make_wheel(tmp_path, "xmempp_test_wheel"), Path.rename

    def later(path: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", rename)
        assert wheels.unpacked(wheel, tmp_path / "data") == target  # the other one
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", later)
    there = wheels.unpacked(wheel, tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == [there]
    assert (there / "xmempp_test_wheel.py").is_file()


# The thread


def deliver_all(work: background.Background) -> None:
    end = time.monotonic() + 10
    while work.busy and time.monotonic() < end:
        work.deliver(0.01)


def test_what_follows_is_done_by_the_caller_in_order() -> None:
    work = background.Background()
    threads: list[int] = []
    done: list[int] = []
    for number in range(5):
        work.submit(
            lambda: threads.append(threading.get_ident()), lambda number=number: done.append(number)
        )
    deliver_all(work)
    work.close()
    assert done == [0, 1, 2, 3, 4]
    assert threading.get_ident() not in threads


def test_an_error_of_the_thread_reaches_the_caller() -> None:
    work = background.Background()
    work.submit(lambda: 1 // 0, lambda: pytest.fail("it follows nothing"))
    with pytest.raises(ZeroDivisionError):
        deliver_all(work)
    assert not work.busy
    work.close()


# Threads that stand still


def test_no_thread_runs_in_a_pause() -> None:
    """One that rests and one that is begun meanwhile wait for its end."""
    quiet, beats, ended = addon_part("quiet"), [], threading.Event()

    def beat() -> None:
        with quiet.running():
            while not ended.is_set():
                beats.append(time.monotonic())
                quiet.rest(0.001, ended.is_set)

    thread, worker = threading.Thread(target=beat), background.Background()
    thread.start()
    while not beats:
        time.sleep(0.001)
    done: list[int] = []
    with quiet.paused():
        count = len(beats)
        worker.submit(lambda: done.append(1), lambda: done.append(2))
        time.sleep(0.05)
        assert len(beats) == count
        assert not done
    while 2 not in done:
        worker.deliver(0.01)
    while len(beats) == count:
        time.sleep(0.001)
    ended.set()
    quiet.wake()
    thread.join()
    worker.close()


@pytest.mark.timeout(20)
def test_what_must_be_waited_for_in_a_pause_goes_on() -> None:
    """Work that rests, that is begun meanwhile, and that is closed; then it stands still again."""
    quiet, worker, done = addon_part("quiet"), background.Background(), list[int]()
    worker.submit(lambda: quiet.rest(0.05, lambda: False), lambda: done.append(1))
    while not quiet._state["running"]:
        time.sleep(0.001)
    with quiet.paused(), quiet.paused():
        worker.submit(lambda: None, lambda: done.append(2))
        while worker.busy:
            worker.wait()
            assert quiet._state == {"running": 0, "paused": 2}
            worker.deliver(0.01)
        worker.submit(lambda: done.append(3), lambda: None)
        worker.close()
    assert done[:2] == [1, 2]
    with quiet.paused():
        assert not quiet._state["running"]


def test_a_pause_does_not_wait_for_long_work(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet, ended = addon_part("quiet"), threading.Event()
    monkeypatch.setattr(quiet, "_PATIENCE", 0.05)
    worker = background.Background()
    worker.submit(ended.wait, lambda: None)
    while not quiet._state["running"]:
        time.sleep(0.001)
    with pytest.raises(addon_part("shared.errors").Busy, match="Wait a moment"), quiet.paused():
        pytest.fail("it paused")
    ended.set()
    worker.close()
    with quiet.paused():
        assert not quiet._state["running"]


def test_options_of_pip_as_they_are_typed() -> None:
    options_of = addon_part("installer").options_of
    typed = '--no-index --find-links "/my wheels"'
    assert options_of(typed, windows=False) == ["--no-index", "--find-links", "/my wheels"]
    typed = r'--find-links "C:\my wheels" --proxy C:\p'
    assert options_of(typed, windows=True) == ["--find-links", r"C:\my wheels", "--proxy", r"C:\p"]
    with pytest.raises(addon_part("shared.errors").UsageError, match="not closed"):
        options_of('--proxy "http')
