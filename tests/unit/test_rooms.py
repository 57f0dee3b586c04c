# SPDX-License-Identifier: Apache-2.0
"""The rooms of the house: who may import whom, and what every module looks like."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

import engine_server

ROOT = Path(__file__).parents[2]
ROOMS = ("shared", "addon_blender", "plugin_nuke", "engine_server", "training", "examples")
MODULES = sorted(
    path for room in (*ROOMS, "tests", "benchmarks") for path in (ROOT / room).rglob("*.py")
)
MAX_LINES = 400
HOSTS = {"bpy": "addon_blender", "nuke": "plugin_nuke"}
HOST_ONLY = {"addon_blender", "plugin_nuke"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def modules(*rooms: str) -> list[Path]:
    return [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]


def imports(path: Path) -> set[str]:
    """Dotted names of all that a module imports, at any depth, relative ones resolved."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            source = ".".join([*base, *filter(None, [node.module])])
            found.update(f"{source}.{alias.name}" for alias in node.names)
    return found


def breaches(rooms: list[str], forbidden: set[str]) -> list[str]:
    """Imports of anything forbidden, or inside of it."""
    return [
        f"{name_of(path)} imports {name}"
        for path in modules(*rooms)
        for name in sorted(imports(path))
        if any(name == bad or name.startswith(f"{bad}.") for bad in forbidden)
    ]


def test_relative_imports_are_understood() -> None:
    assert "engine_server.memory.Memory" in imports(ROOT / "engine_server/session/tracker.py")
    assert "shared.errors.UnknownObject" in imports(ROOT / "engine_server/session/references.py")


def test_no_sockets_in_the_engine_core() -> None:
    core = [f"engine_server/{room}" for room in ("session", "network", "memory")]
    assert modules(*core)
    assert not breaches(core, {"zmq", "engine_server.server"})


def test_no_module_reaches_back_up() -> None:
    assert not breaches(["engine_server/network"], {"engine_server.memory"})
    above = {f"engine_server.{room}" for room in ("session", "commands", "cli", "server")}
    below = [f"engine_server/{room}" for room in ("network", "memory", "media", "evaluation")]
    assert not breaches(below, above)
    assert not breaches(["engine_server/session"], above - {"engine_server.session"})


def test_plugins_do_not_know_the_engine() -> None:
    assert not breaches(sorted(HOST_ONLY), {"engine_server", "training", "torch"})
    assert not breaches(["plugin_nuke"], {"numpy", "torch", "cv2"})


def test_the_engine_does_not_know_its_training() -> None:
    assert not breaches(["engine_server", "shared"], {"training", "tests", "benchmarks"})


def test_hosts_are_imported_by_their_own_plugin_only() -> None:
    for host, plugin in HOSTS.items():
        others = [room for room in ("shared", "engine_server", *HOST_ONLY) if room != plugin]
        found = breaches([*others, "training", "tests", "benchmarks"], {host})
        assert not [one for one in found if not one.startswith("tests/hosts/scripts/")]


def test_shared_imports_nothing_but_the_standard_library_and_zmq() -> None:
    allowed = {*sys.stdlib_module_names, "zmq", "shared"}
    assert modules("shared")
    for path in modules("shared"):
        assert {name.partition(".")[0] for name in imports(path)} <= allowed, name_of(path)


@pytest.mark.parametrize("path", modules("shared", "plugin_nuke"), ids=name_of)
def test_hosts_with_an_old_python_can_read_it(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Match)]
    lazy = "from __future__ import annotations"
    has_unions = any(
        isinstance(n, ast.BinOp) and isinstance(n.op, ast.BitOr) for n in ast.walk(tree)
    )
    assert not has_unions or lazy in path.read_text(encoding="utf-8")


def test_nothing_is_printed_by_a_library() -> None:
    for path in modules("shared", "engine_server"):
        calls = [
            n.func for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)
        ]
        names = {call.id for call in calls if isinstance(call, ast.Name)}
        assert "print" not in names, name_of(path)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_names_its_licence_and_is_short(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    licence = "GPL-3.0-or-later" if path.is_relative_to(ROOT / "addon_blender") else "Apache-2.0"
    top = [line for line in lines[:2] if not line.startswith("#!")]
    assert top[:1] == [f"# SPDX-License-Identifier: {licence}"]
    assert len(lines) <= MAX_LINES


def test_one_version() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.findall(r'^version = "(.+)"$', project, re.MULTILINE) == [engine_server.__version__]
