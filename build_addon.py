# SPDX-License-Identifier: Apache-2.0
"""Builds what hosts install: ``python build_addon.py blender``, or ``nuke``.

The same sources and wheels give the same file, byte for byte: entries are sorted, have one
date and are stored as they are. Nothing in the source tree is changed.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent
ADDON = ROOT / "addon_blender"
LOCK = ADDON / "wheels.sha256"
NAME = "xmempp_blender"
DATE = (1980, 1, 1, 0, 0, 0)

PLATFORMS = {
    "linux-x64": "manylinux_2_28_x86_64",
    "linux-arm64": "manylinux_2_28_aarch64",
    "macos-x64": "macosx_10_15_universal2",
    "macos-arm64": "macosx_11_0_universal2",
    "windows-x64": "win_amd64",
    "windows-arm64": "win_arm64",
}
"""Platforms of Blender, and the wheels for each of them."""

NUKE = ROOT / "plugin_nuke"
NUKE_LOCK = NUKE / "wheels.sha256"
NUKE_NAME = "xmempp_nuke"
NUKE_PLATFORMS = {
    "linux-x64": "manylinux2014_x86_64",  # Nuke 14 runs where glibc is 2.17
    "macos-x64": "macosx_10_15_universal2",
    "macos-arm64": "macosx_10_15_universal2",
    "windows-x64": "win_amd64",
}
"""Platforms of Nuke 14 to 16, and the wheels for each of them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds, and names the file; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        path = _build(options)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"build_addon: {error}\n")
        return 1
    sys.stdout.write(f"{path}\n")
    return 0


def _build(options: argparse.Namespace) -> Path:
    if options.host == "nuke":
        wheels = [] if options.wheels == "none" else _wheels(options, NUKE_LOCK, NUKE_PLATFORMS)
        return build_nuke(options.output, wheels)
    wheels = [] if options.wheels == "none" else _wheels(options, LOCK, PLATFORMS)
    engine = [] if options.engine == "none" else [engine_wheel(options)]
    return build_blender(options.output, wheels, engine)


def build_blender(folder: Path, wheels: Sequence[Path] = (), engine: Sequence[Path] = ()) -> Path:
    """The add-on as a zip: its code, `shared`, the licences, wheels, and the engine.

    Args:
        folder: where it is written.
        wheels: packages that come with it; the add-on unpacks the one that fits. The manifest
            lists none: Blender 4.2 would install the last of a list, whatever its Python, and
            4.3 to 5.2 refuse a list with one for Python 3.11 where Python is newer.
        engine: wheel of the engine, for which the add-on makes an environment of its own.
    """
    files = dict(_blender_files(wheels))
    files.update({f"engine/{wheel.name}": wheel.read_bytes() for wheel in engine})
    return _zipped(folder / f"{NAME}-{addon_version()}.zip", NAME, files)


def build_nuke(folder: Path, wheels: Sequence[Path] = ()) -> Path:
    """The plugin for Nuke as a zip: ``init.py``, ``menu.py`` and a package with all else.

    Args:
        folder: where it is written.
        wheels: packages that come with it, unpacked, a folder for each Python and system.
    """
    version = addon_version(NUKE)
    return _zipped(folder / f"{NUKE_NAME}-{version}.zip", NUKE_NAME, dict(_nuke_files(wheels)))


def _zipped(target: Path, top: str, files: dict[str, bytes]) -> Path:
    """Writes files by their names, below one folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(f"{top}/{name}", DATE)
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3  # the same on every system
            archive.writestr(entry, files[name])
    return target


def addon_version(addon: Path = ADDON) -> str:
    """Its version, read without running the add-on."""
    for node in ast.parse((addon / "__init__.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__version__":
            return str(ast.literal_eval(node.value))
    raise ValueError(f"{addon.name}/__init__.py has no __version__.")


def engine_wheel(options: argparse.Namespace) -> Path:
    """The engine's wheel: built from this source tree, or the one that is named.

    pip builds it in an environment of its own, with the version of hatchling that
    constraints.txt names, so that it is the same each time.
    """
    if options.engine != "build":
        return Path(options.engine)
    folder = ROOT / "build" / "engine"
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--wheel-dir", str(folder), str(ROOT)),
        ],
        env={**os.environ, "PIP_CONSTRAINT": str(ROOT / "constraints.txt")},
        check=True,
    )
    return next(folder.glob("*.whl"))


def _blender_files(wheels: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """Names in the zip, and what is in them."""
    for folder, prefix in ((ADDON, ""), (ROOT / "shared", "shared/")):
        for path in folder.rglob("*.py"):
            yield prefix + path.relative_to(folder).as_posix(), _text(path)
    yield "blender_manifest.toml", _text(ADDON / "blender_manifest.toml")
    yield "LICENSE-GPL-3.0.txt", _text(ADDON / "LICENSE")
    yield "LICENSE-Apache-2.0.txt", _text(ROOT / "LICENSE")
    for wheel in wheels:
        yield f"wheels/{wheel.name}", wheel.read_bytes()


def _nuke_files(wheels: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """Names in the zip, and what is in them: Nuke runs what is at the top."""
    for path in NUKE.glob("*.py"):
        at_top = path.name in ("init.py", "menu.py", "smoke.py")
        yield path.name if at_top else f"{NUKE_NAME}/{path.name}", _text(path)
    for path in (ROOT / "shared").rglob("*.py"):
        name = path.relative_to(ROOT / "shared").as_posix()
        yield f"{NUKE_NAME}/shared/{name}", _text(path)
    yield "LICENSE.txt", _text(ROOT / "LICENSE")
    for wheel in wheels:
        yield from _unpacked(wheel, f"{NUKE_NAME}/packages/{_vendor_folder(wheel.name)}")


def _unpacked(wheel: Path, folder: str) -> Iterator[tuple[str, bytes]]:
    """What is in a wheel, without its tests: libraries can't be loaded out of a zip."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if not name.endswith("/") and not name.startswith("zmq/tests/"):
                yield f"{folder}/{name}", archive.read(name)


