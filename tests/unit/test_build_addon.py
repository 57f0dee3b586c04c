# SPDX-License-Identifier: Apache-2.0
"""The add-on's zip: the same bytes each time, and what Blender needs in it."""

from __future__ import annotations

import ast
import hashlib
import re
import zipfile
from pathlib import Path

import pytest

import build_addon
import engine_server

TOP = f"{build_addon.NAME}/"


def test_two_builds_are_the_same(tmp_path: Path) -> None:
    one = build_addon.build_blender(tmp_path / "one").read_bytes()
    assert build_addon.build_blender(tmp_path / "two").read_bytes() == one


def test_what_is_in_it(tmp_path: Path) -> None:
    wheel = tmp_path / "pyzmq-1-cp311-cp311-win_amd64.whl"
    older = tmp_path / "pyzmq-1-cp310-cp310-win_amd64.whl"
    engine = tmp_path / "xmempp-1-py3-none-any.whl"
    for path in (wheel, older, engine):
        path.write_bytes(b"wheel")
    built = build_addon.build_blender(tmp_path / "dist", [wheel, older], [engine])
    with zipfile.ZipFile(built) as archive:
        names = set(archive.namelist())
        text = archive.read(f"{TOP}blender_manifest.toml").decode()
    assert {name.split("/")[0] for name in names} == {build_addon.NAME}
    wanted = ("__init__.py", "shared/client.py", "shared/messages/base.py", "LICENSE-GPL-3.0.txt")
    assert {
        f"{TOP}{name}" for name in (*wanted, f"wheels/{wheel.name}", f"wheels/{older.name}")
    } <= names
    assert not [name for name in names if "__pycache__" in name]
    assert f"{TOP}engine/{engine.name}" in names
    assert "wheels" not in text


def test_one_version() -> None:
    source = (build_addon.ADDON / "__init__.py").read_text("utf-8")
    found = re.search(r"^bl_info = (\{.*?^\})", source, re.MULTILINE | re.DOTALL)
    assert found
    info = ast.literal_eval(found[1])
    assert ".".join(map(str, info["version"])) == build_addon.addon_version()
    assert build_addon.addon_version() == engine_server.__version__
    manifest = (build_addon.ADDON / "blender_manifest.toml").read_text("utf-8")
    assert f'\nversion = "{engine_server.__version__}"\n' in manifest


@pytest.mark.parametrize("python", ["cp310", "cp311", "cp312"])
def test_each_platform_has_a_locked_wheel(python: str) -> None:
    locked = [name for name in build_addon._locked() if f"-{python}-" in name]
    for platform in build_addon.PLATFORMS:
        assert [name for name in locked if build_addon._is_for(name, platform)], platform


def test_the_wheel_of_the_engine_is_built_the_same_each_time() -> None:
    options = build_addon._parser().parse_args(["blender"])
    one = build_addon.engine_wheel(options).read_bytes()
    path = build_addon.engine_wheel(options)
    assert path.read_bytes() == one
    with zipfile.ZipFile(path) as archive:
        assert "engine_server/network/data/lite.safetensors" in archive.namelist()


def test_a_wheel_that_is_another_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in build_addon._locked():
        (tmp_path / name).write_bytes(b"something else")
    call = ["blender", "--output", str(tmp_path), "--wheels", str(tmp_path), "--engine", "none"]
    assert build_addon.main(call) == 1
    assert "is not the file that" in capsys.readouterr().err


def test_wheels_of_a_folder_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "pyzmq-1-cp311-cp311-win_amd64.whl"
    lock = tmp_path / "lock"
    lock.write_text(f"{hashlib.sha256(b'wheel').hexdigest()}  {name}\n")
    monkeypatch.setattr(build_addon, "LOCK", lock)
    (tmp_path / name).write_bytes(b"wheel")
    call = ["blender", "--output", str(tmp_path), "--wheels", str(tmp_path), "--engine", "none"]
    assert build_addon.main([*call, "--platform", "windows-x64"]) == 0
    assert build_addon.main([*call, "--platform", "linux-x64"]) == 1
