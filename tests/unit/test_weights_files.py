# SPDX-License-Identifier: Apache-2.0
"""Weights files: what is inside, and what is wrong with a bad one."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from engine_server.network import LITE, XMEM, XMem, weights
from shared.errors import (
    BadWeights,
    NotFound,
)

State = dict[str, torch.Tensor]


def test_both_kinds_of_files_say_what_they_hold(tmp_path: Path, lite_state: State) -> None:
    torch.save(lite_state, tmp_path / "a.pth")
    half = {name: tensor.half() for name, tensor in lite_state.items()}
    save_file(half, tmp_path / "b.safetensors", metadata={"architecture": "lite"})
    save_file(half, tmp_path / "c.safetensors")
    count = sum(tensor.numel() for tensor in lite_state.values())
    for name in ("a.pth", "b.safetensors", "c.safetensors"):
        facts = weights.verify(tmp_path / name)
        assert (facts.architecture, facts.parameters) == ("lite", count)
        content = (tmp_path / name).read_bytes()
        assert (facts.size, facts.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_a_model_comes_back_as_it_was(tmp_path: Path, lite_state: State) -> None:
    torch.save(lite_state, tmp_path / "a.pth")
    model = weights.load_model(tmp_path / "a.pth")
    assert model.config is LITE
    assert not model.training
    loaded = model.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in lite_state.items())


def test_a_file_for_single_objects_gets_a_channel_of_zeros() -> None:
    model = XMem(XMEM)
    state = dict(model.state_dict())
    name = "value_encoder.conv1.weight"
    state[name] = torch.ones_like(state[name][:, :4])
    weights.load_state(model, state)
    assert torch.equal(model.state_dict()[name][:, :4], state[name])
    assert not model.state_dict()[name][:, 4].any()
    assert state[name].shape[1] == 4


def test_the_first_difference_is_named(tmp_path: Path, lite_state: State) -> None:
    path = tmp_path / "a.pth"
    first, second = list(lite_state)[:2]
    wrong = lite_state[first][..., None]
    shape = "x".join(map(str, wrong.shape))
    for state, expected in (
        ({k: v for k, v in lite_state.items() if k != second}, f"a.pth lacks {second} .*1 of"),
        ({**lite_state, first: wrong}, f"a.pth has {first} as {shape}, the lite network has"),
        ({**lite_state, "extra.bias": wrong}, r"a.pth has extra\.bias, which the lite network"),
        ({**lite_state, second: lite_state[second] * torch.nan}, f"{second} that is not finite"),
        ({"other": wrong}, "another kind of network: its first tensor is other"),
        ({}, "another kind of network: it holds no tensor"),
        ({"model": lite_state}, "does not map parameter names to tensors"),
    ):
        torch.save(state, path)
        with pytest.raises(BadWeights, match=expected):
            weights.verify(path)


def test_a_network_of_the_future_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"x": torch.zeros(1)}, path, metadata={"architecture": "wide"})
    with pytest.raises(BadWeights, match="a network 'wide', which is not known"):
        weights.load_model(path)


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "done"),)

    torch.save({"x": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(BadWeights, match=r"evil\.pth can't be read as weights"):
        weights.read_state(tmp_path / "evil.pth")
    assert not (tmp_path / "done").exists()


@given(content=st.binary(max_size=200), suffix=st.sampled_from(["pth", "safetensors"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_garbage_is_told_in_a_sentence(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"garbage.{suffix}"
    path.write_bytes(content)
    with pytest.raises(BadWeights, match=str(path)):
        weights.read_state(path)


def test_cut_files_are_told(tmp_path: Path, lite_bytes: bytes) -> None:
    for share in (0.1, 0.5, 0.999):
        (tmp_path / "a.pth").write_bytes(lite_bytes[: int(len(lite_bytes) * share)])
        with pytest.raises(BadWeights, match=r"a\.pth can't be read as weights"):
            weights.read_state(tmp_path / "a.pth")
    with pytest.raises(NotFound, match=r"no weights file .*b\.pth"):
        weights.read_state(tmp_path / "b.pth")