def _vendor_folder(name: str) -> str:
    """Such as ``cp310-linux-x86_64``, as `plugin_nuke.vendor.folder_name` asks for it."""
    python, _, tag = name[: -len(".whl")].split("-")[-3:]
    systems = {"manylinux": "linux", "macosx": "macos", "win": "windows"}
    system = next(plain for start, plain in systems.items() if tag.startswith(start))
    machine = "universal2" if system == "macos" else "x86_64"
    return f"{python}-{system}-{machine}"


def _text(path: Path) -> bytes:
    """A text file with the same line ends everywhere."""
    return path.read_text("utf-8").encode()


def _wheels(options: argparse.Namespace, lock: Path, platforms: Mapping[str, str]) -> list[Path]:
    """The wheels that are locked for the wanted platforms; fetched where they are not there."""
    folder = Path(options.wheels) if options.wheels != "fetch" else ROOT / "build" / "wheels"
    locked = _locked(lock)
    found = []
    for platform in options.platform or platforms:
        for name in [name for name in locked if _is_for(name, platform)]:
            if options.wheels == "fetch" and not (folder / name).is_file():
                _fetch(name, platforms[platform], folder)
            found.append(_checked(folder / name, locked[name]))
    if not found:
        raise ValueError(f"{lock} has no wheels for {', '.join(options.platform)}.")
    return sorted(set(found))


def _locked(lock: Path | None = None) -> dict[str, str]:
    """SHA-256 by file name."""
    lines = (line.split() for line in (lock or LOCK).read_text("utf-8").splitlines())
    return {name: digest for digest, name in lines}


def _is_for(name: str, platform: str) -> bool:
    system, _, machine = platform.partition("-")
    tag = name[: -len(".whl")].split("-")[-1]
    spellings = {
        "x64": ("x86_64", "amd64", "universal2"),
        "arm64": ("aarch64", "arm64", "universal2"),
    }
    start = {"linux": "manylinux", "macos": "macosx", "windows": "win"}[system]
    return tag.startswith(start) and tag.endswith(spellings[machine])


def _fetch(name: str, tag: str, folder: Path) -> None:
    """Downloads a wheel from the package index that pip is set up for."""
    package, version, python, abi, _ = name[: -len(".whl")].split("-")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
            *("--only-binary=:all:", "--dest", str(folder), "--implementation", "cp"),
            *("--platform", tag, "--abi", abi),
            *("--python-version", f"{python[2]}.{python[3:]}", f"{package}=={version}"),
        ],
        check=True,
    )


def _checked(wheel: Path, digest: str) -> Path:
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != digest:
        raise ValueError(f"{wheel} is not the file that wheels.sha256 names.")
    return wheel


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Builds what hosts install.")
    parser.add_argument("host", choices=["blender", "nuke"])
    parser.add_argument(
        "--wheels",
        default="fetch",
        metavar="fetch|none|DIR",
        help="wheels of pyzmq: fetched by pip, left out, or taken from a folder "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--platform",
        action="append",
        choices=PLATFORMS,
        help="whose wheels go in; may be given several times (default: all)",
    )
    parser.add_argument(
        "--engine",
        default="build",
        metavar="build|none|FILE",
        help="wheel of the engine: built, left out, or taken from a file (default: %(default)s)",
    )
    parser.add_argument("--output", type=Path, default=ROOT / "dist", metavar="DIR")
    return parser


if __name__ == "__main__":
    sys.exit(main())
