# SPDX-License-Identifier: Apache-2.0
"""Parts of the plugin for Nuke, in the fake: the graph, curves, ranges, colour, the thread."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.nuke_fake.plugin import Session


def built(session: Session, *inputs: Any) -> Any:
    """A node with inputs."""
    return session.part("graph").build(*inputs)


# The graph


def test_a_new_node_passes_its_plate(session: Session) -> None:
    nuke = session.nuke
    plate = nuke.nodes.Roto(name="Plate")
    plate.setSelected(True)
    before = session.app.undo_steps
    node = session.plugin.create()
    assert session.app.undo_steps == before + 1
    assert node.input(0) is plate
    assert {n.Class() for n in node.nodes()} == {"Input", "Read", "Switch", "Output"}
    assert session.part("graph").layers_shown(node) == []
    assert node.node("PassThrough")["which"].value() == 0
    nuke.undo()
    assert nuke.allNodes("Group") == []


def test_knobs_have_buttons_for_all_commands_and_no_others(session: Session) -> None:
    node = built(session)
    buttons = {name for name, knob in node.knobs().items() if knob.Class() == "PyScript_Knob"}
    session.plugin._commands()
    assert buttons == session.part("commands").COMMANDS.keys()
    for name in buttons:
        assert f"press('{name}')" in node[name].command()
        assert node[name].tooltip()


def test_layers_are_copied_four_at_a_time(session: Session) -> None:
    node, graph = built(session), session.part("graph")
    graph.show_layers(node, [f"obj_{n}" for n in range(7)])
    copies = [n for n in node.nodes() if n.Class() == "Copy"]
    assert [copy.name() for copy in copies] == ["Layers1", "Layers2"]
    assert (copies[0]["from0"].value(), copies[0]["to0"].value()) == ("obj_0.alpha", "rgba.alpha")
    assert copies[1].input(0) is copies[0]
    assert graph.layers_shown(node) == [f"obj_{n}" for n in range(7)]
    graph.show_layers(node, [])
    assert graph.layers_shown(node) == []
    assert session.nuke.selectedNodes() == []


# Curves


def test_keys_of_a_curve(session: Session) -> None:
    node, values = built(session), session.part("values")
    session.nuke.frame(1050)  # where the fake's knobs get a key by themselves

    def keys() -> dict[float, float]:
        return {f: node["confidence"].getValueAt(f) for f in node["confidence"].getKeyList()}

    values.put_keys(node, "confidence", {1001: 0.5, 1004: 0.25})
    assert keys() == {1001: 0.5, 1004: 0.25}
    values.put_keys(node, "confidence", {1003: 0.75}, among=range(1003, 1010))
    assert keys() == {1001: 0.5, 1003: 0.75}
    session.app.modified = False
    values.put_keys(node, "confidence", {1001: 0.5, 1003: 0.75})
    assert not session.app.modified
    values.put_keys(node, "confidence", {}, among=range(1003, 1004))
    assert keys() == {1001: 0.5}
    values.put_keys(node, "confidence", {})
    assert not node["confidence"].isAnimated()


def test_the_confidence_of_a_long_clip_comes_in_pieces(session: Session) -> None:
    """No answer of the engine holds more than 10000 values."""
    session.plugin._commands()
    state = SimpleNamespace(frames=((1, 10_000), (10_101, 20_000)), objects=[1, 2])
    spans = session.part("following")._spans(state)
    assert [frame for span in spans for frame in span] == [*range(1, 20_001)]
    assert {len(span) for span in spans} == {5000}


# Frames and colour


@pytest.mark.parametrize(
    ("words", "ranges"),
    [
        ("", []),
        ("1001", [(1001, 1001)]),
        ("1-3, 7 9-9", [(1, 3), (7, 7), (9, 9)]),
        ("-5--2", [(-5, -2)]),
    ],
)
def test_ranges(session: Session, words: str, ranges: list[tuple[int, int]]) -> None:
    assert session.part("ranges").parsed(words) == ranges


def test_frames_for_people(session: Session) -> None:
    ranges = session.part("ranges")
    assert ranges.spelled(ranges.grouped([7, 1, 3, 2])) == "1-3 7"
    assert ranges.spelled([]) == "none"


@pytest.mark.parametrize("words", ["a", "5-3", "1-", "1..3"])
def test_what_is_no_range(session: Session, words: str) -> None:
    with pytest.raises(session.part("shared.errors").UsageError, match="is no range"):
        session.part("ranges").parsed(words)


def read(session: Session, **knobs: Any) -> Any:
    """A Read of numbered files."""
    values = {"file": "/plates/sh010_v2.%04d.exr", "first": 1001, "last": 1010, **knobs}
    return session.nuke.nodes.Read(**values)


@pytest.mark.parametrize(
    ("knobs", "clip"),
    [
        ({}, ((1001, 1010), 0)),
        ({"file": "/plates/a.####.dpx"}, ((1001, 1010), 0)),
        ({"frame_mode": "start at", "frame": "1"}, ((1, 10), -1000)),
        ({"frame_mode": "offset", "frame": "10"}, None),
        ({"frame": "frame*2"}, None),
        ({"file": "/plates/a.mov"}, None),
        ({"file": "/plates/a_%v.%04d.exr"}, None),
        ({"file": "plates/a.%04d.exr"}, None),
        ({"file": "/plates/%04d/a.%04d.exr"}, None),
        ({"file": "/plates/a#2.%04d.exr"}, None),
        ({"file": "/plates/a@2x.%04d.exr"}, None),
        ({"disable": True}, None),
    ],
)
def test_files_of_a_read_are_used_where_they_are_the_plate(
    session: Session, knobs: dict[str, Any], clip: Any
) -> None:
    source = read(session, **knobs)
    node = built(session, session.nuke.nodes.Dot(inputs=[source]))
    found = session.part("host_frame").own_files(node)
    assert (found is None) == (clip is None)
    if clip is not None:
        sent = session.part("host_frame").clip_message(node, "w").clip
        assert (sent.range, sent.offset, sent.path) == (*clip, source["file"].value())
        node["plate_as"].setValue("rendered")
        assert session.part("host_frame").own_files(node) is None


def test_what_lies_between_is_rendered(session: Session, tmp_path: Path) -> None:
    node = built(session, session.nuke.nodes.Grade(inputs=[read(session)]))
    assert session.part("host_frame").own_files(node) is None
    assert session.part("host_frame").plate_name(node) == node.name()
    node.setInput(0, None)
    with pytest.raises(session.part("shared.errors").UsageError, match="No plate"):
        session.part("host_frame").clip_message(node, "w")


@pytest.mark.parametrize(
    ("space", "raw", "chosen", "wanted"),
    [
        ("default", False, "auto", "auto"),
        ("linear", False, "auto", "linear"),
        ("sRGB", False, "auto", "srgb"),
        ("AlexaV3LogC", False, "auto", "log"),
        ("ACES - ACEScg", False, "auto", "acescg"),
        ("Linear Rec.709 (sRGB)", False, "auto", "linear"),
        ("Utility - Linear - sRGB", False, "auto", "linear"),
        ("lin_srgb", False, "auto", "linear"),
        ("Output - Rec.709", False, "auto", "srgb"),
        ("scene_linear (ACES - ACEScg)", False, "auto", "acescg"),
        ("color_picking (sRGB - Texture)", False, "auto", "srgb"),
        ("ACEScct", False, "auto", "log"),
        ("Input - ARRI - V3 LogC (EI800) - Wide Gamut", False, "auto", "log"),
        ("sRGB", True, "auto", "auto"),
        ("sRGB", False, "aces2065", "aces2065"),
    ],
)
def test_the_colour_space_of_a_read(
    session: Session, space: str, raw: bool, chosen: str, wanted: str
) -> None:
    source = read(session, colorspace=space, raw=raw)
    node = built(session, source)
    node["space"].setValue(chosen)
    assert session.part("colour").space_of_read(node, source) == wanted


def test_the_colour_space_of_a_render(session: Session) -> None:
    node, colour = built(session), session.part("colour")
    assert colour.space_of_render(node) == "linear"
    session.nuke.root()["workingSpaceLUT"].setValue("ACES - ACEScg")
    assert colour.space_of_render(node) == "acescg"


# The thread, the timer, the installation


def test_what_follows_is_done_in_the_main_thread(session: Session) -> None:
    queue, seen = session.part("background").Background(), []
    for number in range(3):
        queue.submit(lambda: None, lambda n=number: seen.append((n, threading.get_ident())))
    while queue.busy:
        queue.deliver(0.0)
        time.sleep(0.001)
    assert seen == [(n, threading.get_ident()) for n in range(3)]
    queue.submit(lambda: 1 / 0, lambda: seen.append("never"))
    while not queue._waiting[0][0].done():
        time.sleep(0.001)
    with pytest.raises(ZeroDivisionError):
        queue.deliver(1.0)
    assert "never" not in seen
    queue.close()


class QTimer:
    """What is used of Qt's."""

    made: list[QTimer] = []  # noqa: RUF012

    def __init__(self) -> None:
        self.waits: list[int] = []
        self.calls: list[Any] = []
        self.timeout = SimpleNamespace(connect=self.calls.append)
        self.made.append(self)

    def setSingleShot(self, on: bool) -> None:  # noqa: N802
        assert on

    def start(self, milliseconds: int) -> None:
        assert type(milliseconds) is int
        self.waits.append(milliseconds)

    def stop(self) -> None:
        self.waits.append(-1)


