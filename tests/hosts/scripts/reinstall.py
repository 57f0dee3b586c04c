# SPDX-License-Identifier: Apache-2.0
"""A newer zip over an older one, off and on, scripts reloaded: ``reinstall.py -- OLDER ZIP``.

OLDER is the same add-on with another version, and parts that can be told from the newer ones.
"""

import os
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
from inside import arguments, install, nothing_is_left, part


def files_of(package):
    """Names and sizes of the add-on's own files, without what Python keeps of them."""
    folder = Path(sys.modules[package].__file__).parent
    found = [path for path in folder.rglob("*") if path.suffix != ".pyc" and path.is_file()]
    return {(str(path), path.stat().st_size) for path in found}


def off_and_on(package):
    """As the box beside its name does it."""
    nothing_is_left(package)
    bpy.ops.preferences.addon_enable(module=package)


def works(package, version):
    """All that is loaded is of a version, and it reaches an engine."""
    bridge = part(package, "bridge").current()
    assert bridge._who.version == version, bridge._who
    parts = {name: one for name, one in sys.modules.items() if name.startswith(package)}
    older = [name for name, one in parts.items() if hasattr(one, "OLDER_PART")]
    assert bool(older) is (version == "0.0.9"), older
    bpy.ops.xmempp.engine_start()
    bpy.ops.xmempp.wait(seconds=120)
    assert bridge.state == "connected", bridge.state


def main():
    older, archive = arguments()
    package = install(older)
    works(package, "0.0.9")
    install(archive)  # while the older one is at work
    if bpy.app.version < (4, 2):
        off_and_on(package)
    newer = part(package, "__init__").__version__
    before = files_of(package)
    assert not [name for name, _ in before if "older_part" in name]
    works(package, newer)
    for _ in range(2):
        off_and_on(package)
        works(package, newer)
    if bpy.app.binary_path:  # the package bpy ends badly after it, by itself
        bpy.utils.load_scripts(reload_scripts=True)
        works(package, newer)
    assert files_of(package) == before, "it writes nothing beside its own code"
    wheels = part(package, "shared.engine_place").data_folder() / "python"
    assert len(list(wheels.glob("*"))) <= 1, "one wheel is unpacked, once"
    nothing_is_left(package)
    if bpy.app.version[:2] == (4, 2):
        sys.stdout.flush()
        os._exit(0)  # see below


# Blender 4.2.0 crashes when it ends, after any add-on with an `update` function was read twice.
main()
