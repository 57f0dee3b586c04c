# SPDX-License-Identifier: Apache-2.0
"""Finding the engine, and installing it into an environment of its own, with a tiny wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from shared.engine_install import InstallStep, find_python, install_engine
from shared.engine_place import ENGINE_VARIABLE, find_engine, private_engine, program_in
from shared.errors import Cancelled, EngineNotFound, InstallFailed


def program(folder: Path) -> Path:
    path = program_in(folder)
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_order_in_which_it_is_looked_for(tmp_path: Path) -> None:
    configured, named, installed = (program(tmp_path / name) for name in ("a", "b", "c"))
    private = program(tmp_path / "data" / "engines" / "1.0")
    (tmp_path / "data/engines/current.json").write_text('{"environment": "1.0"}')
    variables = {ENGINE_VARIABLE: str(named), "PATH": str(installed.parent)}
    data = tmp_path / "data"
    assert find_engine(str(configured), environment=variables, data=data) == configured
    assert find_engine(str(tmp_path / "a"), environment=variables, data=data) == configured
    assert find_engine(environment=variables, data=data) == named
    del variables[ENGINE_VARIABLE]
    assert find_engine("", environment=variables, data=data) == installed
    assert find_engine(environment={"PATH": ""}, data=data) == private
    with pytest.raises(EngineNotFound, match="not installed"):
        find_engine(environment={"PATH": ""}, data=tmp_path / "nowhere")


def test_a_wrong_path_is_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(EngineNotFound, match="preferences"):
        find_engine(str(tmp_path / "absent"))
    with pytest.raises(EngineNotFound, match=ENGINE_VARIABLE):
        find_engine(environment={ENGINE_VARIABLE: str(tmp_path)})


@pytest.mark.parametrize("text", ["", "[]", '{"environment": 5}', '{"environment": "../.."}'])
def test_a_damaged_pointer_leads_nowhere(tmp_path: Path, text: str) -> None:
    (tmp_path / "engines").mkdir()
    (tmp_path / "engines" / "current.json").write_text(text)
    assert private_engine(tmp_path) is None


def wheel(folder: Path, version: str, body: str = "print('xmempp')") -> Path:
    """A wheel with nothing but the program ``xmempp``."""
    path = folder / f"xmempp-{version}-py3-none-any.whl"
    info = f"xmempp-{version}.dist-info"
    files = {
        "tiny_engine.py": f"def main():\n    {body}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: xmempp\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nxmempp = tiny_engine:main\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_installing_updating_and_failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the user has set for pip: each of these alone would make it fail."""
    for name, value in (("QUIET", "1"), ("TARGET", str(tmp_path / "else")), ("USER", "1")):
        monkeypatch.setenv(f"PIP_{name}", value)
    steps: list[InstallStep] = []
    python, data = find_python(), tmp_path / "data"
    options = ["--no-index"]
    first = install_engine(
        wheel(tmp_path, "1.0"), python=python, data=data, options=options, on_step=steps.append
    )
    assert subprocess.run([first], capture_output=True, text=True).stdout == "xmempp\n"
    assert [*dict.fromkeys(step.stage for step in steps)] == ["environment", "packages", "check"]
    assert any("Successfully installed" in step.text for step in steps)
    broken = wheel(tmp_path, "2.0", "raise SystemExit('no such device')")
    with pytest.raises(InstallFailed, match="no such device"):
        install_engine(broken, python=python, data=data, options=options)
    assert find_engine(environment={"PATH": ""}, data=data) == first
    second = install_engine(wheel(tmp_path, "3.0"), python=python, data=data, options=options)
    assert private_engine(data) == second
    assert first.exists()  # an engine may be running there
    assert len([p for p in (data / "engines").iterdir() if p.is_dir()]) == 2


def test_cancelling_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        install_engine(
            wheel(tmp_path, "1.0"), python=find_python(), data=tmp_path, cancelled=lambda: True
        )
    assert list((tmp_path / "engines").iterdir()) == []


def test_a_host_is_not_taken_for_a_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InstallFailed, match="python"):
        find_python(str(tmp_path / "python3.11"))
    host = tmp_path / "blender"
    host.write_text("#!/bin/sh\ntouch ran\n")
    host.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InstallFailed):
        find_python(str(host))
    assert not (tmp_path / "ran").exists()
    assert os.access(find_python(sys.executable), os.X_OK)
