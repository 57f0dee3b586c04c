# SPDX-License-Identifier: Apache-2.0
"""Scripts: written as Nuke writes them, read by running them as the Tcl that they are."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from . import catalogue, nodes
from . import knobs as k
from .app import RGBA, App
from .tcl import interpreter

_USER_TYPES = {
    kind.user_type: kind
    for kind in (
        k.String_Knob,
        k.File_Knob,
        k.Int_Knob,
        k.Enumeration_Knob,
        k.Boolean_Knob,
        k.Double_Knob,
        k.Tab_Knob,
        k.PyScript_Knob,
        k.Text_Knob,
        k.Link_Knob,
        k.Multiline_Eval_String_Knob,
    )
}
_HIDDEN = {"+INVISIBLE": k.INVISIBLE, "+DISABLED": k.DISABLED}  # nobody saw NO_UNDO in a script


def quoted(text: str) -> str:
    """A word of Tcl."""
    tcl = _quoting()
    tcl.call("set", "word", text)
    return str(tcl.eval("list $word"))


@functools.cache
def _quoting() -> Any:
    return interpreter()


# Writing


def saved(app: App, root: Any) -> str:
    """A whole script."""
    lines = ["version 14.0 v1", *_knob_lines("Root", root, "Root")]
    return "\n".join([*lines, *_layers(app), *_members(root._members)]) + "\n"


def copied(app: App, chosen: list[Any]) -> str:
    """Nodes as they are on the clipboard."""
    return "\n".join([*_layers(app), *_members(chosen)]) + "\n"


def _layers(app: App) -> list[str]:
    plain = {name: names for name, names in app.layers.items() if name != "rgba"}
    return [f"add_layer {{{name} {' '.join(names)}}}" for name, names in plain.items()]


def _members(members: list[Any]) -> list[str]:
    lines: list[str] = []
    for node in _sources_first(members):
        sources = node._inputs
        lines += [f"push ${_id(s)}" if s in members else "push 0" for s in reversed(sources)]
        lines += [*_knob_lines(node._class, node, ""), f"set {_id(node)} [stack 0]"]
    return lines


def _id(node: Any) -> str:
    return f"N{id(node):x}"


def _sources_first(members: Iterable[Any]) -> list[Any]:
    found: list[Any] = []

    def visit(node: Any) -> None:
        if node in found or node not in members:
            return
        for source in node._inputs:
            if source is not None:
                visit(source)
        found.append(node)

    members = [*members]
    for node in members:
        visit(node)
    return found


def _knob_lines(cls: str, node: Any, root: str) -> list[str]:
    lines = [f"{cls} {{"]
    if not root:
        lines.append(f" inputs {len(node._inputs)}")
    for name, knob in node._knobs.items():
        lines += _user_lines(knob) if knob._is_user else _value_line(name, knob)
    lines.append("}")
    if cls == "Group":
        lines += [*(f" {line}" for line in _members(node._members)), "end_group"]
    return lines


def _user_lines(knob: Any) -> list[str]:
    flags = [word for word, flag in _HIDDEN.items() if knob.getFlag(flag)]
    words = [str(knob.user_type), knob._name, "l", quoted(knob._label)]
    if knob._tip:
        words += ["t", quoted(knob._tip)]
    words += flags
    if isinstance(knob, k.Enumeration_Knob):
        words += ["M", quoted(" ".join(quoted(value) for value in knob._values))]
    elif isinstance(knob, (k.PyScript_Knob, k.Text_Knob, k.Link_Knob)):
        words += ["T", quoted(knob._value)]
    lines = [f" addUserKnob {{{' '.join(words)}}}"]
    plain = not isinstance(knob, (k.PyScript_Knob, k.Text_Knob, k.Tab_Knob, k.Link_Knob))
    return [*lines, f" {knob._name} {quoted(knob.toScript())}"] if plain else lines


def _value_line(name: str, knob: Any) -> list[str]:
    if name in ("selected",) or isinstance(knob, k.Script_Knob):
        return []
    return [f" {name} {quoted(knob.toScript())}"]


# Reading


class _Reader:
    """Runs a script."""

    def __init__(self, app: App) -> None:
        self.app, self.stack, self.made = app, [], []
        self.tcl = interpreter()
        self.why: Exception | None = None
        for name, call in (
            ("version", lambda *_: ""),
            ("add_layer", self._add_layer),
            ("push", self._push),
            ("stack", lambda depth: self.stack[-1 - int(depth)]),
            ("end_group", self._end_group),
            ("Root", lambda body: self._set(app.root, body)),
        ):
            self._command(name, call)
        self.things: dict[str, Any] = {"0": None}
        self.stacks: list[list[str]] = []
        for cls in catalogue.CATALOGUE:
            if cls != "Root":
                self._command(cls, lambda body, cls=cls: self._node(cls, body))

    def run(self, text: str) -> list[Any]:
        """The nodes that it makes at the top."""
        if not self.tcl.call("info", "complete", text):
            raise RuntimeError("the script is cut short")
        try:
            self.tcl.eval(text)
        except Exception as error:  # TclError
            raise RuntimeError(f"the script can't be run: {self.why or error}") from self.why
        return self.made

    def _command(self, name: str, call: Any) -> None:
        """A word of the script; what it raises is kept, since Tcl forgets it."""

        def kept(*words: str) -> Any:
            try:
                return call(*words) or ""
            except Exception as error:
                self.why = error
                raise

        self.tcl.createcommand(name, kept)

    def _add_layer(self, text: str) -> None:
        name, *channels = self.tcl.splitlist(text)
        self.app.add_layer(name, [*channels])

    def _push(self, thing: str) -> None:
        self.stack.append(thing)

    def _node(self, cls: str, body: str) -> None:
        words = self._pairs(body)
        count = int(next((value for name, value in words if name == "inputs"), "1"))
        sources = [self.things[self.stack.pop()] for _ in range(count)]
        node = nodes.create(self.app, cls)
        node._inputs = sources  # of a group before it has anything in it
        self._set(node, body)
        self.things[str(id(node))] = node
        self.stack.append(str(id(node)))
        if not self.stacks:
            self.made.append(node)
        if cls == "Group":
            self.stacks.append(self.stack)
            self.stack = []
            node.__enter__()

    def _end_group(self) -> None:
        self.app.groups[-1].__exit__()
        self.stack = self.stacks.pop()

    def _pairs(self, body: str) -> list[tuple[str, str]]:
        words = self.tcl.splitlist(body)
        return list(zip(words[::2], words[1::2], strict=True))

    def _set(self, node: Any, body: str) -> None:
        for name, value in self._pairs(body):
            if name == "addUserKnob":
                node.addKnob(_user_knob([*self.tcl.splitlist(value)], self.tcl))
            elif name == "name" and node._parent is not None:
                node.setName(value)
            elif name != "inputs":
                node[name].fromScript(value)


def _user_knob(words: list[str], tcl: Any) -> Any:
    kind, name, *rest = words
    knob = _USER_TYPES[int(kind)](name)
    while rest:
        word = rest.pop(0)
        if word in _HIDDEN:
            knob.setFlag(_HIDDEN[word])
        elif word == "l":
            knob._label = rest.pop(0)
        elif word == "t":
            knob._tip = rest.pop(0)
        elif word == "M":
            knob._values = [*tcl.splitlist(rest.pop(0))]
            knob._value = knob._values[0] if knob._values else ""
        elif word == "T":
            knob._value = rest.pop(0)
        else:
            raise RuntimeError(f"addUserKnob: {word} is not known")
    return knob


def load(app: App, text: str) -> list[Any]:
    """Runs a script into the present one; the nodes at its top."""
    app.disable_undo()
    try:
        return _Reader(app).run(text)
    finally:
        app.enable_undo()


def clear(app: App) -> None:
    """An empty script, with the layers that all scripts have."""
    if app.root is not None:
        for node in [*nodes.every(app.root, inside=True)]:
            app.call("onDestroy", node)
            node._attached = False
    app.reset_layers()
    app.forget_undo()
    app.groups.clear()
    app.root = nodes.Root(app, "Root", None)
    assert app.layers["rgba"] == [*RGBA]
