# SPDX-License-Identifier: Apache-2.0
"""Looks side by side: their order, what each of them knows, and the threads they share."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine_server import FrameResult
from engine_server.network.inference import threads
from engine_server.session.between import Seen, View
from engine_server.session.lanes import LANES, Lanes, lanes
from engine_server.session.preparation import Preparation
from engine_server.session.tracker import Found
from tests.drawn import draw_shot
from tests.unit.sessions import FIRST, painted_session

NOTHING = np.zeros((1, 1, 3), np.uint8)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(LANES) as made:
        yield made


class Network:
    """What it sees of a frame is which frames it remembered when the look was planned."""

    def __init__(self) -> None:
        self.remembered: list[int] = []
        self.gates: dict[int, threading.Event] = {}
        self.seen: list[int] = []
        self.wrong: set[int] = set()

    def plan(self, frame: int) -> tuple[int, ...]:
        return tuple(self.remembered)

    def see(self, frame: int, view: View, plan: tuple[int, ...]) -> tuple[Seen, Found]:
        if frame in self.gates:
            assert self.gates[frame].wait(10)
        if frame in self.wrong:
            raise MemoryError(frame)
        self.seen.append(frame)
        known = np.array([*plan], np.float32)
        return Seen(frame, view, known, (1.0,), looked=True), Found(torch.tensor([frame]))

    def take(self, found: Found) -> None:
        self.remembered.append(int(found.planes))

    def lanes(self, pool: ThreadPoolExecutor, evidence: Any = None, count: int = LANES) -> Lanes:
        return Lanes(self.plan, self.see, self.take, evidence, pool, count)


def asked(looks: Lanes, frame: int) -> tuple[list[int], list[Preparation]]:
    """What the network remembered when it looked at a frame; and what went before that."""
    work: Generator[Preparation, None, Seen] = looks(frame, NOTHING)
    before = []
    while True:
        try:
            before.append(next(work))
        except StopIteration as end:
            return [int(known) for known in end.value.planes], before


def test_a_look_knows_all_before_it_but_the_last(pool: ThreadPoolExecutor) -> None:
    looks = Network().lanes(pool)
    for frame in range(6):
        looks.ahead(frame, NOTHING)
    assert [asked(looks, frame)[0] for frame in range(3, 6)] == [[0, 1], [0, 1, 2], [0, 1, 2, 3]]


def test_one_at_a_time_knows_all_before_it(pool: ThreadPoolExecutor) -> None:
    looks = Network().lanes(pool, count=1)
    for frame in range(4):
        looks.ahead(frame, NOTHING)
    assert asked(looks, 3)[0] == [0, 1, 2]


def test_it_does_not_matter_which_is_done_first(pool: ThreadPoolExecutor) -> None:
    network = Network()
    network.gates[0] = threading.Event()
    looks = network.lanes(pool)
    looks.ahead(0, NOTHING)
    looks.ahead(1, NOTHING)
    while network.seen != [1]:
        pass
    network.gates[0].set()
    assert asked(looks, 2)[0] == [0]
    assert asked(looks, 1)[0] == []
    assert network.remembered == [0, 1, 2]


def test_a_frame_is_looked_at_once(pool: ThreadPoolExecutor) -> None:
    network = Network()
    looks = network.lanes(pool)
    looks.ahead(7, NOTHING)
    looks.ahead(7, NOTHING)
    asked(looks, 7)
    assert network.seen == [7]


def test_looks_that_nobody_asked_for_are_not_kept(pool: ThreadPoolExecutor) -> None:
    network = Network()
    looks = network.lanes(pool)
    for frame in range(40):
        looks.ahead(frame, NOTHING)
        assert len(looks._ended) <= 2 * LANES
    assert asked(looks, 39)[0] == list(range(38))
    assert asked(looks, 3)[0] == list(range(40))  # again


def test_an_error_comes_where_the_frame_is_asked_for(pool: ThreadPoolExecutor) -> None:
    network = Network()
    network.wrong = {1}
    looks = network.lanes(pool)
    looks.ahead(0, NOTHING)
    looks.ahead(1, NOTHING)
    asked(looks, 0)
    with pytest.raises(MemoryError):
        asked(looks, 1)


class Gaps:
    """Flow into gaps of ten frames, painted at the first of each."""

    def __init__(self, network: Network) -> None:
        self.network, self.filled, self.references = network, -1, {0: {}, 10: {}}
        self.looked_at_filling: list[list[int]] = []

    def is_filled(self, frame: int) -> bool:
        return frame // 10 == self.filled

    def fill(self, frame: int) -> Iterator[Preparation]:
        self.looked_at_filling.append(sorted(self.network.seen))
        yield Preparation("flow", frame, 1, 1)
        self.filled = frame // 10


def test_no_look_begins_in_a_gap_that_is_not_filled(pool: ThreadPoolExecutor) -> None:
    network = Network()
    gaps = Gaps(network)
    looks = network.lanes(pool, gaps)
    assert len(asked(looks, 1)[1]) == 1
    for frame in (8, 10, 12):
        looks.ahead(frame, NOTHING)
    assert asked(looks, 10) == ([1], [])  # it is painted
    assert len(asked(looks, 12)[1]) == 1
    assert gaps.looked_at_filling == [[], [1, 8, 10]]  # all that was begun has ended


def test_threads_are_shared_and_left_as_they_were() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        with lanes(torch.device("cpu")) as pool:
            ready = threading.Barrier(LANES)

            def count() -> int:
                ready.wait(10)
                return torch.get_num_threads()

            each = [pool.submit(count) for _ in range(LANES)]
            assert [one.result() for one in each] == [2] * LANES
            assert torch.get_num_threads() == 2  # the looks have the others
            with ThreadPoolExecutor(1) as other:
                assert other.submit(torch.get_num_threads).result() == 4
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("device", "most"), [("cpu", 1), ("meta", LANES)])
def test_one_at_a_time_has_all_threads(device: str, most: int) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        with lanes(torch.device(device), most) as pool:
            assert pool._max_workers == 1
            assert pool.submit(torch.get_num_threads).result() == torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)


def test_propagations_in_turns_leave_no_thread_with_less() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        first, second = lanes(torch.device("cpu")), lanes(torch.device("cpu"))
        first.__enter__()
        pool = second.__enter__()
        assert pool.submit(torch.get_num_threads).result() == 2
        first.__exit__(None, None, None)
        second.__exit__(None, None, None)
        assert torch.get_num_threads() == threads() == 4
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("flow", [True, False])
def test_mattes_do_not_depend_on_the_number_of_threads(tmp_path: Path, *, flow: bool) -> None:
    found, before = [], torch.get_num_threads()
    shot = draw_shot(14, height=96, width=160)
    try:
        for threads in (1, 2, 2):
            torch.set_num_threads(threads)
            session, _ = painted_session(tmp_path, shot, at=(0, 9), network="lite")
            with session:
                results = [
                    r for r in session.propagate_frames(flow=flow) if isinstance(r, FrameResult)
                ]
            found.append(np.stack([r.mattes[1] for r in results]))
            assert [r.frame for r in results] == list(range(FIRST, FIRST + 14))
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(found[1], found[2])
    assert np.abs(found[0] - found[1]).max() < 0.02  # of half precision's sums
