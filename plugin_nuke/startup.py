# SPDX-License-Identifier: Apache-2.0
"""What is told to Nuke at its start: callbacks, the toolbar, the menu. It loads no pyzmq."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from typing import Any

import nuke

from . import graph, values

__all__ = ["SHORTCUT", "add_callbacks", "add_menus"]

log = logging.getLogger(__name__)

SHORTCUT = "ctrl+alt+x"
_CREATE = "import xmempp_nuke; xmempp_nuke.create()"
_TO_NODE = "import xmempp_nuke.startup; xmempp_nuke.startup.press_selected('{}')"
_ENTRIES = (
    ("Add Reference", "reference_add", "ctrl+alt+r"),
    ("Propagate", "propagate", "ctrl+alt+p"),
    ("Next Candidate", "candidate_next", "ctrl+alt+n"),
    ("Previous Candidate", "candidate_previous", ""),
)


def add_callbacks() -> None:
    """Sessions end with their nodes and scripts; lists in an open panel go to their frame."""
    nuke.addOnDestroy(_harmless(_destroyed), nodeClass="Group")
    nuke.addOnScriptClose(_harmless(_script_closed))
    nuke.addOnScriptLoad(_harmless(_script_loaded))
    nuke.addKnobChanged(_harmless(_changed), nodeClass="Group")


def _harmless(call: Callable[[], None]) -> Callable[[], None]:
    """A callback whose failure stops neither Nuke nor the opening of a script."""

    @functools.wraps(call)
    def logged() -> None:
        try:
            call()
        except Exception:
            log.exception("XMem++ failed in %s", call.__name__)

    return logged


def add_menus() -> None:
    """The toolbar's button, and a menu for the selected node."""
    nuke.menu("Nodes").addMenu("XMem++").addCommand("XMem++", _CREATE, SHORTCUT)
    menu = nuke.menu("Nuke").addMenu("XMem++")
    menu.addCommand("Create Node", _CREATE)
    for label, command, shortcut in _ENTRIES:
        menu.addCommand(label, _TO_NODE.format(command), shortcut)


def press_selected(button: str) -> None:
    """Presses a button of the selected XMem++ node."""
    chosen = [node for node in nuke.selectedNodes() if graph.is_ours(node)]
    if len(chosen) != 1:
        nuke.message("Select one XMem++ node first.")
        return
    knob = chosen[0][button]
    if isinstance(knob, nuke.Script_Knob):
        knob.execute()


def _bridge() -> Any:
    """The bridge, if there is one: nothing is loaded for its sake."""
    module = sys.modules.get(f"{__package__}.bridge")
    return module.current() if module is not None else None


def _destroyed() -> None:
    """Also called for an undone creation and a closed script: the session can be taken up."""
    node, bridge = nuke.thisNode(), _bridge()
    if bridge is not None and graph.is_ours(node):
        bridge.close(node)


def _script_closed() -> None:
    bridge = _bridge()
    if bridge is not None:
        bridge.leave()


def _script_loaded() -> None:
    """A script was saved with what was so then; that is no change that has to be saved."""
    bridge, root = _bridge(), nuke.root()
    state = "stopped" if bridge is None else bridge.state
    modified = root.modified()
    with values.hidden_undo():
        for node in nuke.allNodes("Group", nuke.root(), True):
            if graph.is_ours(node):
                values.put(node, "state", state)
                values.put(node, "message", "")
    root.setModified(modified)


def _changed() -> None:
    """Called while a panel is open; nothing else depends on it."""
    node, knob = nuke.thisNode(), nuke.thisKnob()
    if values.is_told() or not graph.is_ours(node) or not isinstance(node, nuke.Group):
        return
    if knob.name() in ("candidate", "reference") and str(knob.value()).lstrip("-").isdigit():
        nuke.frame(int(knob.value()))
    elif knob.name() in ("version", "folder", "shot"):
        graph.show_files(node)
