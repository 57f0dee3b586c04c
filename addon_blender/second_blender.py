# SPDX-License-Identifier: GPL-3.0-or-later
"""Image files loaded by a second Blender without a window, so that the artist's need not wait.

Blender loads an image in its main thread: at 1080p a JPEG, TIFF or EXR takes a tenth of a second.
The second one takes two seconds, mostly to start, and is waited for by a thread.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import bpy
import numpy as np
from numpy.typing import NDArray

from . import quiet
from .shared.errors import BadMask

__all__ = ["can_load", "loader_of", "works_in_usual_space"]

Pixels = NDArray[np.float32]

_SCRIPT = Path(__file__).with_name("load_image.py")
_PATIENCE = 120.0  # seconds
_LOOK = 0.02  # seconds between two looks whether it has ended
_LIGHT = "Linear Rec.709"  # what Blender works in, and turns 16 bits into, if nobody chose another
_HINT = "Show the image in an image editor once, then try again."


def can_load(image: bpy.types.Image) -> bool:
    """Whether a second Blender makes the same of an image's file as this one would."""
    alone = image.source == "FILE" and not image.use_multiview and not image.use_deinterlace
    return bool(alone and works_in_usual_space() and bpy.app.binary_path and not image.has_data)


def works_in_usual_space() -> bool:
    """Whether the file's colours are computed in the space that a new file has."""
    working = getattr(bpy.data, "colorspace", None)  # since Blender 5.0
    return bool(getattr(working, "working_space", _LIGHT) == _LIGHT)


def loader_of(image: bpy.types.Image) -> Callable[[], tuple[Pixels, bool]]:
    """What loads an image's file, in any thread.

    Returns:
        It returns H x W x channels, rows from the bottom as Blender has them, and whether they are
        floats in the file's sense, else they are bytes over 255.
        It raises ``BadMask`` if the file can't be loaded.
    """
    packed = image.packed_file.data if image.packed_file is not None else None
    path = bpy.path.abspath(image.filepath, library=image.library)
    program, name = bpy.app.binary_path, image.name
    settings = (image.colorspace_settings.name, image.alpha_mode)

    def load() -> tuple[Pixels, bool]:
        with TemporaryDirectory(prefix="xmempp-") as made:
            folder = Path(made)
            source = Path(path)
            if packed is not None:  # painted in Blender it never had a file, and has no path
                source = folder / "packed"
                source.write_bytes(packed)
            _run([program, *_OPTIONS, str(_SCRIPT), "--", str(source), *settings, made], name)
            return np.load(folder / "pixels.npy"), (folder / "float").exists()

    return load


_FAILED = 41  # how it ends if the file can't be loaded; no system ends a program so
_OPTIONS = ("--background", "--factory-startup", "--python-exit-code", str(_FAILED), "--python")


def _run(command: list[str], name: str) -> None:
    """Waits for it as a thread that stands still when it is told to."""
    child = _started(command, name)
    end = time.monotonic() + _PATIENCE
    while child.poll() is None and time.monotonic() < end:
        quiet.rest(_LOOK, lambda: False)
    if child.poll() is None:
        child.kill()
        child.wait()
        raise BadMask(f"Image '{name}' takes too long to be loaded.", hint=_HINT)
    if child.returncode == _FAILED:
        raise BadMask(f"The file of image '{name}' can't be loaded.", hint="Set its path again.")
    if child.returncode:
        raise BadMask(f"What loads image '{name}' was ended before it had.", hint=_HINT)


def _started(command: list[str], name: str) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 this very Blender, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise BadMask(f"Image '{name}' can't be loaded: {error.strerror}.", hint=_HINT) from error