def test_the_timer(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    core = ModuleType("PySide2.QtCore")
    core.QTimer = QTimer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "PySide6.QtCore", None)
    monkeypatch.setitem(sys.modules, "PySide2", ModuleType("PySide2"))
    monkeypatch.setitem(sys.modules, "PySide2.QtCore", core)
    turns: list[float] = []
    timer = session.part("timer").Timer(lambda: turns.append(1) or 0.02)
    timer.start()
    assert timer.runs
    (qt,) = QTimer.made
    qt.calls[0]()
    assert (turns, qt.waits) == ([1], [0, 20])
    timer.stop()
    assert not timer.runs
    monkeypatch.setitem(sys.modules, "PySide2.QtCore", None)
    timer.start()  # without Qt a command waits by itself
    assert not timer.runs


def test_a_script_waits_as_long_as_anything_goes_on(session: Session) -> None:
    """A long shot takes longer than any deadline; an engine that does nothing does not."""
    session.plugin._commands()
    bridge, began = session.bridge(), time.monotonic()
    shot = SimpleNamespace(job=0, state=None, close=lambda: None)
    host = SimpleNamespace(
        is_there=True, group=lambda: built(session), mattes=SimpleNamespace(left=0, busy=False)
    )
    bridge._open["token"] = shot, host

    def finished() -> bool:
        shot.job = int(10 * (time.monotonic() - began))  # a frame each 0.1 s
        return shot.job >= 15

    host.progress = SimpleNamespace(wants_cancel=lambda: False)
    bridge.wait(finished, 0.7)
    with pytest.raises(session.part("shared.errors").DeadlineExceeded, match="Nothing went on"):
        bridge.wait(lambda: False, 0.3)
    bridge._open.clear()


