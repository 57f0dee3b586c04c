# SPDX-License-Identifier: Apache-2.0
"""What this machine has, and whether it is enough: facts for `xmempp doctor`.

A broken installation must not break its own examination: libraries are imported inside the
checks, and a check that fails in any way is a finding.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Check", "examine"]

_PACKAGES = {
    "torch": "torch",
    "numpy": "numpy",
    "opencv": "cv2",
    "pillow": "PIL",
    "pyzmq": "zmq",
    "OpenImageIO": "OpenImageIO",
    "PyAV": "av",
    "safetensors": "safetensors",
    "rich": "rich",
}
_SUPPORTED_PYTHON = ((3, 10), (3, 13))
_ENOUGH_MEMORY_GIB = 6.0
_ENOUGH_DISK_GIB = 1.0
_REINSTALL = "Install again: pip install --force-reinstall xmempp."
_GIB = 1 << 30


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes:
        name: what was looked at.
        ok: whether the engine can work with it.
        detail: what was found.
        hint: what to do next; empty where nothing is to be done.
    """

    name: str
    ok: bool
    detail: str
    hint: str = ""


def examine(*, cache: Path | None = None) -> list[Check]:
    """Look at everything that the engine needs; takes some seconds, changes nothing.

    Args:
        cache: the folder of fetched weights, instead of the user's own.

    Returns:
        One finding per thing, in the order in which they depend on each other. Never raises.
    """
    plain: dict[str, Callable[[], Check]] = {
        "system": _system,
        "python": _python,
        "memory": _memory,
        **{name: _Package(name, module) for name, module in _PACKAGES.items()},
        "processor": _processor,
        "device": _device,
        "cache folder": lambda: _cache_folder(cache),
        "weights lite": lambda: _weights("lite", cache),
        "weights lite-permissive": lambda: _weights("lite-permissive", cache),
        "weights xmem": lambda: _weights("xmem", cache),
        "EXR": lambda: _picture("EXR", "half", bits=16, brightest=2.5),
        "DPX": lambda: _picture("DPX", "uint16", bits=10),
        "TIFF": lambda: _picture("TIFF", "uint16", bits=16),
        "movie": _movie,
    }
    return [_guarded(name, look) for name, look in plain.items()]


def _guarded(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except Exception as error:  # whatever is wrong is what was asked for
        reason = (str(error).strip() or "no reason given").splitlines()[0]
        return Check(name, False, f"{type(error).__name__}: {reason}", _REINSTALL)


def _system() -> Check:
    try:
        version = importlib.metadata.version("xmempp")
    except importlib.metadata.PackageNotFoundError:
        version = "run from its source folder"
    return Check("system", True, f"{platform.platform()}; xmempp {version}")


def _python() -> Check:
    oldest, newest = _SUPPORTED_PYTHON
    ok = oldest <= sys.version_info[:2] <= newest
    wanted = f"Use Python {oldest[0]}.{oldest[1]} to {newest[0]}.{newest[1]}."
    return Check("python", ok, f"{platform.python_version()} in {sys.prefix}", "" if ok else wanted)


def _memory() -> Check:
    total = _total_memory() / _GIB
    ok = total >= _ENOUGH_MEMORY_GIB
    hint = "" if ok else "Close other programs, and propagate with a smaller --size."
    return Check("memory", ok, f"{total:.1f} GiB in all", hint)


def _total_memory() -> int:
    """Bytes of RAM."""
    if sys.platform == "win32":
        kilobytes = ctypes.c_ulonglong()
        ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes))
        return kilobytes.value * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@dataclass(frozen=True)
class _Package:
    """A library that can be imported, and its version."""

    name: str
    module: str

    def __call__(self) -> Check:
        module = importlib.import_module(self.module)
        version = getattr(module, "__version__", None)
        return Check(self.name, True, version or importlib.metadata.version(self.module))


