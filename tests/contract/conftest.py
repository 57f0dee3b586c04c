# SPDX-License-Identifier: Apache-2.0
"""A small engine, and a client that finds it by its connection file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.client import Client
from shared.connection import read_connection

from .pumping import QUICK
from .router import Router


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Router]:
    router = Router(tmp_path)
    yield router
    router.stop()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with Client(lambda: read_connection(tmp_path / "connection.json"), timing=QUICK) as client:
        yield client
