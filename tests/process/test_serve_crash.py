# SPDX-License-Identifier: Apache-2.0
"""Engines that are killed: nothing that was confirmed is lost, and work goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.kill import run_kills
from benchmarks.zygote import ROOT, Engine, Zygote
from shared.client import Client
from shared.errors import EngineUnreachable
from shared.messages import (
    AddObject,
    EngineStopping,
    GetConfidence,
    GetMattes,
    GetSession,
    MatteReady,
    Propagate,
    Shutdown,
)
from tests.drawn import draw_shot, write_plate
from tests.process.engines import (
    QUICK,
    connected,
    finished,
    opened,
    painted_session,
    taken_up,
    until,
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are forked and killed")

SHOT = draw_shot(16, height=120, width=160)


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    return write_plate(tmp_path / "plate", SHOT.pictures)


def test_kills_at_random_instants_lose_nothing() -> None:
    """`benchmarks/kill.py` does this 200 times."""
    outcomes = run_kills(4, seed=1000, longest=1.5)
    assert [outcome.problem for outcome in outcomes] == [""] * 4
    assert sum(outcome.confirmed for outcome in outcomes) > 0


def test_a_propagation_goes_on_after_a_crash_where_it_was(
    zygote: Zygote, tmp_path: Path, plate: Path
) -> None:
    workspace = tmp_path / "projects"
    workspace.mkdir()
    engines = [zygote.start(workspace, "--quiet")]

    def source() -> object:
        return engines[-1].connection()

    with Client(source, timing=QUICK) as client:  # type: ignore[arg-type]
        session = painted_session(client, plate, SHOT)
        job = client.ask(Propagate(), session).job
        came = until(client, lambda e: isinstance(e.message, MatteReady) and e.message.frame > 1004)
        before = {e.message.frame for e in came if isinstance(e.message, MatteReady)}
        mattes = _mattes(client, session, before)
        engines[0].kill()
        assert engines[0].wait()
        engines.append(zygote.start(workspace, "--quiet"))
        state = taken_up(client)
        assert [running.job for running in state.jobs] == [job]
        done, after = finished(client, job)
        assert done.frames == ((1001, 1016),)
        assert not before & set(after)
        assert len(client.ask(GetConfidence(), session).values) == 16
        assert _mattes(client, session, before) == mattes
        assert client.ask(GetSession(), session).undo == "propagate"
        client.ask(Shutdown())
    assert engines[1].wait()


def _mattes(client: Client, session: str, frames: set[int]) -> list[bytes]:
    found = client.ask(GetMattes(tuple(sorted(frames))), session).mattes
    return [bytes(matte.image.data) for matte in found]  # type: ignore[union-attr]


def nothing_left(workspace: Path) -> bool:
    return not [*workspace.rglob("lock"), *workspace.rglob(".engine.json")]


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_in_order(
    engine: Engine, tmp_path: Path, plate: Path, sign: signal.Signals
) -> None:
    with connected(engine) as client:
        session = painted_session(client, plate, SHOT)
        client.ask(Propagate(), session)
        until(client, lambda e: isinstance(e.message, MatteReady))
        os.kill(engine.pid, sign)
        until(client, lambda e: isinstance(e.message, EngineStopping))
    assert engine.wait()
    assert nothing_left(tmp_path / "projects")


@pytest.mark.parametrize("wait", [False, True])
def test_a_message_ends_it(engine: Engine, tmp_path: Path, plate: Path, wait: bool) -> None:
    with connected(engine) as client:
        session = painted_session(client, plate, SHOT)
        workspace = client.ask(GetSession(), session).workspace
        client.ask(Propagate(flow=False), session)
        client.ask(Shutdown(wait=wait))
    assert engine.wait(60)
    assert nothing_left(tmp_path / "projects")
    log = (Path(workspace) / "edits.jsonl").read_text()
    assert (log.count('"do": "matte"') == 16) == wait
    assert ('"how": "done"' in log) == wait


@pytest.mark.parametrize("how", ["pipe", "pid"])
def test_it_ends_with_its_parent(tmp_path: Path, how: str) -> None:
    workspace = tmp_path / "projects"
    code = (
        "import subprocess, sys, time\n"
        "how, workspace = sys.argv[1:]\n"
        "import os\n"
        "extra = ['--with-parent'] if how == 'pipe' else ['--parent-pid', str(os.getpid())]\n"
        "child = subprocess.Popen([sys.executable, '-m', 'engine_server.cli', 'serve', '--quiet',\n"
        "    '--workspace', workspace, '--device', 'cpu', *extra], stdin=subprocess.PIPE)\n"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, how, str(workspace)], stdout=subprocess.PIPE, cwd=ROOT
    )
    with parent:
        assert parent.stdout is not None
        engine = Engine(int(parent.stdout.readline()), workspace / ".engine.json")
        end = time.monotonic() + 120
        while not engine.file.exists() and time.monotonic() < end:
            time.sleep(0.05)
        parent.kill()
    assert engine.wait(30)
    assert nothing_left(workspace)


def test_a_stale_lock_and_connection_file_are_no_hindrance(
    zygote: Zygote, tmp_path: Path, plate: Path
) -> None:
    workspace = tmp_path / "projects"
    workspace.mkdir()
    first = zygote.start(workspace, "--quiet")
    with connected(first) as client:
        session = painted_session(client, plate, SHOT)
        folder = Path(client.ask(GetSession(), session).workspace)
    first.kill()
    assert first.wait()
    assert json.loads((folder / "lock").read_text())["pid"] == first.pid
    with pytest.raises(EngineUnreachable), Client(first.connection, timing=QUICK) as client:
        client.connect(2)
    second = zygote.start(workspace, "--quiet")
    with connected(second) as client:
        again = opened(client, plate, objects=0)
        assert again == session
        client.ask(AddObject("more"), session)
        client.ask(Shutdown())
    assert second.wait()
    assert nothing_left(workspace)


def test_two_engines_leave_each_other_alone(
    zygote: Zygote, engine: Engine, tmp_path: Path, plate: Path
) -> None:
    """On one workspace: the second refuses the project that is open in the first."""
    with connected(engine) as client:
        painted_session(client, plate, SHOT)
        other = zygote.start(tmp_path / "projects", "--quiet", file=tmp_path / "other.json")
        with connected(other) as second:
            with pytest.raises(Exception, match=f"process {engine.pid}"):
                painted_session(second, plate, SHOT)
            second.ask(Shutdown())
        assert other.wait()
        assert not other.file.exists()
        client.ask(AddObject("still here"), client.ask(GetSession(), *client.sessions).session)


Start = Callable[..., subprocess.Popen[str]]


def test_addresses_that_others_can_reach_need_curve(
    start: Start, zygote: Zygote, tmp_path: Path
) -> None:
    ended = start("serve", "--bind", "tcp://0.0.0.0:*", "--workspace", tmp_path / "w")
    _, err = ended.communicate(timeout=120)
    assert ended.returncode == 1
    assert "Other machines can reach" in err
    engine = zygote.start(tmp_path / "w", "--quiet", "--curve")
    with connected(engine) as client:
        assert client.ask(Shutdown())
    assert engine.wait()
