# SPDX-License-Identifier: Apache-2.0
"""The knobs of a node, in order. Buttons are named for the commands that they call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import nuke

from .values import NOTHING

__all__ = ["FOLDER", "SPACES", "add_knobs"]

SPACES = ("auto", "linear", "srgb", "log", "acescg", "aces2065")
FOLDER = "[file dirname [value root.name]]/mattes"
"""Where mattes go: beside the script, wherever that is."""

_QUIET = nuke.NO_UNDO  # told by the engine; Nuke's undo must not take it back


def add_knobs(group: nuke.Node, version: str) -> None:
    """Adds them to a new group.

    Args:
        group: the node.
        version: of the plugin, to be shown.
    """
    for part in (_work(), _candidates(), _engine(), _output(version), _refine(), _hidden()):
        for knob in part:
            group.addKnob(knob)


def _work() -> Iterator[nuke.Knob]:
    yield nuke.Tab_Knob("xmempp", "XMem++")
    yield _text("state", "engine", "stopped")
    yield _text("message", "", "")
    yield _button("engine_start", "Start Engine", "Starts the engine; it ends with Nuke.")
    yield _button("clip_open", "Open Shot", "Opens the plate, or goes on where it was left.")
    yield _button("clip_close", "Close Shot", "Leaves the shot; all that was painted stays.")
    yield _title("objects_title", "Objects")
    yield _list("object", "object", "The object that buttons are about")
    yield _button("object_add", "Add...", "Adds an object, and says where its matte is painted.")
    yield _button("object_rename", "Rename...", "Gives it another name, and so its layer.")
    yield _button("object_source", "Matte From...", "Says where its matte is painted.")
    yield _button("object_remove", "Remove", "Removes it with all that is painted of it.")
    yield _title("references_title", "References")
    yield _list("reference", "painted frames", "Choosing one goes to it while this panel is open.")
    yield _button("reference_previous", "<", "Goes to the painted frame before.")
    yield _button("reference_next", ">", "Goes to the next painted frame.")
    yield _button("reference_add", "Add", "Sends all that is painted here, in place of before.", 1)
    yield _button("reference_update", "Update", "Sends what is painted here; the rest stays.")
    yield _button("reference_remove", "Remove", "Takes back what was sent of this frame.")
    yield _button("not_visible", "Not Visible Here", "Says that the object is not in the picture.")
    yield _title("mattes_title", "Mattes")
    yield _choice("range", "range", ("clip", "project", "custom"), "Frames to propagate")
    yield _whole("first", "first", 1001, "First frame of a custom range")
    yield _whole("last", "last", 1100, "Last frame of a custom range", same_line=True)
    tip = "Frames left out at both ends of the clip's or the project's range"
    yield _whole("handles", "handles", 0, tip)
    tip = "both: outward from each painted frame"
    yield _choice("direction", "direction", ("both", "forward", "backward"), tip)
    yield _button("propagate", "Propagate", "Carries the painted mattes through the range.", 1)
    yield _button("cancel", "Cancel", "Ends the job; frames that are finished stay.")
    yield _button("undo", "Undo in Engine", "Takes the last edit in the engine back.")
    yield _button("redo", "Redo in Engine", "Does it again.")


def _candidates() -> Iterator[nuke.Knob]:
    yield _title("candidates_title", "Frames to paint next")
    yield _whole("count", "k", 5, "How many frames to propose")
    tip = "0 compares whole frames, 1 only what the mattes cover"
    yield _decimal("alpha", "alpha", 0.5, (0, 1), tip)
    tip = "In percent of the picture; frames whose mattes are smaller are passed over"
    yield _decimal("min_presence", "minimum size", 0.25, (0, 100), tip)
    yield _button("suggest", "Suggest", "Looks for the frames that would help most.", 1)
    yield _list("candidate", "candidates", "Best first. Choosing one goes to it.")
    yield _button("candidate_previous", "<", "Goes to the next better one.")
    yield _button("candidate_next", ">", "Goes to the next one.")
    tip = "Keys at the candidates, so that they are marks in timeline and dope sheet; 1 is the best"
    yield _curve("candidates", "marks", (0, 10), tip)
    tip = "How sure the network was, 0 to 1; the least sure object of each frame"
    yield _curve("confidence", "confidence", (0, 1), tip)
    yield _title("locks_title", "Locks")
    tip = "Such as 1001-1010 1020; empty for the present frame"
    yield _words("lock_range", "frames", "", tip)
    yield _button("lock", "Lock", "Their mattes don't change any more.")
    yield _button("unlock", "Unlock", "Their mattes may change again.")
    yield _text("locked", "locked", "none")


def _engine() -> Iterator[nuke.Knob]:
    yield nuke.Tab_Knob("engine_tab", "Engine")
    tip = "The engine's program; empty to look for it"
    yield _file("engine_program", "program", "", tip)
    yield _choice("device", "device", ("auto", "cuda", "mps", "cpu"), "What it computes on")
    yield _button("engine_stop", "Stop Engine", "Nothing that is done is lost.", 1)
    yield _button("engine_install", "Install...", "Installs it from its wheel, for this user.")
    yield _file("connection_file", "connection file", "", "Of an engine that runs already")
    yield _button("engine_connect", "Connect", "Uses that engine.", 1)
    yield _title("plate_title", "Plate and mattes")
    yield _choice("space", "colour space", SPACES, "Of the plate; auto: as the Read says")
    tip = "automatic: a Read's own files where nothing lies between, else a render"
    yield _choice("plate_as", "send", ("automatic", "rendered"), tip)
    yield _text("sent_as", "mattes sent last", "none")
    yield _button("plate_send", "Send Plate Again", "After a change upstream.", 1)
    yield _button("clip_forget", "Start Anew", "A new session and version; the old ones stay.")


def _output(version: str) -> Iterator[nuke.Knob]:
    yield nuke.Tab_Knob("output_tab", "Output")
    tip = "Nuke's own expressions may stand in brackets. After a change press Write All Again"
    yield _file("folder", "folder", FOLDER, tip)
    yield _words("shot", "shot", "", "Name of the files; empty until the shot is opened")
    yield _choice("version", "version shown", ("v001",), "New mattes go into the newest")
    yield _button("version_new", "New Version", "What follows leaves the earlier ones alone.")
    tip = "Of new files"
    yield _choice("depth", "pixels", ("16 bit half", "32 bit float"), tip)
    missing = nuke.Link_Knob("missing", "missing frames")
    missing.makeLink("Mattes", "on_error")
    yield missing
    yield _button("layers_load", "Write All Again", "Gets all mattes from the engine anew.", 1)
    yield _text("about", "plugin", version)


def _refine() -> Iterator[nuke.Knob]:
    yield nuke.Tab_Knob("refine_tab", "Refine")
    tip = "Whose mattes a propagation replaces; those of the others stay as they are"
    yield _choice("replaced", "objects", ("all", "the chosen one"), tip)
    flow = nuke.Boolean_Knob("flow", "optical flow")
    yield _told(flow, True, "Weighs in what was painted nearby: sharper edges near painted frames")
    flow.setFlag(nuke.STARTLINE)
    tip = "Among propagations that wait for the engine, of other nodes and other programs"
    yield _choice("priority", "priority", ("normal", "low", "high"), tip)
    yield _whole("size", "size", 480, "Short side in pixels that the network sees")
    tip = "Stops added before the network looks; the plate itself stays as it is"
    yield _decimal("exposure", "exposure", 0.0, (-20, 20), tip)
    yield _words("model", "model", "", "lite, xmem or a file; empty for the best there is")
    note = "Size, exposure and model are set when a shot is opened for the first time."
    yield _text("refine_note", "", note)


def _hidden() -> Iterator[nuke.Knob]:
    """What finds the session again; mattes and paintings are never stored in the script."""
    for name in ("token", "session", "workspace", "sources", "opened_with"):
        knob = nuke.String_Knob(name, name)
        knob.setFlag(nuke.INVISIBLE)
        knob.setFlag(_QUIET)
        yield knob


# Kinds


def _told(knob: nuke.Knob, value: object, tip: str, *, same_line: bool = False) -> nuke.Knob:
    knob.setValue(value)
    knob.setTooltip(tip)
    if same_line:
        knob.clearFlag(nuke.STARTLINE)
    return knob


def _button(command: str, label: str, tip: str, line: int = 0) -> nuke.Knob:
    script = f"import xmempp_nuke; xmempp_nuke.press('{command}')"
    knob = nuke.PyScript_Knob(command, label, script)
    knob.setTooltip(tip)
    if line:
        knob.setFlag(nuke.STARTLINE)
    return knob


def _text(name: str, label: str, value: str) -> nuke.Knob:
    knob = nuke.Text_Knob(name, label, value)
    knob.setFlag(_QUIET)
    return knob


def _title(name: str, label: str) -> nuke.Knob:
    return nuke.Text_Knob(name, label, "")


def _list(name: str, label: str, tip: str) -> nuke.Knob:
    knob = _choice(name, label, (NOTHING,), tip)
    knob.setFlag(_QUIET)
    return knob


def _choice(name: str, label: str, values: Sequence[str], tip: str) -> nuke.Knob:
    return _told(nuke.Enumeration_Knob(name, label, [*values]), values[0], tip)


def _whole(name: str, label: str, value: int, tip: str, **options: bool) -> nuke.Knob:
    return _told(nuke.Int_Knob(name, label), value, tip, **options)


def _decimal(name: str, label: str, value: float, span: Any, tip: str) -> nuke.Knob:
    knob = nuke.Double_Knob(name, label)
    knob.setRange(*span)
    return _told(knob, value, tip)


def _curve(name: str, label: str, span: Any, tip: str) -> nuke.Knob:
    knob = _decimal(name, label, 0.0, span, tip)
    knob.setFlag(_QUIET)
    return knob


def _words(name: str, label: str, value: str, tip: str) -> nuke.Knob:
    return _told(nuke.String_Knob(name, label), value, tip)


def _file(name: str, label: str, value: str, tip: str) -> nuke.Knob:
    return _told(nuke.File_Knob(name, label), value, tip)
