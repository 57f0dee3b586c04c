# SPDX-License-Identifier: Apache-2.0
"""The group and the nodes in it: mattes are read and copied into layers, all else passes.

    plate ──┬─────────────────────► PassThrough ──► Output
            └► Layers1 ─► Layers2 ─►┘
    Mattes ──┴──────────┘               matte (rendered only to be sent to the engine)

It needs neither engine nor plugin: a script that is opened elsewhere, or on the farm, works
as long as the EXRs are there.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import nuke

from . import __version__, files
from .knobs import add_knobs
from .shared.errors import NotFound
from .values import hidden_undo, put, whole

__all__ = [
    "FILE",
    "MATTES",
    "add_matte_input",
    "build",
    "create",
    "inner",
    "input_names",
    "is_ours",
    "layers_shown",
    "show_files",
    "show_layers",
    "show_more",
]

MATTES, SWITCH = "Mattes", "PassThrough"
FILE = (
    "[value parent.folder]/[value parent.shot]/[value parent.version]/[value parent.shot].%04d.exr"
)
"""Nuke works this out where the script is, so that a script and its mattes can move."""

_COLOUR = 0x4A7BA6FF
_SLOTS = 4  # channels that a Copy can copy
_STEP = 90


def create() -> nuke.Group:
    """A new node, its plate the node that is selected."""
    chosen = nuke.selectedNodes()
    plate = chosen[0] if len(chosen) == 1 else None
    with nuke.Undo():
        group = build(plate)
        if plate is not None:
            group.setXYpos(plate.xpos(), plate.ypos() + _STEP)
    if nuke.GUI:
        group.showControlPanel()
    return group


def build(plate: nuke.Node | None = None, matte: nuke.Node | None = None) -> nuke.Group:
    """Makes the group with its knobs; nothing of it is selected, no viewer changes."""
    group = nuke.nodes.Group(name="XMemPP1", tile_color=_COLOUR)
    with group:
        first = nuke.nodes.Input(name="plate", number=0, xpos=0, ypos=0)
        nuke.nodes.Input(name="matte", number=1, xpos=2 * _STEP, ypos=0)
        read = nuke.nodes.Read(name=MATTES, xpos=-2 * _STEP, ypos=0)
        switch = nuke.nodes.Switch(name=SWITCH, inputs=[first], which=0, xpos=0, ypos=3 * _STEP)
        nuke.nodes.Output(name="Output", inputs=[switch], xpos=0, ypos=4 * _STEP)
    for name, value in (("file", FILE), ("raw", True), ("before", "black"), ("after", "black")):
        read[name].setValue(value)  # brackets must arrive as they are
    add_knobs(group, __version__)
    group["token"].setValue(secrets.token_hex(8))
    for number, node in enumerate((plate, matte)):
        if node is not None:
            group.setInput(number, node)
    return group


def is_ours(node: nuke.Node | None) -> bool:
    """Whether a node was made by `build`."""
    if not isinstance(node, nuke.Group):
        return False
    return node.knob("xmempp") is not None and node.knob("token") is not None


def inner(group: nuke.Group, name: str) -> nuke.Node:
    """A node in the group; ``NotFound`` if somebody deleted it."""
    found = group.node(name)
    if found is None:
        raise NotFound(
            f"{group.name()} has no node '{name}' in it any more.",
            hint="Undo that, or make another XMem++ node.",
        )
    return found


# Inputs


def input_names(group: nuke.Group) -> list[str]:
    """Names of the inputs for mattes, in order."""
    return [node.name() for node in _inputs(group)[1:]]


def add_matte_input(group: nuke.Group) -> str:
    """One more input for a matte; its name."""
    number = len(_inputs(group))
    with group:
        node = nuke.nodes.Input(name=f"matte{number}", number=number, ypos=0)
        node.setXYpos((number + 1) * _STEP, 0)
    return str(node.name())


def _inputs(group: nuke.Group) -> list[nuke.Node]:
    found = [node for node in group.nodes() if node.Class() == "Input"]
    return sorted(found, key=lambda node: int(node["number"].value()))


# Layers


def layers_shown(group: nuke.Group) -> list[str]:
    """Layers that are copied now, the first of them into rgba.alpha as well."""
    found = []
    for copy in _copies(group):
        for slot in range(_SLOTS):
            layer, _, channel = str(copy[f"to{slot}"].value()).partition(".")
            if channel and layer != "rgba":
                found.append(layer)
    return found


def show_layers(group: nuke.Group, layers: Sequence[str]) -> None:
    """Copies the alpha of each layer out of the EXRs, and the first into rgba.alpha."""
    if layers_shown(group) == [*layers]:
        return
    with hidden_undo():
        for layer in layers:
            nuke.Layer(layer, [f"{layer}.alpha"])
        for copy in _copies(group):
            nuke.delete(copy)
        channels = [f"{layer}.alpha" for layer in layers]
        pairs = [(name, name) for name in channels]
        pairs[:0] = [(channels[0], "rgba.alpha")] if channels else []
        _connect(group, pairs)


def _connect(group: nuke.Group, pairs: Sequence[tuple[str, str]]) -> None:
    last, mattes = inner(group, "plate"), inner(group, MATTES)
    with group:
        for at in range(0, len(pairs), _SLOTS):
            number = at // _SLOTS + 1
            copy = nuke.nodes.Copy(name=f"Layers{number}", inputs=[last, mattes])
            copy.setXYpos(-_STEP, number * _STEP)
            for slot in range(_SLOTS):
                source, target = pairs[at + slot] if at + slot < len(pairs) else ("none", "none")
                copy[f"from{slot}"].setValue(source)
                copy[f"to{slot}"].setValue(target)
            last = copy
        switch = inner(group, SWITCH)
        switch.setInput(1, last)
        below = max(3, len(pairs) // _SLOTS + 3) * _STEP
        switch.setXYpos(0, below)
        inner(group, "Output").setXYpos(0, below + _STEP)


def _copies(group: nuke.Group) -> list[nuke.Node]:
    found = [node for node in group.nodes() if node.Class() == "Copy"]
    return sorted((n for n in found if n.name().startswith("Layers")), key=_number)


def _number(node: nuke.Node) -> int:
    return int(node.name()[len("Layers") :] or 0)


# Files


def show_files(group: nuke.Group) -> None:
    """Brings the Read in line with the files of the version shown; without any, all passes."""
    _show(group, files.frames(files.shown(group)))


def show_more(group: nuke.Group, frames: Sequence[int]) -> None:
    """Brings it in line with files that are new; the others, thousands maybe, are not looked at."""
    read = inner(group, MATTES)
    if not whole(inner(group, SWITCH), "which"):
        show_files(group)
    elif files.shown(group) == files.newest(group):
        _show(group, [*frames, whole(read, "first"), whole(read, "last")])


def _show(group: nuke.Group, frames: Sequence[int]) -> None:
    read, switch = inner(group, MATTES), inner(group, SWITCH)
    with hidden_undo():
        for name, value in _range(frames).items():
            put(read, name, value)
        put(switch, "which", 1 if frames and switch.input(1) is not None else 0)
        if frames:
            _reload(read)


def _range(frames: Sequence[int]) -> dict[str, int]:
    first, last = (min(frames), max(frames)) if frames else (1, 1)
    return {"first": first, "last": last, "origfirst": first, "origlast": last}


def _reload(read: nuke.Node) -> None:
    knob = read["reload"]
    if isinstance(knob, nuke.Script_Knob):
        knob.execute()
