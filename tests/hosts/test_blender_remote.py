# SPDX-License-Identifier: Apache-2.0
"""Blender with an engine that sees none of its files: another address, CURVE, no shared memory."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..drawn import draw_shot, read_png, write_movie, write_plate
from .conftest import Blender, blenders, engine_program

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not blenders(), reason="no Blender; XMEMPP_BLENDERS can name some"),
    pytest.mark.skipif(
        not Path("/proc/self/cwd").exists(), reason="no path that each process sees otherwise"
    ),
]


def own_address() -> str:
    """One of this machine at which others could reach it; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


@pytest.fixture
def far_engine(tmp_path: Path) -> Iterator[Path]:
    """Its connection file. It was started by hand, in another folder."""
    folder = tmp_path / "far"
    folder.mkdir()
    told = folder / "connection.json"
    where = ["--bind", f"tcp://{own_address()}:*", "--curve", "--connection-file", str(told)]
    command = [str(engine_program(tmp_path)), "serve", *where, "--workspace", str(folder / "work")]
    with subprocess.Popen(
        [*command, "--device", "cpu"], cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}
    ) as engine:
        try:
            end = time.monotonic() + 60
            while not told.exists() and engine.poll() is None and time.monotonic() < end:
                time.sleep(0.05)
            yield told
        finally:
            engine.terminate()


def test_an_engine_far_away(
    blender: Blender, archive: Path, tmp_path: Path, far_engine: Path
) -> None:
    """The plate is sent, mattes come back; a damaged frame is told, a movie refused."""
    shot, near = draw_shot(6), tmp_path / "near"
    plate = write_plate(near / "plate", shot.pictures)
    (plate / "plate.1005.png").write_bytes((plate / "plate.1005.png").read_bytes()[:200])
    (plate / "plate.1006.png").rename(plate / "plate.1007.png")
    write_movie(near / "movie.mkv", shot.pictures)
    blender.run("remote.py", archive, near, far_engine)
    assert not (far_engine.parent / "plate").exists()
    mattes = {path.name.split(".")[-2]: read_png(path) for path in (near / "mattes").rglob("*.png")}
    assert sorted(mattes) == ["1001", "1002", "1003", "1004", "1007"]
    for frame, label in zip(("1001", "1002", "1003"), shot.labels, strict=False):
        found, there = mattes[frame] > 32767, label == 1
        assert (found & there).sum() > 0.8 * (found | there).sum(), frame
