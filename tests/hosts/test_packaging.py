# SPDX-License-Identifier: Apache-2.0
"""The add-on's zip: the same each time, accepted by Blender's validator, with the engine in it."""

from __future__ import annotations

import os
import re
import shutil
import site
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import build_addon

from .conftest import ROOT, Blender, blenders, build, named

pytestmark = pytest.mark.timeout(600)


def test_it_is_the_same_each_time(archive: Path, tmp_path: Path) -> None:
    """With the wheels and the engine; nothing that git tracks is changed by it."""
    before = changed()
    assert build(tmp_path).read_bytes() == archive.read_bytes()
    assert changed() == before


def test_blenders_own_validator_accepts_it(archive: Path, tmp_path: Path) -> None:
    """Of each Blender that has one; it does refuse a zip without a manifest."""
    validators = {path: validator(path) for path in blenders() if validator(path)}
    for python, script in validators.items():
        assert "Success" in validated(python, script, archive, 0)
        broken = tmp_path / "broken.zip"
        with zipfile.ZipFile(broken, "w") as zipped:
            zipped.writestr(f"{build_addon.NAME}/__init__.py", "")
        validated(python, script, broken, 1)
    if not validators:
        pytest.skip("no Blender here has a validator")


@pytest.mark.parametrize(
    "blender", sorted({*blenders()[:1], *blenders()[-1:]}), indirect=True, ids=named
)
def test_install_engine(blender: Blender, archive: Path, tmp_path: Path) -> None:
    """In an environment of its own; it fails, is cancelled, succeeds, and the engine starts.

    Two Blenders are enough: a package and one with a window; it takes a while.
    """
    wheels = stand_ins(tmp_path / "wheels")
    nowhere = {"XMEMPP_ENGINE": "", "PATH": "/usr/bin:/bin"}
    plain = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}  # no packages but the stand-ins
    arguments = (archive, sys.executable, wheels, tmp_path)
    blender.run("install_engine.py", *arguments, environment=nowhere | plain)


def test_a_newer_zip_over_an_older_one(blender: Blender, archive: Path, tmp_path: Path) -> None:
    """No part of the older one stays; off and on; nothing is written into the add-on's folder."""
    blender.run("reinstall.py", older_than(archive, tmp_path / "older.zip"), archive)


def older_than(archive: Path, target: Path) -> Path:
    """The same add-on with version 0.0.9, a mark in each part, and a part that is gone since."""
    version = build_addon.addon_version()
    with zipfile.ZipFile(archive) as read, zipfile.ZipFile(target, "w") as written:
        for name in read.namelist():
            data = read.read(name)
            if name.count("/") == 1 and name.endswith((".py", ".toml")):
                data = data.replace(f'version = "{version}"'.encode(), b'version = "0.0.9"')
                data = data.replace(f'__version__ = "{version}"'.encode(), b'__version__ = "0.0.9"')
            if name.count("/") == 1 and name.endswith(".py") and "__init__" not in name:
                data += b"\nOLDER_PART = True\n"
            written.writestr(name, data)
        written.writestr(f"{build_addon.NAME}/older_part.py", "OLDER_PART = True\n")
    return target


def changed() -> str:
    """What git says is different from what is committed."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return ""
    asked = [git, "status", "--porcelain"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def validator(python: Path) -> Path | None:
    """The script of Blender's validator that comes with the package ``bpy``."""
    packages = python.parent.parent / "lib"
    found = packages.glob("python*/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli/*_ext.py")
    return next(found, None)


def validated(python: Path, script: Path, archive: Path, code: int) -> str:
    """What it says; its exit code must be that."""
    ended = subprocess.run(
        [python, script, "validate", archive], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout


def stand_ins(folder: Path) -> Path:
    """A wheel for each package that the engine needs; one leads to the packages of this Python.

    So pip resolves what the engine's own wheel asks for, and what it installs does start.
    """
    folder.mkdir()
    needed = (ROOT / "pyproject.toml").read_text("utf-8").partition("dependencies = [")[2]
    for name in re.findall(r'"([\w-]+)>=', needed.partition("]")[0]):
        plain = name.replace("-", "_")
        info = f"{plain}-99.0.dist-info"
        with zipfile.ZipFile(folder / f"{plain}-99.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 99.0\n"
            )
            wheel.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr(f"{info}/RECORD", "")
            if name == "rich":
                wheel.writestr("packages.pth", "\n".join(site.getsitepackages()))
    return folder
