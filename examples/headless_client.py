# SPDX-License-Identifier: Apache-2.0
"""A client without a host: starts an engine, and plays the artist on a shot.

    python -m examples.headless_client
    python -m examples.headless_client --plate JPEGImages/dog --truth Annotations/dog

Opens the clip, paints two frames (copied from the true masks), propagates, asks which frame to
paint next, paints that one, propagates again, and measures J&F before and after, over the frames
that are painted in neither. Without arguments it takes the sample shot.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine_server.evaluation.measures import boundary_measure, region_measure
from engine_server.media import open_plate, read_masks
from engine_server.sample import sample_shot
from shared.client import Client
from shared.engine_process import EngineProcess
from shared.image import RawImage
from shared.messages import (
    AddObject,
    AddReference,
    GetMattes,
    GetSuggestions,
    JobDone,
    JobFailed,
    OpenClip,
    PaintedMatte,
    PathClip,
    Progress,
    Propagate,
    Shutdown,
    Suggest,
)

__all__ = ["Played", "play"]

# An installed engine is started by `xmempp`; this one also runs in a checkout.
_SERVE = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from engine_server.cli import main; sys.exit(main())"
)

Masks = Mapping[int, Mapping[int, NDArray[np.float32]]]


@dataclass(frozen=True)
class Played:
    """What came of it.

    Attributes:
        painted: frames, in the order in which they were painted.
        before, after: J&F with two references and with three, 0..1, over all frames but those two;
            the third one is what the artist wanted better.
    """

    painted: tuple[int, int, int]
    before: float
    after: float


class Artist:
    """Works on one clip through a client.

    Args:
        client: of a running engine.
        plate: path of the clip.
        truth: true masks by frame and object.
        names: of the objects.
    """

    def __init__(self, client: Client, plate: Path, truth: Masks, names: Mapping[int, str]) -> None:
        self.client, self.truth = client, truth
        state = client.ask(OpenClip(PathClip(str(plate.absolute()))), deadline=120)
        self.session = state.session
        for obj, name in names.items():
            client.ask(AddObject(name, object=obj), self.session)

    def paint(self, frame: int) -> None:
        """Paints what is true at a frame."""
        told = tuple(
            PaintedMatte(obj, "painted", _raw(matte)) for obj, matte in self.truth[frame].items()
        )
        self.client.ask(AddReference(frame, told), self.session)

    def propagate(self) -> None:
        """Carries it through the clip, and shows how far it is."""
        self._wait(self.client.ask(Propagate(), self.session).job)

    def candidate(self) -> int:
        """The frame to paint next."""
        self._wait(self.client.ask(Suggest(count=1), self.session).job)
        return self.client.ask(GetSuggestions(), self.session).frames[0]

    def score(self, leave: Collection[int]) -> float:
        """J&F over all frames and objects, without the frames left out."""
        values = []
        for frame in sorted(set(self.truth) - set(leave)):
            labels = self._labels(frame)
            for obj, true in self.truth[frame].items():
                pair = (labels == obj, true > 0.5)
                values.append((region_measure(*pair) + boundary_measure(*pair)) / 2)
        return statistics.mean(values)

    def _labels(self, frame: int) -> NDArray[np.uint8]:
        """H x W object numbers: the most probable of each pixel, 0 for none."""
        mattes = self.client.ask(GetMattes((frame,)), self.session).mattes
        planes = {matte.object: _pixels(matte.image) for matte in mattes}
        stacked = np.stack(list(planes.values()))
        nothing = np.clip(1 - stacked.sum(0, keepdims=True), 0, 1)
        ids = np.array([0, *planes], np.uint8)
        return np.asarray(ids[np.concatenate([nothing, stacked]).argmax(0)])

    def _wait(self, job: str) -> None:
        while True:
            for envelope in self.client.pump():
                message = envelope.message
                if isinstance(message, Progress):
                    print(f"\r{message.work} {message.done}/{message.total} ", end="", flush=True)
                if isinstance(message, JobFailed):
                    raise RuntimeError(message.sentence)
                if isinstance(message, JobDone) and message.job == job:
                    print(f"in {message.seconds:.1f} s")
                    return
            time.sleep(0.01)


def play(client: Client, plate: Path, masks: Path) -> Played:
    """Plays the artist.

    Args:
        client: of a running engine.
        plate: folder, pattern or movie.
        masks: true masks of its frames.
    """
    shot = read_masks(masks, open_plate(plate))
    frames = sorted(shot.frames)
    artist = Artist(client, plate, shot.frames, shot.names)
    first, second = frames[0], frames[len(frames) // 4]
    for frame in (first, second):
        artist.paint(frame)
    artist.propagate()
    third = artist.candidate()
    before = artist.score(leave=(first, second))
    artist.paint(third)
    artist.propagate()
    return Played((first, second, third), before, artist.score(leave=(first, second)))


def _raw(matte: NDArray[np.float32]) -> RawImage:
    data = np.ascontiguousarray(matte)
    return RawImage("float32", data.shape, ("A",), "data", data.data.cast("B"))


def _pixels(image: Any) -> NDArray[np.float32]:
    return np.frombuffer(image.data, np.float32).reshape(image.shape)


def main() -> int:
    """Starts an engine of its own, plays, and prints what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--plate", type=Path, default=sample_shot().plate)
    parser.add_argument("--truth", type=Path, default=sample_shot().truth)
    parser.add_argument("--json", action="store_true", help="print the result as JSON as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="xmempp-headless-") as folder:
        workspace = Path(folder) / "projects"
        program = [sys.executable, "-c", _SERVE, str(Path(__file__).parents[1])]
        engine = EngineProcess(program, Path(folder), options=["--workspace", str(workspace)])
        engine.start()
        try:
            with Client(engine.connection) as client:
                client.connect(120)
                played = play(client, options.plate, options.truth)
                client.ask(Shutdown())
        finally:
            engine.stop()
    painted = ", ".join(map(str, played.painted))
    print(f"painted {painted}: J&F {played.before:.3f} with two, {played.after:.3f} with three")
    if options.json:
        print(json.dumps(vars(played)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
