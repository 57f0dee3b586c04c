# SPDX-License-Identifier: Apache-2.0
"""What Nuke is told at its start: menus, callbacks; no failure of ours stops it."""

from __future__ import annotations

import logging
import runpy
import sys
from pathlib import Path

import pytest

from tests.nuke_fake.plugin import PACKAGE, Session


def test_menus_and_shortcut(session: Session) -> None:
    toolbar, menu = session.app.menus["Nodes"], session.app.menus["Nuke"]
    command, shortcut = toolbar.entries["XMem++"].entries["XMem++"]
    assert shortcut == session.part("startup").SHORTCUT
    exec(command, {})
    (node,) = session.nuke.allNodes("Group")
    assert node._panel_open
    command, _ = menu.entries["XMem++"].entries["Propagate"]
    exec(command, {})
    assert "Select one" in session.app.messages[-1]
    node.setSelected(True)
    exec(command, {})
    assert "not open" in session.app.messages[-1]


@pytest.mark.parametrize("name", ["init.py", "menu.py"])
def test_a_failure_never_stops_nuke(
    nuke_home: Path, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, PACKAGE, None)  # can't be imported
    with caplog.at_level(logging.ERROR):
        runpy.run_path(str(nuke_home / name))
    assert any("XMem++" in record.message for record in caplog.records)


def test_the_start_loads_no_pyzmq_and_no_engine(session: Session) -> None:
    loaded = [name for name in sys.modules if name.startswith(f"{PACKAGE}.")]
    assert not [name for name in loaded if name.endswith(("bridge", "client", "commands"))]


def test_groups_of_others_are_left_alone(session: Session) -> None:
    """A studio's own group may have a knob of any name."""
    nuke, graph = session.nuke, session.part("graph")
    theirs = nuke.nodes.Group()
    for name in ("token", "version"):
        theirs.addKnob(nuke.String_Knob(name))
    assert not graph.is_ours(theirs)
    theirs.showControlPanel()
    theirs["version"].setValue("v2")
    session.app.call("onScriptLoad", nuke.root())
    session.plugin._commands()
    assert session.part("bridge").ours() == []


def test_opening_a_script_leaves_it_unmodified(session: Session, tmp_path: Path) -> None:
    """Nobody is asked to save what he only looked at."""
    nuke, node = session.nuke, session.part("graph").build()
    node["state"].setValue("connected")
    nuke.scriptSaveAs(str(tmp_path / "comp.nk"), True)
    nuke.scriptOpen(str(tmp_path / "comp.nk"))
    assert nuke.toNode("XMemPP1")["state"].value() == "stopped"
    assert not nuke.root().modified()


def test_without_pyzmq_a_button_says_so(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence, not a stack."""

    def missing(name: str) -> None:
        raise ImportError(f"XMem++ needs '{name}'.")

    monkeypatch.setattr(session.part("vendor"), "make_importable", missing)
    session.app.press(session.part("graph").build(), "engine_start")
    assert session.app.messages == ["XMem++ needs 'zmq'."]


@pytest.mark.parametrize("event", ["onScriptLoad", "onScriptClose", "onDestroy", "knobChanged"])
def test_a_failing_callback_never_stops_nuke(
    session: Session,
    event: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    node = session.part("graph").build()
    session.plugin._commands()

    def fails(*_: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(session.part("graph"), "is_ours", fails)
    monkeypatch.setattr(session.bridge(), "leave", fails)
    with caplog.at_level(logging.ERROR):
        session.app.call(event, node, node["version"])
    assert "XMem++" in caplog.text


def test_lists_go_to_their_frame_while_the_panel_is_open(session: Session) -> None:
    node, values = session.part("graph").build(), session.part("values")
    values.put_list(node, "candidate", ["1005", "1003"])
    node["candidate"].setValue("1003")
    assert session.nuke.frame() == 1
    node.showControlPanel()
    with values.hidden_undo():  # set by the plugin: the artist stays where he is
        node["candidate"].setValue("1005")
    assert session.nuke.frame() == 1
    node["candidate"].setValue("1003")
    assert session.nuke.frame() == 1003
