# SPDX-License-Identifier: Apache-2.0
"""Starting, watching and ending an engine: a real child process that only pretends to work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.engine_process import EngineProcess, RestartPolicy
from shared.errors import EngineFailed, EngineUnreachable

ROOT = Path(__file__).parents[2]
QUICK = RestartPolicy(gap=0.05, limit=2, starting=30.0)

ENGINE = """
import os, sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from shared.connection import Connection, new_key, write_connection
print("serving", *sys.argv[1:], flush=True)
print("leaked", os.environ.get("PYTHONPATH"), flush=True)
{first}
path = Path(sys.argv[sys.argv.index("--connection-file") + 1])
write_connection(path, Connection("tcp://127.0.0.1:1", new_key(), os.getpid()))
assert "--with-parent" in sys.argv
sys.stdin.buffer.read()
{last}
"""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Callable[..., EngineProcess]]:
    made: list[EngineProcess] = []

    def make(*, first: str = "", last: str = "", policy: RestartPolicy = QUICK) -> EngineProcess:
        script = tmp_path / "engine.py"
        script.write_text(ENGINE.format(root=str(ROOT), first=first, last=last))
        program = [sys.executable, str(script)]
        made.append(EngineProcess(program, tmp_path / "run", options=["--x"], policy=policy))
        return made[-1]

    yield make
    for process in made:
        process.stop(0.1)


def until(finished: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not finished():
        assert time.monotonic() < end
        time.sleep(0.01)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def test_it_starts_tells_where_and_stops(
    engine: Callable[..., EngineProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/of/the/host")
    process = engine()
    assert process.state == "stopped"
    with pytest.raises(EngineUnreachable, match="stopped"):
        process.connection()
    process.start()
    until(lambda: process.watch() == "running")
    assert process.connection().pid == process.pid
    pid = process.pid or 0
    process.stop()
    assert process.state == "stopped"
    assert not lives(pid)
    log = process.log_path.read_text()
    assert "--x" in log
    assert "leaked None" in log
    assert not list(process.log_path.parent.glob("*.json"))


def test_starting_twice_is_starting_once(engine: Callable[..., EngineProcess]) -> None:
    process = engine()
    process.start()
    pid = process.pid
    process.start()
    assert process.pid == pid


def test_one_that_ended_is_started_again(engine: Callable[..., EngineProcess]) -> None:
    process = engine()
    process.start()
    until(lambda: process.watch() == "running")
    pid, key = process.pid or 0, process.connection().key
    os.kill(pid, signal.SIGKILL)
    until(lambda: process.watch() == "running" and process.pid != pid)
    assert process.connection().key != key


def test_one_that_ends_always_is_given_up(engine: Callable[..., EngineProcess]) -> None:
    process = engine(first="raise SystemExit('no weights')")
    process.start()
    with pytest.raises(EngineFailed, match="no weights"):
        until(lambda: process.watch() == "running")
    assert process.state == "stopped"
    assert len(process.log_path.read_text().split("serving")) - 1 == QUICK.limit + 1


def test_one_that_does_not_come_up_is_given_up(engine: Callable[..., EngineProcess]) -> None:
    process = engine(first="time.sleep(60)", policy=RestartPolicy(starting=0.3))
    process.start()
    pid = process.pid or 0
    with pytest.raises(EngineFailed, match="come up"):
        until(lambda: process.watch() == "running")
    assert not lives(pid)


def test_one_that_does_not_end_is_ended_by_force(engine: Callable[..., EngineProcess]) -> None:
    process = engine(
        first="import signal; signal.signal(15, signal.SIG_IGN)", last="time.sleep(60)"
    )
    process.start()
    until(lambda: process.watch() == "running")
    pid = process.pid or 0
    process.stop(0.2)
    assert not lives(pid)


def test_a_program_that_is_none_is_told(tmp_path: Path) -> None:
    process = EngineProcess([str(tmp_path / "nothing")], tmp_path)
    with pytest.raises(EngineFailed, match="nothing"):
        process.start()
    assert process.state == "stopped"


@pytest.mark.parametrize("how", ["os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_the_engine_ends_with_its_parent(
    engine: Callable[..., EngineProcess], tmp_path: Path, how: str
) -> None:
    engine()  # writes the script
    parent = f"""
import os, sys, time
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from shared.engine_process import EngineProcess
process = EngineProcess([sys.executable, {str(tmp_path / "engine.py")!r}], Path({str(tmp_path)!r}))
process.start()
while process.watch() != "running":
    time.sleep(0.01)
print(process.pid, flush=True)
{how}
"""
    ended = subprocess.run(
        [sys.executable, "-c", parent], capture_output=True, text=True, timeout=60, check=False
    )
    pid = int(ended.stdout)
    until(lambda: not lives(pid))
