# SPDX-License-Identifier: Apache-2.0
"""How large numbers get in a network is noted and goes into its file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import nn

from engine_server.network import LITE, XMem
from engine_server.network.inference import Runtime, prepare
from engine_server.network.state import load_model, read_state
from engine_server.network.weights import resolve
from shared.errors import UsageError
from training import ranges
from training.ranges import Ranges, noted, write_ranges


@torch.inference_mode()
def seen_by(network: XMem, *pictures: float) -> Ranges:
    with noted(network) as seen:
        for bright in pictures:
            frame = network.normalise(torch.full((1, 3, 64, 64), bright))
            features = network.encode_key(frame)
            values, _ = network.encode_value(frame, features, torch.ones(1, 1, 64, 64))
            network.decode(features, values, None, torch.ones(1, 1, 4, 64, 64))
    return seen


def test_all_that_eight_bits_need_is_noted() -> None:
    network = load_model(resolve("lite"))
    network.ranges = seen_by(network, 40, 220)
    prepare(network, Runtime(torch.device("cpu"), torch.float32, eight_bits=True))
    assert network.takes_bytes


def test_a_range_holds_all_that_was_seen() -> None:
    network = load_model(resolve("lite"))
    dark, bright, both = (seen_by(network, *pictures) for pictures in ([40], [220], [40, 220]))
    assert dark != bright
    for name, (low, high) in both.items():
        assert low == min(dark[name][0], bright[name][0])
        assert high == max(dark[name][1], bright[name][1])


def test_it_is_noted_while_asked_for_alone() -> None:
    network = XMem(LITE).eval()
    seen = seen_by(network, 40)
    before = dict(seen)
    network.encode_key(torch.full((1, 3, 64, 64), 99.0))
    assert seen == before


def test_outliers_are_cut_off() -> None:
    layer = nn.Conv2d(1, 1, 1)
    seen: Ranges = {}
    numbers = torch.linspace(0, 1, 100_000)
    numbers[5] = 1e6
    note = ranges._noting(seen, "c", torch.Generator().manual_seed(0))
    note(layer, (numbers,), numbers)
    assert seen["c:in"][1] < 1.01


def test_it_stands_in_the_file_and_nothing_else_changes(tmp_path: Path) -> None:
    path = tmp_path / "copy.safetensors"
    shutil.copy(resolve("lite"), path)
    write_ranges(path, {"b:in": (-1.23456, 2.0), "a:out": (0.0, 1.0)})
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    assert json.loads(metadata["ranges"]) == {"a:out": [0.0, 1.0], "b:in": [-1.235, 2.0]}
    assert metadata["architecture"] == "lite"
    before, after = read_state(resolve("lite")), read_state(path)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_another_network_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Other:
        config = None

    monkeypatch.setattr(ranges, "load_model", lambda path: Other())
    with pytest.raises(UsageError, match="Only lite"):
        ranges.main([str(tmp_path / "x.safetensors"), "--data", str(tmp_path)])
