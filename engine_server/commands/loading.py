# SPDX-License-Identifier: Apache-2.0
"""Loading what is large: torch takes a second."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from types import ModuleType

__all__ = ["load", "load_meanwhile"]


_begun: dict[str, Future[ModuleType]] = {}


def load(module: str) -> ModuleType:
    """Imports a module and all that it needs; waits where `load_meanwhile` has begun to."""
    begun = _begun.pop(module, None)
    return _imported(module) if begun is None else begun.result()


def load_meanwhile(module: str) -> None:
    """Begins to import a module in a thread of its own; `load` tells of an error."""
    _begun[module] = future = Future[ModuleType]()
    Thread(target=_load_into, args=(future, module), name="loading", daemon=True).start()


def _load_into(future: Future[ModuleType], module: str) -> None:
    try:
        future.set_result(_imported(module))
    except BaseException as error:  # who waits for it is to know
        future.set_exception(error)


def _imported(module: str) -> ModuleType:
    with _nothing_to_collect():
        return importlib.import_module(module)


@contextmanager
def _nothing_to_collect() -> Iterator[None]:
    """Spares what stays anyway from the search for garbage, a tenth of the time to load torch."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
