# SPDX-License-Identifier: Apache-2.0
"""Kills the engine at random instants of a scripted session, and looks what is on disk.

    python -m benchmarks.kill --count 200

Every confirmed reference, object and lock must be there, byte for byte, and every finished
matte; the project must verify, and open again. Exit code 1 if anything is not so.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.artist import COUNT, FIRST, SIZE, Artist, Gone, on_disk
from benchmarks.drawn import DrawnShot
from benchmarks.zygote import Engine, Zygote
from engine_server.media.write import encode_png
from engine_server.session.workspace import ProjectFolder
from engine_server.session.workspace.upkeep import verify
from shared.client import Client, Introduction
from shared.messages import AttachSession, JobDone, OpenClip, PathClip

__all__ = ["Outcome", "kill_once", "run_kills"]


@dataclass(frozen=True)
class Outcome:
    """What one kill led to.

    Attributes:
        confirmed: requests that had been confirmed.
        running: whether a propagation was running.
        problem: what was wrong afterwards; empty for nothing.
    """

    confirmed: int
    running: bool
    problem: str = ""


def draw_plate(folder: Path) -> Path:
    """A small drawn clip."""
    folder.mkdir(parents=True)
    shot = DrawnShot(*SIZE)
    for frame in range(FIRST, FIRST + COUNT):
        (folder / f"plate.{frame}.png").write_bytes(encode_png(shot.frame(frame)[0]))
    return folder


def kill_once(zygote: Zygote, plate: Path, workspace: Path, seed: int, longest: float) -> Outcome:
    """Starts an engine, works with it, and kills it at a random instant.

    Args:
        zygote: starts engines.
        plate: of a drawn clip.
        workspace: an empty folder.
        seed: of the work and the instant.
        longest: seconds until the kill at most.
    """
    workspace.mkdir(parents=True)
    engine = zygote.start(workspace)
    with Client(engine.connection, who=Introduction(log_level=None)) as client:
        state = client.ask(OpenClip(PathClip(str(plate)), model="lite"), deadline=60)
        artist = Artist(client, state.session, seed, lambda: engine.alive)
        instant = random.Random(seed).uniform(0.01, longest)  # noqa: S311 no secret
        timer = threading.Timer(instant, engine.kill)
        timer.start()
        try:
            artist.work()
        except Gone:
            pass
        finally:
            timer.join()
    problem = _examined(zygote, artist, ProjectFolder(Path(state.workspace)), workspace)
    return Outcome(artist.asked, artist.running, problem)


def _examined(zygote: Zygote, artist: Artist, folder: ProjectFolder, workspace: Path) -> str:
    """What is wrong with the project; nothing if it is as it must be."""
    if problems := verify(folder):
        return "; ".join(problems)
    if not artist.agrees(on_disk(folder)):
        return "what is on disk is not what was confirmed"
    return _reopened(zygote.start(workspace), artist, folder)


def _reopened(engine: Engine, artist: Artist, folder: ProjectFolder) -> str:
    """Whether a new engine opens it, and a propagation goes on to its end."""
    try:
        with Client(engine.connection, who=Introduction(log_level=None)) as client:
            attach = AttachSession(str(folder.path))
            state = client.ask(attach, artist.session, deadline=60)
            if set(state.references) != {frame for frame, _ in on_disk(folder).painted}:
                return "the engine shows other references than there are"
            if state.jobs and not _ended(client, state.jobs[0].job):
                return "an interrupted propagation did not come to its end"
    finally:
        engine.kill()
        engine.wait()
    return "; ".join(verify(folder))


def _ended(client: Client, job: str) -> bool:
    """Waits for a job; whether it was done."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for envelope in client.pump():
            if isinstance(envelope.message, JobDone) and envelope.message.job == job:
                return True
        time.sleep(0.005)
    return False


def run_kills(count: int, *, seed: int = 0, longest: float = 2.0) -> list[Outcome]:
    """So many kills, each on a project of its own."""
    zygote = Zygote()
    try:
        with tempfile.TemporaryDirectory(prefix="xmempp-kill-") as folder:
            plate = draw_plate(Path(folder) / "plate")
            return [
                kill_once(zygote, plate, Path(folder) / f"{n}", seed + n, longest)
                for n in range(count)
            ]
    finally:
        zygote.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--longest", type=float, default=2.0, help="seconds of work at most")
    options = parser.parse_args()
    began = time.monotonic()
    outcomes = run_kills(options.count, seed=options.seed, longest=options.longest)
    problems = [outcome.problem for outcome in outcomes if outcome.problem]
    told = {
        "kills": len(outcomes),
        "during a propagation": sum(outcome.running for outcome in outcomes),
        "requests confirmed": sum(outcome.confirmed for outcome in outcomes),
        "problems": problems,
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(told, indent=1))
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
