# SPDX-License-Identifier: Apache-2.0
"""XMem++ in Nuke: paint an object on a few frames, get its matte on all of them.

`create` makes a node, `press` is what its buttons call, `run` is for scripts. What needs
the engine is imported only when a button is pressed: a render needs nothing of this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import nuke

__all__ = ["__version__", "create", "press", "run", "wait"]

__version__ = "0.1.0"


def create() -> nuke.Group:
    """A new node, connected to the selected one."""
    from . import graph

    return graph.create()


def press(command: str) -> None:
    """Does what a button of the present node says; what goes wrong is shown."""
    try:
        commands = _commands()
    except ImportError as error:  # of pyzmq: a sentence, not a stack
        import nuke

        (nuke.message if nuke.GUI else nuke.tprint)(str(error))
        return
    commands.press(command)


def run(node: nuke.Node, command: str, **options: Any) -> None:
    """Does what a button says and waits until it is done; for scripts without windows.

    Args:
        node: made by `create`.
        command: name of the button, such as ``propagate``.
        options: what a window would ask for, such as ``name="hero"``.

    Raises:
        XmemppError: a sentence for the artist, and what to do next.
    """
    _commands().run(node, command, **options)


def wait(seconds: float = 600.0) -> None:
    """Waits until the engine has answered and no job runs.

    Args:
        seconds: that may pass without any progress.

    Raises:
        DeadlineExceeded: nothing went on for so long.
    """
    _commands().wait(seconds)


def _commands() -> Any:
    from . import vendor

    vendor.make_importable("zmq")
    from . import commands

    return commands
