# SPDX-License-Identifier: Apache-2.0
"""How many threads compute."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

from engine_server.network.inference import use_threads
from shared.errors import UsageError


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_as_many_as_asked_for() -> None:
    use_threads(3)
    assert torch.get_num_threads() == 3


def test_the_environment_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    torch.set_num_threads(2)
    use_threads(None)
    assert torch.get_num_threads() == 2


def test_else_what_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    of_this = {0: {0, 1, 2, 3}}  # 0 means the process that asks
    monkeypatch.setattr(os, "sched_getaffinity", of_this.__getitem__, raising=False)
    use_threads(None)
    assert torch.get_num_threads() == 4


def test_what_is_asked_for_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    use_threads(3)
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize(("processors", "threads"), [(5, 5), (None, 1)])
def test_where_nobody_tells_all_processors_are_used(
    monkeypatch: pytest.MonkeyPatch, processors: int | None, threads: int
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    use_threads(None)
    assert torch.get_num_threads() == threads


def test_none_is_refused() -> None:
    with pytest.raises(UsageError, match="0 threads"):
        use_threads(0)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's heaps")
def test_all_threads_take_memory_from_one_heap() -> None:
    """glibc's own account of its heaps has as many as there are."""
    script = (
        "import ctypes, os, sys, threading\n"
        "from engine_server.processors import one_heap\n"
        "one_heap() if sys.argv[1] == 'one' else None\n"
        "ready = threading.Barrier(4)\n"
        "def work():\n"
        "    kept = [bytearray(3000) for _ in range(50)]\n"
        "    ready.wait()\n"
        "made = [threading.Thread(target=work) for _ in range(4)]\n"
        "[each.start() for each in made]\n"
        "[each.join() for each in made]\n"
        "libc = ctypes.CDLL(None)\n"
        "stdout = ctypes.c_void_p.in_dll(libc, 'stdout')\n"
        "libc.malloc_info(0, stdout)\n"
        "libc.fflush(stdout)\n"
    )
    heaps = [
        subprocess.run(
            [sys.executable, "-c", script, how], capture_output=True, text=True, check=True
        ).stdout.count("<heap nr=")
        for how in ("one", "own")
    ]
    assert heaps[0] == 1 < heaps[1]
