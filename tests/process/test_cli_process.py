# SPDX-License-Identifier: Apache-2.0
"""The command line as a process of its own: what a shell, a farm and Ctrl-C see."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drawn import damage, draw_shot, read_png, write_masks, write_plate
from tests.process.conftest import ROOT, Call

SHOT = draw_shot(3)


def test_paths_with_spaces_and_other_letters(tmp_path: Path, process: Call) -> None:
    """One whole run, as a shell would start it: relative paths, results, JSON, exit code."""
    shot = tmp_path / "Schöne Szene 日本"
    write_plate(shot / "plate v2", SHOT.pictures, name="plätze {:04d}.png")
    write_masks(shot / "gemalte Masken", {"plätze 1001": SHOT.labels[0]})
    damage(shot / "plate v2" / "plätze 1003.png")
    ended = process(
        "propagate", "-v", "plate v2/plätze %04d.png", "-m", "gemalte Masken", "-o", "résultat",
        "--soft", "--json", cwd=shot,
    )  # fmt: skip
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert told["output"] == "résultat"
    assert told["frames"] == [1001, 1002]
    assert list(told["skipped"]) == ["1003"]
    assert "plätze 1003.png" in ended.err
    for stem in ("plätze 1001", "plätze 1002"):
        assert (shot / "résultat" / "soft" / "object_01" / f"{stem}.png").is_file()
        assert (shot / "résultat" / "overlays" / f"{stem}.jpg").is_file()


def test_a_failure_is_one_sentence(tmp_path: Path, process: Call) -> None:
    plate = write_plate(tmp_path / "plate", SHOT.pictures)
    ended = process("propagate", "-v", plate, "-m", tmp_path / "nowhere", "-o", tmp_path / "out")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.count("\n") == 1
    assert str(tmp_path / "nowhere") in ended.sentence


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


HELP = """
from engine_server.cli import main
try: main(["propagate", "--help"])
except SystemExit: pass
"""


@pytest.mark.parametrize("code", [HELP, "import engine_server.commands.propagate"])
def test_torch_is_not_loaded_for_help_nor_before_the_plate_is_read(code: str) -> None:
    """It takes a second, in which there is something else to do."""
    ended = python(f"import sys\n{code}\nprint('torch' in sys.modules)")
    assert ended.stdout.splitlines()[-1] == "False", ended.stderr


@pytest.mark.parametrize("late", [False, True])
def test_nothing_is_lost_at_the_end_of_the_process(*, late: bool) -> None:
    """What is printed and registered, and threads that are not done."""
    work = "threading.Thread(target=lambda: (time.sleep(0.5), print('late'))).start()"
    ended = python(
        "import atexit, threading, time\nfrom engine_server import cli\n"
        "cli.main = lambda: 3\natexit.register(print, 'registered')\n"
        f"print('printed')\n{work if late else ''}\ncli.command()"
    )
    assert (ended.returncode, ended.stderr) == (3, "")
    assert ended.stdout.split() == ["printed", *(["late"] if late else []), "registered"]


@pytest.mark.skipif(os.name != "posix", reason="a shell's pipe")
@pytest.mark.parametrize("arguments", [["weights", "list"], ["doctor", "--json"]])
def test_a_reader_that_leaves_is_no_bug(
    arguments: list[str], start: Callable[..., subprocess.Popen[str]]
) -> None:
    running = start(*arguments)
    assert running.stdout is not None
    running.stdout.close()
    running.stdout = None
    _, err = running.communicate(timeout=120)
    assert (running.returncode, err) == (1, "")


@pytest.mark.skipif(os.name != "posix", reason="a shell closes streams")
@pytest.mark.parametrize("command", ["weights list", "--version", "--help", "weights --help"])
@pytest.mark.parametrize(
    ("streams", "code", "told"),
    [
        (">&-", 0, ""),
        ("2>&-", 0, ""),
        (">&- 2>&-", 0, ""),
        pytest.param(
            ">/dev/full", 1, "xmempp: The disk is full.\n",
            marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it"),
        ),
        pytest.param(
            ">/dev/full 2>/dev/full", 1, "",
            marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it"),
        ),
    ],
)  # fmt: skip
def test_streams_that_take_nothing_are_no_bug(
    command: str, streams: str, code: int, told: str
) -> None:
    line = f"exec {sys.executable} -m engine_server.cli {command} {streams}"
    buffered = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    ended = subprocess.run(
        ["sh", "-c", line], cwd=ROOT, env=buffered, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (code, told)


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as a signal")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_being_stopped_keeps_finished_frames(
    tmp_path: Path,
    start: Callable[..., subprocess.Popen[str]],
    sign: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By Ctrl-C, and by a farm."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    write_plate(tmp_path / "plate", SHOT.pictures[:1])
    for frame in range(1002, 1602):
        os.link(tmp_path / "plate" / "plate.1001.png", tmp_path / "plate" / f"plate.{frame}.png")
    painted = write_masks(tmp_path / "painted", {1001: SHOT.labels[0]})
    out = tmp_path / "out"
    running = start("propagate", "-v", tmp_path / "plate", "-m", painted, "-o", out)
    limit = time.monotonic() + 120
    while len(list(out.glob("masks/*.png"))) < 3 and time.monotonic() < limit:
        assert running.poll() is None, running.communicate()[1]
        time.sleep(0.02)
    running.send_signal(sign)
    told, err = running.communicate(timeout=60)
    assert (running.returncode, told) == (1, "")
    assert "Stopped" in err
    assert "Traceback" not in err
    done = sorted(path.stem for path in out.glob("masks/*"))
    assert 3 <= len(done) < 601
    assert all(read_png(out / "masks" / f"{stem}.png").shape == SHOT.size for stem in done)
    assert sorted(path.stem for path in out.glob("overlays/*")) == done
    with (out / "confidence.csv").open(encoding="utf-8", newline="") as file:
        assert [row["stem"] for row in csv.DictReader(file)] == done
    assert not list(out.rglob(".*"))
    left = [path.name for path in (tmp_path / "temporary").iterdir()]
    assert not [name for name in left if name.startswith("xmempp")]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_no_bug() -> None:
    command = [sys.executable, "-m", "engine_server.cli", "weights", "list"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (ended.returncode, ended.stderr) == (1, "xmempp: The disk is full.\n")
