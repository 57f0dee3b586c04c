# SPDX-License-Identifier: Apache-2.0
"""*Install Engine* from the add-on's own wheel: ``install_engine.py -- ZIP PYTHON WHEELS FOLDER``.

WHEELS is a folder with the packages that the engine needs; no package index is asked.
"""

import sys
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from inside import arguments, fails, install, part


def until(condition, seconds=180):
    """Waits, as an artist does; Blender is free meanwhile."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def environments(data):
    """Names of the environments that are there."""
    return sorted(path.name for path in (data / "engines").iterdir() if path.is_dir())


def main():
    archive, python, wheels, folder = arguments()
    package = install(archive)
    installer, bridge = part(package, "installer"), part(package, "bridge").current()
    data = part(package, "shared.engine_place").data_folder()
    chosen = bpy.context.preferences.addons[package].preferences
    chosen.workspace, chosen.device = f"{folder}/workspace", "cpu"

    bpy.ops.xmempp.engine_start()
    bridge.wait(lambda: bridge.error is not None, 30)
    assert "The engine is not installed." in str(bridge.error)
    fails(bpy.ops.xmempp.install_cancel, "not being installed")
    chosen.python = "/nowhere/python3"
    fails(bpy.ops.xmempp.engine_install, "/nowhere/python3 can't make an environment", wait=True)
    chosen.python = python
    chosen.pip_options = "--no-index"
    fails(bpy.ops.xmempp.engine_install, "The engine can't be installed", wait=True)
    assert environments(data) == []

    chosen.pip_options = f"--no-index --find-links '{wheels}'"
    began = time.monotonic()
    bpy.ops.xmempp.engine_install()
    assert time.monotonic() - began < 0.1  # in a thread
    fails(bpy.ops.xmempp.engine_install, "installed already")
    until(lambda: installer.last().step.stage == "packages")
    bpy.ops.xmempp.install_cancel()
    until(lambda: not installer.last().running)
    assert (installer.last().error, environments(data)) == (None, [])

    stages = set()
    bpy.ops.xmempp.engine_install()
    until(lambda: stages.add(installer.last().step.stage) or not installer.last().running)
    assert installer.last().error is None, installer.last().error
    assert stages == {"environment", "packages", "check"}
    assert len(environments(data)) == 1
    bpy.ops.xmempp.engine_start()
    bpy.ops.xmempp.wait(seconds=120)
    assert bridge.state == "connected", bridge.error
    command = Path(f"/proc/{bridge._client.welcome.pid}/cmdline").read_bytes()
    assert str(data / "engines").encode() in command

    bpy.ops.xmempp.engine_install()  # again, while the engine runs; the add-on is disabled in it
    bpy.ops.preferences.addon_disable(module=package)
    assert installer.last() is None
    assert len(environments(data)) == 1


main()
