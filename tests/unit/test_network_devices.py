# SPDX-License-Identifier: Apache-2.0
"""Which device and which numbers a network gets, whatever this machine has."""

from __future__ import annotations

import pytest
import torch

from engine_server.network.inference import Runtime
from shared.errors import DeviceUnavailable, UsageError

CPU = torch.device("cpu")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """What is present; a test may change it."""
    has = dict.fromkeys(("cuda", "mps", "cuda bfloat16", "avx512_bf16", "amx_tile"), False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has["cuda"])
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: has["mps"])
    monkeypatch.setattr(
        torch.cuda,
        "is_bf16_supported",
        lambda including_emulation=True: has["cuda bfloat16"] or including_emulation,
    )
    for feature in ("avx512_bf16", "amx_tile"):
        name = f"_is_{feature}_supported"
        monkeypatch.setattr(torch.cpu, name, lambda feature=feature: has[feature], raising=False)
    return has


def test_the_best_device_present_is_chosen(machine: dict[str, bool]) -> None:
    assert Runtime.choose().device.type == "cpu"
    machine["mps"] = True
    assert Runtime.choose().device.type == "mps"
    machine["cuda"] = True
    assert Runtime.choose().device.type == "cuda"


@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps"])
def test_a_device_that_is_not_there_is_named(machine: dict[str, bool], name: str) -> None:
    with pytest.raises(DeviceUnavailable, match=f"'{name}' is not present"):
        Runtime.choose(name)
    machine[name[:4].rstrip(":")] = True
    assert Runtime.choose(name).device == torch.device(name)


@pytest.mark.parametrize("name", ["abacus", "cuda:x", "cuda:1:2", "cpu0"])
def test_a_device_that_nobody_has_is_named(machine: dict[str, bool], name: str) -> None:
    machine["cuda"] = True
    with pytest.raises(DeviceUnavailable, match=f"no device named '{name}'.*cpu, cuda, mps"):
        Runtime.choose(name)


def test_a_number_format_may_be_asked_for(machine: dict[str, bool]) -> None:
    machine["avx512_bf16"] = True
    assert Runtime.choose("cpu", precision="float32") == Runtime(CPU, torch.float32)
    assert Runtime.choose("cpu", precision="bfloat16") == Runtime(CPU, torch.bfloat16)


@pytest.mark.parametrize("multiplies", [True, False])
def test_bytes_are_multiplied_where_that_is_possible(
    machine: dict[str, bool], monkeypatch: pytest.MonkeyPatch, *, multiplies: bool
) -> None:
    monkeypatch.setattr("engine_server.network.inference.bytes_multiply", lambda: multiplies)
    assert Runtime.choose("cpu").eight_bits is multiplies
    if multiplies:
        assert Runtime.choose("cpu", precision="int8") == Runtime.choose("cpu")
    else:
        with pytest.raises(DeviceUnavailable, match="eight bits"):
            Runtime.choose("cpu", precision="int8")


def test_there_are_no_other_number_formats() -> None:
    with pytest.raises(UsageError, match="'int9'"):
        Runtime.choose("cpu", precision="int9")  # type: ignore[arg-type]


@pytest.mark.parametrize("feature", ["avx512_bf16", "amx_tile"])
def test_processors_compute_in_bfloat16_where_they_can(
    machine: dict[str, bool], feature: str
) -> None:
    assert Runtime.choose("cpu").dtype is torch.float32
    machine[feature] = True
    assert Runtime.choose("cpu").dtype is torch.bfloat16


def test_a_version_of_torch_that_can_not_tell_gets_float32(
    machine: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    for feature in ("avx512_bf16", "amx_tile"):
        machine[feature] = True
        monkeypatch.delattr(torch.cpu, f"_is_{feature}_supported")
    assert Runtime.choose("cpu").dtype is torch.float32


def test_graphics_processors_do_not_emulate_bfloat16(machine: dict[str, bool]) -> None:
    machine["cuda"] = machine["mps"] = machine["avx512_bf16"] = True
    assert Runtime.choose("cuda").dtype is torch.float32
    assert Runtime.choose("mps").dtype is torch.float32
    machine["cuda bfloat16"] = True
    assert Runtime.choose("cuda").dtype is torch.bfloat16
