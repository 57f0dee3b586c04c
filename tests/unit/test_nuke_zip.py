# SPDX-License-Identifier: Apache-2.0
"""The zip for Nuke: the same bytes each time; typed; imports with nothing but pyzmq; Tcl."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import zmq

import build_addon
import engine_server
from tests.nuke_fake import import_alone
from tests.nuke_fake.parse import nodes_of, unknown_names
from tests.nuke_fake.plugin import PACKAGE, installed, running
from tests.nuke_fake.script import copied

WHEEL = "pyzmq-26.4.0-{0}-{0}-{1}.whl"
TAGS = {
    "linux-x86_64": "manylinux_2_17_x86_64.manylinux2014_x86_64",
    "macos-universal2": "macosx_10_15_universal2",
    "windows-x86_64": "win_amd64",
}


def wheel(folder: Path, python: str, tag: str) -> Path:
    """A small wheel of the right name."""
    folder.mkdir(exist_ok=True)
    path = folder / WHEEL.format(python, tag)
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("zmq/__init__.py", f"where = {tag!r}\n")
        packed.writestr("zmq/tests/test_x.py", "")
    return path


def test_two_builds_are_the_same_and_hold_what_nuke_needs(tmp_path: Path) -> None:
    wheels = [wheel(tmp_path / "w", f"cp3{n}", tag) for n in (9, 10, 11) for tag in TAGS.values()]
    one, two = (build_addon.build_nuke(tmp_path / name, wheels) for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert one.name == f"xmempp_nuke-{engine_server.__version__}.zip"
    with zipfile.ZipFile(one) as packed:
        names = set(packed.namelist())
    top, inside = f"{PACKAGE}/", f"{PACKAGE}/{PACKAGE}/"
    assert {f"{top}init.py", f"{top}menu.py", f"{top}LICENSE.txt"} <= names
    assert {f"{inside}bridge.py", f"{inside}shared/messages/base.py"} <= names
    for python in ("cp39", "cp310", "cp311"):
        for system in TAGS:
            assert f"{inside}packages/{python}-{system}/zmq/__init__.py" in names
    assert not [name for name in names if "zmq/tests" in name or "__pycache__" in name]


def test_each_python_and_platform_has_a_locked_wheel() -> None:
    locked = build_addon._locked(build_addon.NUKE_LOCK)
    for platform in build_addon.NUKE_PLATFORMS:
        found = [name for name in locked if build_addon._is_for(name, platform)]
        assert {name.split("-")[2] for name in found} == {"cp39", "cp310", "cp311"}, platform
    assert {build_addon._vendor_folder(name).split("-", 1)[1] for name in locked} == {*TAGS}


def test_the_shim_takes_the_package_for_this_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = installed(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with running(home) as session:
        vendor = session.part("vendor")
        folder = tmp_path / "vendor" / vendor.folder_name()
        vendor.make_importable("zmq", tmp_path / "nowhere")  # it is there already
        assert not [path for path in sys.path if "nowhere" in path]
        with pytest.raises(ImportError, match=vendor.folder_name()):
            vendor.make_importable("xmempp_test_package", tmp_path / "vendor")
        folder.mkdir(parents=True)
        (folder / "xmempp_test_package.py").write_text("")
        vendor.make_importable("xmempp_test_package", tmp_path / "vendor")
        assert str(folder) in sys.path
    assert re.fullmatch(r"cp3\d+-(linux|macos|windows)-\w+", vendor.folder_name())


def test_it_imports_with_nothing_but_pyzmq(tmp_path: Path) -> None:
    """Under this Python; the script tells how others are asked."""
    home, script = installed(tmp_path), Path(import_alone.__file__)
    zmq_home = Path(zmq.__file__).parents[1]
    call = [sys.executable, "-I", "-S", str(script), str(home), str(zmq_home)]
    ended = subprocess.run(call, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout.split()[0]) > 40


@pytest.mark.parametrize(
    "call",
    [
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", "{tmp}/cache", "-p", PACKAGE],
        [
            sys.executable,
            "-m",
            "pyright",
            "-p",
            "{tmp}/pyright.json",
            "--pythonpath",
            sys.executable,
        ],
    ],
    ids=["mypy", "pyright"],
)
def test_it_fits_the_stubs_of_nuke(tmp_path: Path, call: list[str]) -> None:
    home = installed(tmp_path)
    config = {
        "include": [home.name],
        "ignore": ["**/shared"],  # mypy looks after it; it is no matter of Nuke
        "extraPaths": [home.name],
        "pythonVersion": "3.9",
        "reportMissingModuleSource": False,  # there are stubs only
        "typeCheckingMode": "standard",
    }
    (tmp_path / "pyright.json").write_text(json.dumps(config))
    words = [word.format(tmp=tmp_path) for word in call]
    environment = {**os.environ, "MYPYPATH": "", "PYTHONPATH": ""}
    ended = subprocess.run(
        words, cwd=home, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_it_needs_nothing_newer_than_python_3_9(tmp_path: Path) -> None:
    """Neither syntax nor a name of the standard library; `shared` included."""
    start = "import sys, vermin; sys.exit(vermin.main())"
    call = [sys.executable, "-c", start, "-t=3.9-", "--violations", "--no-tips"]
    home = installed(tmp_path)
    assert subprocess.run([*call, str(home)], check=False, capture_output=True).returncode == 0
    (home / "newer.py").write_text("import tomllib\n")
    assert subprocess.run([*call, str(home)], check=False, capture_output=True).returncode == 1


def test_a_misspelt_name_is_caught(tmp_path: Path) -> None:
    """The check above can fail."""
    home = installed(tmp_path)
    (home / PACKAGE / "wrong.py").write_text("import nuke\nnuke.allNode()\n")
    call = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "c"), "-p"]
    ended = subprocess.run([*call, PACKAGE], cwd=home, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert 'Module has no attribute "allNode"' in ended.stdout


def test_the_group_is_tcl_with_known_classes_and_knobs(tmp_path: Path) -> None:
    """Parsed without the fake's own reader."""
    with running(installed(tmp_path)) as session:
        node = session.part("graph").build(session.nuke.nodes.Read(), session.nuke.nodes.Roto())
        session.part("graph").show_layers(node, ["hero", "car", "dog", "cat", "sky"])
        text = copied(session.app, [node])
    assert unknown_names(text) == []
    seen = nodes_of(text)
    classes = [cls for cls, _ in seen]
    assert classes.count("Copy") == 2
    assert {"Group", "Input", "Read", "Switch", "Output"} <= {*classes}
    assert unknown_names(text.replace("from0", "from9")) == ["Copy.from9", "Copy.from9"]
    assert unknown_names(text.replace("Switch {", "Swatch {")) == ["Swatch"]
    users = [user for name, user in dict(seen[0:1])["Group"] if name == "addUserKnob"]
    assert users[:3] == ["xmempp", "state", "message"]
    assert len(users) == len(set(users)) > 60
