# SPDX-License-Identifier: Apache-2.0
"""How quickly the engine answers control messages while it computes.

    python -m benchmarks.latency --height 1080 --seconds 60

Pings and status requests at random instants, over a real socket, while a propagation of a drawn
shot runs with all threads. Prints the distribution in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.artist import raw_matte
from benchmarks.drawn import DrawnShot
from benchmarks.zygote import Engine, Zygote
from engine_server.media.write import encode_png
from shared.client import Client
from shared.messages import (
    AddObject,
    AddReference,
    GetSession,
    OpenClip,
    PaintedMatte,
    PathClip,
    Ping,
    Progress,
    Propagate,
    Shutdown,
    Status,
)

__all__ = ["measure"]

FIRST = 1001


def measure(engine: Engine, plate: Path, matte: np.ndarray, seconds: float) -> dict[str, float]:
    """Round trips in milliseconds while a propagation runs.

    Args:
        engine: a running one.
        plate: a folder of frames from 1001.
        matte: painted on the first, H x W float32.
        seconds: how long to measure at most; it ends with the propagation.
    """
    with Client(engine.connection) as client:
        session = client.ask(OpenClip(PathClip(str(plate)), model="lite"), deadline=60).session
        client.ask(AddObject("object"), session)
        told = PaintedMatte(1, "painted", raw_matte(matte))
        client.ask(AddReference(FIRST, (told,)), session)
        client.ask(Propagate(), session)
        trips, frames, pictures = _trips(client, session, seconds)
    trips.sort()
    return {
        "round trips": len(trips),
        "frames meanwhile": frames,
        "p50": round(statistics.median(trips), 2),
        "p99": round(trips[int(len(trips) * 0.99)], 2),
        "longest": round(trips[-1], 2),
        "request between frames, median": round(statistics.median(pictures), 1),
    }


def _trips(client: Client, session: str, seconds: float) -> tuple[list[float], int, list[float]]:
    trips: list[float] = []
    requests: list[float] = []
    frames = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        request = random.choice([Ping(), Status(of=session)])  # noqa: S311 no secret
        trips.append(_timed(client, request, None))
        if len(trips) % 50 == 0:
            requests.append(_timed(client, GetSession(), session))
        events = [envelope.message for envelope in client.pump()]
        progress = [event for event in events if isinstance(event, Progress)]
        frames = progress[-1].done if progress else frames
        if progress and frames == progress[-1].total:
            break
        time.sleep(random.uniform(0, 0.02))  # noqa: S311 no secret
    return trips, frames, requests or [0.0]


def _timed(client: Client, request: object, session: str | None) -> float:
    began = time.perf_counter()
    client.ask(request, session)  # type: ignore[arg-type]
    return (time.perf_counter() - began) * 1000


def _drawn(folder: Path, height: int, frames: int) -> tuple[Path, np.ndarray]:
    folder.mkdir()
    shot = DrawnShot(height, height * 16 // 9)
    for frame in range(FIRST, FIRST + frames):
        (folder / f"plate.{frame}.png").write_bytes(encode_png(shot.frame(frame)[0]))
    return folder, shot.frame(FIRST)[1][1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--height", type=int, default=1080)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    zygote = Zygote(options.threads)
    try:
        with tempfile.TemporaryDirectory(prefix="xmempp-latency-") as folder:
            plate, matte = _drawn(Path(folder) / "plate", options.height, options.frames)
            (Path(folder) / "projects").mkdir()
            engine = zygote.start(Path(folder) / "projects", "--threads", options.threads)
            print(json.dumps(measure(engine, plate, matte, options.seconds), indent=1))
            with Client(engine.connection) as client:
                client.ask(Shutdown())
            engine.wait()
    finally:
        zygote.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
