# SPDX-License-Identifier: Apache-2.0
"""Strangers who open connections and say nothing don't keep an artist's work from the disk."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import pytest

from benchmarks.zygote import Zygote
from shared.messages import Ping
from tests.drawn import draw_shot, write_plate
from tests.process.engines import connected, painted_session

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="engines are forked")

SHOT = draw_shot(3)
STRANGERS = 1500


def test_a_thousand_silent_connections_take_no_files_away(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 3 * STRANGERS:
        pytest.skip("so many files can't be open here")
    (tmp_path / "projects").mkdir()
    plate = write_plate(tmp_path / "plate", SHOT.pictures)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    zygote = Zygote()
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * STRANGERS), hard))
    try:
        with contextlib.ExitStack() as held:
            engine = zygote.start(tmp_path / "projects", "--quiet")
            held.callback(engine.kill)
            client = held.enter_context(connected(engine))
            port = int(engine.connection().endpoint.rpartition(":")[2])
            for _ in range(STRANGERS):
                held.enter_context(socket.create_connection(("127.0.0.1", port)))
            assert painted_session(client, plate, SHOT)
            client.ask(Ping(), deadline=5)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        zygote.close()