def test_an_installation(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session.plugin._commands()
    install, errors = session.part("install"), session.part("shared.errors")
    steps = session.part("shared.engine_install").InstallStep

    def made(wheel: Path, **options: Any) -> Path:
        options["on_step"](steps("packages", "collecting torch"))
        while not options["cancelled"]():
            time.sleep(0.001)
        raise errors.Cancelled("The installation was cancelled.")

    def asked() -> Path:
        assert threading.current_thread() is not threading.main_thread()  # it takes seconds
        return Path(sys.executable)

    monkeypatch.setattr(install, "find_python", asked)
    monkeypatch.setattr(install, "install_engine", made)
    wheel = tmp_path / "xmempp-0.1.0-py3-none-any.whl"
    session.app.answers.append({"file": str(wheel)})
    node = built(session)
    session.app.press(node, "engine_install")
    assert "is no wheel" in session.app.messages[-1]
    wheel.write_bytes(b"wheel")
    session.app.answers.append({"file": str(wheel)})
    session.part("commands").COMMANDS["engine_install"](node)
    bridge, bar = session.bridge(), session.app.tasks[-1]
    bridge.wait(lambda: bar.text == "collecting torch", 10)
    bar.stop = True
    bridge.wait(seconds=10)
    assert node["message"].value() == "The installation was cancelled."


def test_questions(session: Session) -> None:
    node, dialogs = built(session, None, session.nuke.nodes.Roto()), session.part("dialogs")
    session.app.answers += [{"Name": "hero"}, None, {"Name": "other"}, {"Matte from": "new_input"}]
    assert dialogs.ask_object(node) == ("hero", "matte:rgba.alpha")
    assert dialogs.ask_object(node) is None
    assert dialogs.ask_name("hero") == "other"
    source = session.part("sources").source_of(node, dialogs.ask_source(node))
    assert source == ("matte2", "rgba.alpha")
    assert [n.name() for n in node.nodes() if n.Class() == "Input"] == ["plate", "matte", "matte2"]
