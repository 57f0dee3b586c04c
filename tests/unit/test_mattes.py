# SPDX-License-Identifier: Apache-2.0
"""The store of finished mattes: no folder before there is something to keep, none after."""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path

import numpy as np
import pytest

from engine_server.session.mattes import MatteStore
from shared.errors import UnknownFrame, UsageError

MATTE = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_the_folder_lives_from_the_first_matte_to_the_end(folder: Path) -> None:
    store = MatteStore()
    assert not list(folder.iterdir())
    store.put(7, {1: MATTE})
    assert len(list(folder.iterdir())) == 1
    assert np.abs(store.get(7, 1) - MATTE).max() <= 1 / 65535
    store.close()
    assert not list(folder.iterdir())


def test_a_closed_store_stays_closed(folder: Path) -> None:
    store = MatteStore()
    store.put(7, {1: MATTE})
    store.close()
    store.close()
    with pytest.raises(UsageError, match="closed"):
        store.put(7, {1: MATTE})
    with pytest.raises(UnknownFrame):
        store.get(7, 1)
    assert store.frames == ()
    assert not list(folder.iterdir())


def test_a_forgotten_store_leaves_nothing(folder: Path) -> None:
    store = MatteStore()
    store.put(7, {1: MATTE})
    del store
    gc.collect()
    assert not list(folder.iterdir())