def _processor() -> Check:
    import torch

    from engine_server.network.inference import Runtime

    runtime = Runtime.choose("cpu")
    bytes_too = "int8 and " if runtime.eight_bits else ""
    real = "bfloat16" if runtime.dtype is torch.bfloat16 else "float32, no bfloat16 instructions"
    threads = f"{torch.get_num_threads()} threads on {os.cpu_count()} cores"
    facts = f"{platform.machine()}, {threads}, computes in {bytes_too}{real}"
    return Check("processor", True, facts)


def _device() -> Check:
    import torch

    from engine_server.network.inference import Runtime

    best = Runtime.choose("auto").device.type
    found = ", ".join(_devices(torch.cuda.device_count(), torch.backends.mps.is_available()))
    return Check("device", True, f"{best} is used by default; present: {found}")


def _devices(gpus: int, mps: bool) -> Iterator[str]:
    import torch

    yield "cpu"
    for index in range(gpus):
        facts = torch.cuda.get_device_properties(index)
        yield f"cuda:{index} ({facts.name}, {facts.total_memory / _GIB:.0f} GiB)"
    if mps:
        yield "mps"


def _cache_folder(cache: Path | None) -> Check:
    from engine_server.network.weights import cache_folder

    folder = cache or cache_folder()
    hint = "Set XMEMPP_CACHE to a folder that you can write to."
    parent = next(path for path in (folder, *folder.parents) if path.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        return Check("cache folder", False, f"{folder} can't be written", hint)
    free = shutil.disk_usage(parent).free / _GIB
    ok = free >= _ENOUGH_DISK_GIB
    return Check("cache folder", ok, f"{folder}, {free:.1f} GiB free", "" if ok else hint)


def _weights(name: str, cache: Path | None) -> Check:
    from engine_server.network.weights import list_weights, verify

    known = next(known for known in list_weights(cache=cache) if known.name == name)
    if known.present:
        facts = verify(known.path)
        millions = f"{facts.parameters / 1e6:.1f} million parameters"
        detail = f"{known.path}, {millions}, SHA-256 {facts.sha256[:12]}"
        return Check(f"weights {name}", True, detail)
    if known.url:
        hint = f"Optional: xmempp weights fetch {name}."
        return Check(f"weights {name}", True, "not fetched", hint)
    return Check(f"weights {name}", False, f"{known.path} is missing", _REINSTALL)


def _picture(kind: str, pixel_type: str, *, bits: int, brightest: float = 1.0) -> Check:
    """Write a small picture and read it back as a plate would be read."""
    import numpy as np
    import OpenImageIO

    from engine_server.media import read_image

    ramp = np.linspace(0, brightest, 16 * 8 * 3, dtype=np.float32).reshape(8, 16, 3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"check.{kind.lower()}"
        picture = OpenImageIO.ImageBuf(OpenImageIO.ImageSpec(16, 8, 3, "float"))
        picture.specmod().attribute("oiio:BitsPerSample", bits)
        picture.set_pixels(OpenImageIO.ROI(), ramp)
        if not picture.write(str(path), pixel_type):
            return Check(kind, False, f"can't be written: {picture.geterror()}", _REINSTALL)
        pixels = read_image(path).rgb()
    scale = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    error = float(np.abs(pixels / scale - ramp).max())
    ok = error < 0.01
    detail = f"OpenImageIO {OpenImageIO.VERSION_STRING} writes and reads {pixels.dtype}"
    return Check(kind, ok, detail if ok else f"comes back wrong by {error:.3f}")


def _movie() -> Check:
    """Write a movie of three frames and read it back as a plate."""
    import av
    import numpy as np

    from engine_server.media import ViewTransform
    from engine_server.media.movie import Movie

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "check.mov"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=24)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for level in (0, 100, 200):
                image = np.full((48, 64, 3), level, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode())
        plate = Movie(path, ViewTransform())
        levels = [float(plate.view(frame).mean()) for frame in plate.frames]
        plate.close()
    ok = len(levels) == 3 and np.allclose(levels, (0, 100, 200), atol=5)
    detail = f"PyAV {av.__version__} writes and reads 3 frames"
    return Check("movie", ok, detail if ok else f"comes back as frames of level {levels}")
