# SPDX-License-Identifier: Apache-2.0
"""The weights that are known by name: where they are, and how they get here.

``lite`` and ``lite-permissive`` are part of the package. ``xmem`` is the file that the authors of
XMem published; it is kept in the user's cache folder. The first time that it is used its contents
are checked against the network, and its SHA-256 is written to a lock file beside it: from then on
it may not change.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine_server.digest import sha256_of
from shared.errors import BadWeights, OutputUnwritable, UsageError, WeightsUnavailable

from .download import DownloadError, Progress, download
from .state import WeightsFacts, load_model, load_state, read_state, verify

__all__ = [
    "KnownWeights",
    "WeightsFacts",
    "cache_folder",
    "default_weights",
    "fetch",
    "list_weights",
    "load_model",
    "load_state",
    "read_state",
    "resolve",
    "verify",
]

LOCK_NAME = "weights.lock"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KnownWeights:
    """Weights with a name.

    Attributes:
        name: what to call them on the command line.
        about: one line for a list.
        terms: under which terms they may be used.
        path: where they are, or would be.
        url: where they come from; empty for those in the package.
    """

    name: str
    about: str
    terms: str
    path: Path
    url: str = ""

    @property
    def present(self) -> bool:
        """Whether the file is there."""
        return self.path.is_file()


def list_weights(*, cache: Path | None = None) -> tuple[KnownWeights, ...]:
    """All weights with a name, whether or not they are on this machine.

    Args:
        cache: instead of the user's cache folder.
    """
    return (
        KnownWeights(
            "lite",
            "small and quick, part of the package, works offline",
            "Part of its training data has research terms: for research and trial; "
            "docs/model-card.md lists the data sets.",
            Path(__file__).parent / "data" / "lite.safetensors",
        ),
        KnownWeights(
            "lite-permissive",
            "the same, learned from fewer pictures; part of the package",
            "Learned from feral_cats (MIT), CCP (Apache-2.0; photos from the web), COCO128 (CC BY "
            "4.0; images of various terms) and pictures drawn by this project: see "
            "docs/model-card.md.",
            Path(__file__).parent / "data" / "lite-permissive.safetensors",
        ),
        KnownWeights(
            "xmem",
            "the network as published with XMem (ECCV 2022), 250 MB",
            "Published by the authors of XMem with their release v1.0, not part of this package; "
            "see https://github.com/hkchengrex/XMem for its terms and training data.",
            (cache or cache_folder()) / "XMem.pth",
            "https://github.com/hkchengrex/XMem/releases/download/v1.0/XMem.pth",
        ),
    )


def default_weights(*, cache: Path | None = None) -> str:
    """``xmem`` where its file has been fetched, else ``lite``."""
    return "xmem" if _known("xmem", cache).present else "lite"


def resolve(name_or_path: str | Path, *, cache: Path | None = None) -> Path:
    """The file behind a name or a path.

    Args:
        name_or_path: a name of `list_weights`, or a file.
        cache: instead of the user's cache folder.

    Raises:
        WeightsUnavailable: the weights of that name are not on this machine.
        BadWeights: they are no longer the file that was pinned at its first use.
        UsageError: it is neither a name nor a file.
    """
    names = [known.name for known in list_weights(cache=cache)]
    if name_or_path not in names:
        return _existing(Path(name_or_path), names)
    known = _known(str(name_or_path), cache)
    if not known.present:
        raise WeightsUnavailable(
            f"The weights '{known.name}' are not on this machine ({known.path} is missing).",
            hint=f"Run `xmempp weights fetch {known.name}` once while online."
            if known.url
            else "Install the package again.",
        )
    if known.url:
        _check_pin(known, known.path)
    return known.path


def fetch(
    name: str,
    *,
    url: str | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Bring weights to this machine; what is here already is checked and left alone.

    Args:
        name: of `list_weights`.
        url: another address of the same file.
        cache: instead of the user's cache folder.
        progress: called with the bytes received and the bytes in all (or None).

    Returns:
        The file, complete and checked.

    Raises:
        WeightsUnavailable: the file can't be had; what has come of it is kept for the next try.
        BadWeights: what came is not the file: damaged, or not what was pinned.
        OutputUnwritable: the cache folder can't be written, or the disk is full.
        UsageError: there are no weights of that name.
    """
    known = _known(name, cache)
    if known.present or not known.url:
        return resolve(name, cache=cache)
    part = known.path.with_name(known.path.name + ".part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        download(url or known.url, part, progress=progress)
        _accept(known, part)
    except DownloadError as error:
        raise WeightsUnavailable(
            f"{known.path.name} can't be fetched ({error}): try again later, or download "
            f"{url or known.url} on any machine and save it as {known.path}.",
        ) from error
    except OSError as error:
        raise OutputUnwritable(f"{part} can't be written: {error.strerror or error}.") from error
    return known.path


def cache_folder() -> Path:
    """Where fetched weights are kept: ``XMEMPP_CACHE``, or the custom of the system."""
    if chosen := os.environ.get("XMEMPP_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "xmempp" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "xmempp"
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "xmempp"


def _known(name: str, cache: Path | None) -> KnownWeights:
    everything = {known.name: known for known in list_weights(cache=cache)}
    if name not in everything:
        raise UsageError(
            f"There are no weights '{name}'.", hint=f"Known are {', '.join(everything)}."
        )
    return everything[name]


def _existing(path: Path, names: list[str]) -> Path:
    if not path.is_file():
        raise UsageError(
            f"There are no weights and no file '{path}'.",
            hint=f"Known weights are {', '.join(names)}.",
        )
    return path


def _accept(known: KnownWeights, part: Path) -> None:
    """Check what came and move it to its place; throw it away if it is something else."""
    try:
        _check_pin(known, part)
    except BadWeights:
        part.unlink()
        raise
    part.replace(known.path)


def _check_pin(known: KnownWeights, path: Path) -> None:
    """The file must be the one in the lock file; the first good one is written there."""
    lock_path = known.path.with_name(LOCK_NAME)
    lock = _read_lock(lock_path)
    pinned = lock.get(known.name)
    if pinned is None:
        facts = verify(path)
        if facts.architecture != known.name:
            raise BadWeights(f"{path} holds a network '{facts.architecture}', not '{known.name}'.")
        entry = {"file": known.path.name, "size": facts.size, "sha256": facts.sha256}
        _write_lock(lock_path, {**lock, known.name: entry})
        return
    found = {"size": path.stat().st_size, "sha256": sha256_of(path)}
    for what, value in found.items():
        if value != pinned.get(what):
            raise BadWeights(
                f"{path} has the {what} {value}, but {lock_path} pins {pinned.get(what)}.",
                hint=f"Delete {known.path.name} and fetch it again; delete the lock file too only "
                "if you know that the published file was replaced.",
            )


def _read_lock(path: Path) -> dict[str, Mapping[str, Any]]:
    if not path.is_file():
        return {}
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): dict(entry) for name, entry in lock.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BadWeights(
            f"The lock file {path} can't be read.", hint="Delete it: it is written again."
        ) from error


def _write_lock(path: Path, lock: Mapping[str, Mapping[str, Any]]) -> None:
    temporary = path.with_name(path.name + ".new")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(lock, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:  # a folder that someone else looks after: use it, but unpinned
        _log.warning("%s can't be written, %s are not pinned: %s", path, ", ".join(lock), error)
