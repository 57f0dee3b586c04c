# SPDX-License-Identifier: Apache-2.0
"""Loading what is large: torch takes a second."""

from __future__ import annotations

import gc
import importlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from types import ModuleType

__all__ = ["load", "load_meanwhile"]

log = logging.getLogger(__name__)


def load(module: str) -> ModuleType:
    """Imports a module and all that it needs."""
    with _nothing_to_collect():
        return importlib.import_module(module)


def load_meanwhile(module: str) -> None:
    """Begins to import a module in a thread of its own; who imports it too waits for that."""
    Thread(target=_try, args=(module,), name="loading", daemon=True).start()


def _try(module: str) -> None:
    """An error is raised again where the module is imported for its use."""
    try:
        load(module)
    except Exception:
        log.debug("%s can't be loaded yet", module, exc_info=True)


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
