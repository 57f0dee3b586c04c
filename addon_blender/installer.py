# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine is installed by a thread, from the wheel that came with the add-on.

The thread publishes what it is doing; the main thread reads that, and asks it to end.
"""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Sequence
from pathlib import Path

from . import quiet
from .shared.engine_install import InstallStep, find_python, install_engine
from .shared.errors import Cancelled, InstallFailed, UsageError, XmemppError

__all__ = ["CPU_ONLY", "Installation", "cancel_all", "last", "options_of", "start"]

CPU_ONLY = ("--extra-index-url", "https://download.pytorch.org/whl/cpu")
"""Has pip prefer the build of torch without CUDA, which is a tenth of the size."""

_FOLDER = Path(__file__).parent / "engine"
_made: list[Installation] = []


class Installation:
    """One, done by a thread of its own.

    Args:
        python: its path, from the preferences; empty to look for one.
        options: further ones of ``pip install``.

    Attributes:
        step: what it is doing.
        error: why it ended without an engine; None where that was wanted.
        program: the engine's, when it is there.
    """

    def __init__(self, python: str, options: Sequence[str]) -> None:
        self._python = python
        self._options = [*options]
        self._cancelled = threading.Event()
        self.step = InstallStep("environment", "Looking for Python …")
        self.error: XmemppError | None = None
        self.program: Path | None = None
        self._thread = threading.Thread(target=self._run, name="xmempp install", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._thread.is_alive()

    def cancel(self) -> None:
        """Has it ended; what it installed so far is deleted."""
        self._cancelled.set()

    def wait(self) -> None:
        """Returns when it has ended."""
        with quiet.going_on():
            self._thread.join()

    def _run(self) -> None:
        with quiet.running():
            self._install()

    def _install(self) -> None:
        try:
            self.program = install_engine(
                wheel_of_engine(),
                python=find_python(self._python or None),
                options=self._options,
                on_step=lambda step: setattr(self, "step", step),
                cancelled=self._cancelled.is_set,
            )
        except Cancelled:
            pass
        except XmemppError as error:
            self.error = error
        except OSError as error:
            self.error = InstallFailed(f"The engine can't be installed: {error}.")


def wheel_of_engine(folder: Path = _FOLDER) -> Path:
    """The wheel that came with the add-on.

    Raises:
        InstallFailed: it came without.
    """
    found = sorted(folder.glob("xmempp-*.whl"))
    if not found:
        raise InstallFailed(
            "This add-on came without the engine.",
            hint="Take the zip from the release page, or set the engine's path in the preferences.",
        )
    return found[-1]


def options_of(text: str, *, windows: bool = os.name == "nt") -> list[str]:
    """What the artist typed for pip, word by word; quotes hold words together.

    Args:
        text: as it was typed.
        windows: a backslash is part of a path.

    Raises:
        UsageError: a quote is not closed.
    """
    try:
        words = shlex.split(text, posix=not windows)
    except ValueError as error:
        raise UsageError(
            f"The pip options '{text}' have a quote that is not closed.",
            hint="Correct them in the preferences.",
        ) from error
    return [word.strip("\"'") for word in words] if windows else words


def start(python: str, options: Sequence[str]) -> Installation:
    """Begins an installation; there is one at a time."""
    _made[:] = [Installation(python, options)]
    return _made[0]


def last() -> Installation | None:
    """The one that runs, or the one that was done last."""
    return _made[0] if _made else None


def cancel_all() -> None:
    """Ends what runs, and waits for it; for the end of the add-on."""
    for one in _made:
        one.cancel()
        one.wait()
    _made.clear()
