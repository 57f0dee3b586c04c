# SPDX-License-Identifier: Apache-2.0
"""The examination of a machine, whole and broken."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from engine_server import doctor


def test_this_machine_can_do_the_work(tmp_path: Path) -> None:
    checks = {check.name: check for check in doctor.examine(cache=tmp_path)}
    checks.pop("weights lite")  # its own test is below
    assert [check for check in checks.values() if not check.ok] == []
    assert checks["torch"].detail[0].isdigit()
    assert "cpu" in checks["device"].detail
    assert "float" in checks["EXR"].detail
    assert "uint16" in checks["DPX"].detail
    assert checks["weights xmem"].hint == "Optional: xmempp weights fetch xmem."
    assert str(tmp_path) in checks["cache folder"].detail
    assert not list(tmp_path.iterdir())


def test_a_missing_library_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import_module = importlib.import_module

    def without_av(name: str) -> ModuleType:
        if name == "av":
            raise ImportError("libx.so is missing\nand more")
        return import_module(name)

    monkeypatch.setattr(importlib, "import_module", without_av)
    checks = {check.name: check for check in doctor.examine(cache=tmp_path)}
    assert not checks["PyAV"].ok
    assert checks["PyAV"].detail == "ImportError: libx.so is missing"
    assert checks["PyAV"].hint
    assert checks["numpy"].ok


def test_damaged_and_missing_weights_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from engine_server.network import weights

    (tmp_path / "XMem.pth").write_bytes(b"<html>")
    lite = weights.KnownWeights("lite", "", "", tmp_path / "lite.safetensors")
    known = (lite, *weights.list_weights(cache=tmp_path)[1:])
    monkeypatch.setattr(weights, "list_weights", lambda *, cache: known)
    checks = {check.name: check for check in doctor.examine(cache=tmp_path)}
    assert not checks["weights xmem"].ok
    assert "can't be read as weights" in checks["weights xmem"].detail
    assert checks["weights lite-permissive"].ok
    assert not checks["weights lite"].ok
    assert checks["weights lite"].detail.endswith("lite.safetensors is missing")


def test_an_unwritable_cache_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    checks = {check.name: check for check in doctor.examine(cache=tmp_path / "file" / "cache")}
    assert not checks["cache folder"].ok
    assert "XMEMPP_CACHE" in checks["cache folder"].hint


@pytest.mark.parametrize(
    ("version", "ok"), [((3, 9), False), ((3, 10), True), ((3, 13), True), ((3, 14), False)]
)
def test_python_versions(version: tuple[int, int], ok: bool, monkeypatch: Any) -> None:
    monkeypatch.setattr(sys, "version_info", (*version, 1))
    check = doctor._python()
    assert check.ok == ok
    assert bool(check.hint) != ok


def test_little_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_total_memory", lambda: 4 << 30)
    check = doctor._memory()
    assert not check.ok
    assert check.detail == "4.0 GiB in all"
