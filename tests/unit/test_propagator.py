# SPDX-License-Identifier: Apache-2.0
"""What happens when memory runs out: smaller, then on the CPU, then a sentence."""

from __future__ import annotations

import logging
from pathlib import Path
from unittest import mock

import pytest
import torch

from engine_server.network.inference import Precision, Runtime
from engine_server.session import Direction
from engine_server.session.extent import Extent
from engine_server.session.propagator import _attempts, _is_out_of_memory
from engine_server.session.tracker import Found, Tracker
from shared.errors import OutOfMemory
from tests.unit.sessions import FIRST, painted_session


def running_out(times: int, *, after: int = 0) -> object:
    """A step that fails so many times, after so many that don't."""
    left, fine = [times], [after]
    real = Tracker.see

    def see(self: Tracker, *args: object, **options: object) -> Found:
        if fine[0]:
            fine[0] -= 1
        elif left[0]:
            left[0] -= 1
            raise torch.OutOfMemoryError("device out of memory")
        return real(self, *args, **options)  # type: ignore[arg-type]

    return mock.patch.object(Tracker, "see", see)


def test_a_frame_is_tried_again_smaller(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    session, _ = painted_session(tmp_path, at=(0,))
    before = session._propagator.base.model
    with running_out(1), caplog.at_level(logging.WARNING):
        report = session.propagate()
    assert report.done == list(session.plate.frames)
    assert session._propagator.base.model == tuple(round(side * 0.75) for side in before)
    assert "memory ran out" in caplog.text
    assert session.matte(session.plate.frames[-1], 1).shape == session.plate.size


@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
@pytest.mark.parametrize("after", [3, 5, 8, 11])
def test_in_the_midst_of_a_stretch_no_frame_is_lost(
    tmp_path: Path, after: int, direction: Direction
) -> None:
    session, _ = painted_session(tmp_path, at=(0, 5))
    before = session._propagator.base.model
    with running_out(1, after=after):
        report = session.propagate(direction=direction)
    assert session._propagator.base.model != before
    assert sorted(report.done) == list(session.plate.frames)
    assert len(report.done) == 6


def test_what_is_painted_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for every sweep: edges of large mattes take their time."""
    session, _ = painted_session(tmp_path, at=(0, 2, 5))
    measured, real = [], Extent.of
    monkeypatch.setattr(Extent, "of", lambda told: measured.append(1) or real(told))
    session.propagate(direction="both")
    assert len(measured) == 1
    session.remove_reference(FIRST + 5)
    session.propagate(direction="both")
    assert len(measured) == 2


def test_a_frame_too_many_is_one_sentence(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path, at=(0,))
    with running_out(99), pytest.raises(OutOfMemory, match="frame 1001") as caught:
        session.propagate()
    assert "smaller" in caught.value.hint


def test_other_errors_are_not_swallowed(tmp_path: Path) -> None:
    session, _ = painted_session(tmp_path, at=(0,))
    broken = mock.patch.object(Tracker, "see", side_effect=RuntimeError("shapes differ"))
    with broken, pytest.raises(RuntimeError, match="shapes differ"):
        session.propagate()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_number_format_asked_for_is_kept_on_the_cpu(precision: Precision) -> None:
    dtype = getattr(torch, precision)
    runtime = Runtime(torch.device("cuda"), dtype, precision=precision)
    *_, (last, _) = _attempts(runtime, 480)
    assert last == Runtime(torch.device("cpu"), dtype)


def test_a_device_gives_way_to_the_cpu_last() -> None:
    tried = list(_attempts(Runtime(torch.device("cuda"), torch.float32), 480))
    assert [(where.device.type, size) for where, size in tried] == [
        ("cuda", 480),
        ("cuda", 360),
        ("cuda", 240),
        ("cpu", 480),
        ("cpu", 360),
        ("cpu", 240),
    ]


@pytest.mark.parametrize(
    ("error", "ran_out"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (MemoryError(), True),
        (RuntimeError("shapes differ"), False),
    ],
)
def test_what_running_out_of_memory_looks_like(error: Exception, ran_out: bool) -> None:
    assert _is_out_of_memory(error) is ran_out


def test_a_new_device_gets_unrounded_weights(tmp_path: Path) -> None:
    """From bfloat16 on a GPU to float32 on an old processor."""
    session, _ = painted_session(tmp_path, at=(0,))
    propagator = session._propagator
    propagator._begin((Runtime(torch.device("cpu"), torch.bfloat16), 48))
    propagator._begin((Runtime(torch.device("cpu"), torch.float32), 48))
    session.propagate()
    weights = [p for p in session.tracker.network.parameters() if p.dtype.is_floating_point]
    assert {p.dtype for p in weights} == {torch.float32}
    assert any((p != p.bfloat16().float()).any() for p in weights)
