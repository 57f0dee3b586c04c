# SPDX-License-Identifier: Apache-2.0
"""The headless client of the examples, on a part of the sample shot."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from benchmarks.zygote import Engine
from engine_server.sample import sample_shot
from examples.headless_client import play
from tests.process.engines import connected


@pytest.mark.skipif(os.name != "posix", reason="engines are forked")
def test_a_third_reference_at_the_candidate_makes_it_better(engine: Engine, tmp_path: Path) -> None:
    shot = sample_shot()
    for source, name in ((shot.plate, "plate"), (shot.truth, "truth")):
        (tmp_path / name).mkdir()
        for path in sorted(source.iterdir())[::6]:
            shutil.copy(path, tmp_path / name)
    with connected(engine) as client:
        played = play(client, tmp_path / "plate", tmp_path / "truth")
    assert len(set(played.painted)) == 3
    assert 0.3 < played.before < played.after <= 1
