# SPDX-License-Identifier: Apache-2.0
"""The module ``nuke`` of an `App`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from . import knobs as k
from . import nodes, render, script
from .app import App, CancelledError
from .tcl import interpreter

_KNOBS = (
    k.Knob,
    k.String_Knob,
    k.EvalString_Knob,
    k.File_Knob,
    k.Multiline_Eval_String_Knob,
    k.Array_Knob,
    k.Double_Knob,
    k.Int_Knob,
    k.Boolean_Knob,
    k.Enumeration_Knob,
    k.Tab_Knob,
    k.Text_Knob,
    k.Link_Knob,
    k.Script_Knob,
    k.PyScript_Knob,
    k.Channel_Knob,
    k.ChannelMask_Knob,
    k.Format_Knob,
)
_FLAGS = ("INVISIBLE", "DISABLED", "NO_ANIMATION", "NO_UNDO", "DO_NOT_WRITE", "STARTLINE")
_EVENTS = ("Create", "Destroy", "ScriptLoad", "ScriptClose", "ScriptSave")


def make_module(app: App) -> ModuleType:
    """A module as plugins import it."""
    module = ModuleType("nuke")
    script.clear(app)
    classes = (nodes.Node, nodes.Group, nodes.Root, nodes.FrameRange, nodes.Format, *_KNOBS)
    found: dict[str, Any] = {cls.__name__: cls for cls in classes}
    found |= {name: getattr(k, name) for name in (*_FLAGS, "ENDLINE", "READ_ONLY")}
    found |= {"CancelledError": CancelledError, "GUI": app.gui, "nodes": _Nodes(app)}
    found |= {"NUKE_VERSION_MAJOR": 14, "NUKE_VERSION_STRING": "14.0v1"}
    for part in (_state, _scripts, _callbacks, _windows, _threads):
        found |= part(app)
    module.__dict__.update(found)
    return module


class _Nodes:
    def __init__(self, app: App) -> None:
        self._app = app

    def __getattr__(self, cls: str) -> Callable[..., nodes.Node]:
        if cls.startswith("_"):
            raise AttributeError(cls)
        return lambda **values: nodes.create(self._app, cls, **values)


def _state(app: App) -> dict[str, Any]:
    def execute(
        node: Any,
        start: int,
        end: int,
        incr: int = 1,
        views: Any = None,
        continueOnError: bool = False,
    ) -> None:
        render.execute(app, to_node(node) if isinstance(node, str) else node, start, end)

    def to_node(s: str) -> Any:
        app.check_thread()
        return app.root.node(s.removeprefix("root."))

    def all_nodes(what: str = "", group: Any = None, recurseGroups: bool = False) -> list[Any]:
        app.check_thread()
        found = nodes.every(group or app.root, inside=recurseGroups)
        return [node for node in found if what in ("", node._class)]

    return {
        "Layer": _layer(app),
        "Undo": _undo(app),
        "frame": _frame(app),
        "execute": execute,
        "executing": lambda f=None: app.executing,
        "toNode": to_node,
        "allNodes": all_nodes,
        "root": lambda: app.root,
        "layers": lambda node=None: [*app.layers],
        "channels": lambda node=None: [c for found in app.layers.values() for c in found],
        "delete": nodes.delete,
        "undo": app.undo,
        "selectedNodes": lambda: [n for n in app.root._members if n.isSelected()],
        "thisNode": lambda: app.this[-1][0],
        "thisKnob": lambda: app.this[-1][1],
        "thisGroup": lambda: app.groups[-1] if app.groups else app.root,
    }


def _layer(app: App) -> Any:
    class Layer:
        def __init__(self, name: str, channels: list[str]) -> None:
            app.add_layer(name, channels)
            self._name = name

        def name(self) -> str:
            return self._name

    return Layer


def _undo(app: App) -> Any:
    class Undo:
        def __enter__(self) -> None:
            self._step = app.one_step()
            self._step.__enter__()

        def __exit__(self, *why: Any) -> None:
            self._step.__exit__(*why)

        @staticmethod
        def disable() -> None:
            app.disable_undo()

        @staticmethod
        def enable() -> None:
            app.enable_undo()

        @staticmethod
        def disabled() -> bool:
            return app.undo_is_disabled

    return Undo


def _frame(app: App) -> Any:
    def frame(f: int | None = None) -> int:
        app.check_thread()
        if f is not None:
            if type(f) is not int:
                raise TypeError("a frame is a whole number")
            app.root["frame"]._value = f
        return int(app.root["frame"].value())

    return frame


def _scripts(app: App) -> dict[str, Any]:
    def save_as(filename: str, overwrite: bool = False) -> None:
        if Path(filename).exists() and not overwrite:
            raise RuntimeError(f"{filename} exists")
        app.root["name"]._value = filename
        Path(filename).write_text(script.saved(app, app.root), encoding="utf-8")
        app.modified = False

    def close() -> None:
        app.call("onScriptClose", app.root)
        script.clear(app)

    def open_(filename: str) -> None:
        close()
        script.load(app, Path(filename).read_text(encoding="utf-8"))
        app.root["name"]._value = filename
        app.modified = False
        app.call("onScriptLoad", app.root)

    def paste(s: str) -> Any:
        for node in app.root._members:
            node.setSelected(False)
        made = script.load(app, Path(s).read_text(encoding="utf-8"))
        return made[-1] if made else None

    def copy(s: str) -> None:
        chosen = [node for node in app.root._members if node.isSelected()]
        Path(s).write_text(script.copied(app, chosen), encoding="utf-8")

    names = {"scriptSaveAs": save_as, "scriptClose": close, "scriptOpen": open_}
    return {**names, "nodePaste": paste, "nodeCopy": copy}


def _callbacks(app: App) -> dict[str, Any]:
    def adder(event: str) -> Callable[..., None]:
        def add(
            call: Callable[..., object], args: Any = (), kwargs: Any = None, nodeClass: str = "*"
        ) -> None:
            app.callbacks.setdefault(event, []).append((call, nodeClass))

        return add

    def remover(event: str) -> Callable[..., None]:
        def remove(
            call: Callable[..., object], args: Any = (), kwargs: Any = None, nodeClass: str = "*"
        ) -> None:
            app.callbacks[event].remove((call, nodeClass))

        return remove

    names = {f"addOn{event}": adder(f"on{event}") for event in _EVENTS}
    names |= {f"removeOn{event}": remover(f"on{event}") for event in _EVENTS}
    changed = "knobChanged"
    return {**names, "addKnobChanged": adder(changed), "removeKnobChanged": remover(changed)}


def _windows(app: App) -> dict[str, Any]:
    def menu(name: str) -> _Menu:
        _gui_only(app)
        return app.menus.setdefault(name, _Menu(name))

    def message(prompt: str) -> None:
        _gui_only(app)
        app.messages.append(prompt)

    def ask(prompt: str) -> bool:
        _gui_only(app)
        app.messages.append(prompt)
        return app.answers.pop(0) is not None

    def get_filename(message: str, pattern: str = "") -> Any:
        _gui_only(app)
        answer = app.answers.pop(0)
        return None if answer is None else answer["file"]

    return {
        "ask": ask,
        "getFilename": get_filename,
        "ProgressTask": _progress(app),
        "Panel": _panel(app),
        "Menu": _Menu,
        "menu": menu,
        "toolbar": menu,
        "message": message,
        "tprint": lambda *words: app.messages.append(" ".join(map(str, words))),
        "pluginAddPath": lambda path: app.messages.append(f"path {path}"),
    }


def _progress(app: App) -> Any:
    class ProgressTask:
        def __init__(self, name: str) -> None:
            self.title, self.text, self.percent, self.stop = name, "", 0, False
            app.tasks.append(self)

        def setProgress(self, percent: int) -> None:
            app.check_thread()
            if type(percent) is not int or not 0 <= percent <= 100:
                raise ValueError(f"{percent} is no percentage")
            self.percent = percent

        def setMessage(self, text: str) -> None:
            self.text = text

        def isCancelled(self) -> bool:
            return self.stop

    return ProgressTask


def _panel(app: App) -> Any:
    class Panel:
        def __init__(self, title: str) -> None:
            _gui_only(app)
            self._values: dict[str, Any] = {}

        def _add(self, label: str, value: str) -> bool:
            self._values[label] = value
            return True

        def addSingleLineInput(self, label: str, value: str) -> bool:
            return self._add(label, value)

        def addEnumerationPulldown(self, label: str, values: str) -> bool:
            choices = interpreter().splitlist(values)
            return self._add(label, choices[0] if choices else "")

        def show(self) -> bool:
            answer = app.answers.pop(0)
            self._values |= answer or {}
            return answer is not None

        def value(self, label: str) -> Any:
            return self._values[label]

    return Panel


class _Menu:
    """A menu or toolbar."""

    def __init__(self, name: str) -> None:
        self._name, self.entries = name, {}

    def addMenu(self, name: str, icon: str = "") -> _Menu:
        return self.entries.setdefault(name, _Menu(name))

    def addCommand(self, name: str, command: str = "", shortcut: str = "", icon: str = "") -> None:
        if not isinstance(command, str):
            raise TypeError("a command is text")
        self.entries[name] = (command, shortcut)

    def findItem(self, name: str) -> Any:
        return self.entries.get(name)


def _gui_only(app: App) -> None:
    if not app.gui:
        raise RuntimeError("there are no windows without the GUI")


def _threads(app: App) -> dict[str, Any]:
    def later(call: Callable[..., object], args: Any = (), kwargs: Any = None) -> None:
        app.background.append(lambda: call(*args, **(kwargs or {})))

    def now(call: Callable[..., object], args: Any = (), kwargs: Any = None) -> Any:
        if threading.get_ident() == app.main_thread:
            raise RuntimeError("this would hang: it is the main thread already")
        later(call, args, kwargs)

    return {"executeInMainThread": later, "executeInMainThreadWithResult": now}
