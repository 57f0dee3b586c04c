# SPDX-License-Identifier: Apache-2.0
"""Nodes, groups and the root."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from . import catalogue
from .app import App
from .knobs import Knob


class FrameRange:
    """First and last frame."""

    def __init__(self, first: int, last: int) -> None:
        self._first, self._last = first, last

    def first(self) -> int:
        return self._first

    def last(self) -> int:
        return self._last


class Format:
    """A size in pixels."""

    def __init__(self, width: int, height: int) -> None:
        self._size = width, height

    def width(self) -> int:
        return self._size[0]

    def height(self) -> int:
        return self._size[1]


class Node:
    """A node; it is attached until it is deleted."""

    def __init__(self, app: App, cls: str, parent: Group | None) -> None:
        app.check_change()
        self._app, self._class, self._parent = app, cls, parent
        self._attached = True
        self._panel_open = False
        self._inputs: list[Node | None] = []
        self._painted: dict[tuple[int, str], Any] = {}
        self._cache: dict[Any, Any] = {}  # of files that were read, until they are read anew
        self._knobs: dict[str, Knob] = {}
        for knob in catalogue.made(catalogue.COMMON + catalogue.CATALOGUE[cls]):
            self._hold(knob)

    def _hold(self, knob: Knob) -> None:
        knob._node = self
        self._knobs[knob._name] = knob

    def _check_attached(self) -> None:
        if not self._attached:
            raise ValueError("A PythonObject is not attached to a node")

    def _check(self) -> None:
        self._app.check_thread()
        self._check_attached()

    def Class(self) -> str:
        self._check()
        return self._class

    def name(self) -> str:
        self._check()
        return str(self._knobs["name"]._value)

    def fullName(self) -> str:
        outer = self._parent
        return f"{outer.fullName()}.{self.name()}" if outer and outer._parent else self.name()

    def setName(self, name: str, uncollide: bool = True) -> None:
        self._check()
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise ValueError(f"'{name}' is no name for a node")
        taken = {n.name() for n in self._parent._members if n is not self} if self._parent else ()
        self["name"].setValue(_free(name, taken) if uncollide else name)

    def parent(self) -> Group | None:
        self._check()
        return self._parent

    def __getitem__(self, name: str) -> Knob:
        self._check()
        self._update_knobs()
        if name not in self._knobs:
            raise NameError(f"knob {name} does not exist")
        return self._knobs[name]

    def _update_knobs(self) -> None:
        if self._class == "Write":
            kind = str(self._knobs["file_type"]._value)
            for knob in catalogue.made(catalogue.OF_FILE_TYPE.get(kind, ())):
                if knob._name not in self._knobs:
                    self._hold(knob)

    def knob(self, p: str) -> Knob | None:
        self._check()
        return self._knobs.get(p)

    def knobs(self) -> dict[str, Knob]:
        self._check()
        return dict(self._knobs)

    def addKnob(self, knob: Knob) -> None:
        self._check()
        if knob._name in self._knobs:
            raise ValueError(f"there is a knob {knob._name} already")
        self._hold(knob)

    def removeKnob(self, knob: Knob) -> None:
        self._check()
        del self._knobs[knob._name]

    def inputs(self) -> int:
        self._check()
        return len(self._inputs)

    def maxInputs(self) -> int:
        self._check()
        return catalogue.INPUTS.get(self._class, 1)

    def input(self, index: int) -> Node | None:
        self._check()
        return self._inputs[index] if index < len(self._inputs) else None

    def setInput(self, i: int, node: Node | None) -> bool:
        self._check()
        if i >= self.maxInputs():
            return False
        if node is not None and node._parent is not self._parent:
            raise ValueError(f"{node.name()} is not in the group of {self.name()}")
        before = [*self._inputs]
        self._app.record(lambda: setattr(self, "_inputs", before))
        self._inputs += [None] * (i + 1 - len(self._inputs))
        self._inputs[i] = node
        while self._inputs and self._inputs[-1] is None:
            self._inputs.pop()
        return True

    def xpos(self) -> int:
        return int(self["xpos"].value())

    def ypos(self) -> int:
        return int(self["ypos"].value())

    def setXYpos(self, x: int, y: int) -> None:
        self["xpos"].setValue(x)
        self["ypos"].setValue(y)

    def setSelected(self, selected: bool) -> None:
        self["selected"].setValue(selected)

    def isSelected(self) -> bool:
        return bool(self["selected"].value())

    def showControlPanel(self) -> None:
        self._check()
        self._panel_open = True

    def hideControlPanel(self) -> None:
        self._check()
        self._panel_open = False

    def frameRange(self) -> FrameRange:
        from .render import frame_range

        self._check()
        return FrameRange(*frame_range(self))

    def format(self) -> Format:
        from .render import size_of

        self._check()
        return Format(*size_of(self))

    def channels(self) -> list[str]:
        from .render import channels_of

        self._check()
        return channels_of(self)

    def hasError(self) -> bool:
        self._check()
        return False


class Group(Node):
    """A group; ``with`` makes it the place for new nodes."""

    def __init__(self, app: App, cls: str, parent: Group | None) -> None:
        self._members: list[Node] = []
        super().__init__(app, cls, parent)

    def __enter__(self) -> Group:
        self._check()
        self._app.groups.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._app.groups.pop()

    def begin(self) -> Group:
        return self.__enter__()

    def end(self) -> None:
        self.__exit__()

    def nodes(self) -> list[Node]:
        self._check()
        return [*self._members]

    def node(self, s: str) -> Node | None:
        self._check()
        first, _, rest = s.partition(".")
        found = next((n for n in self._members if n.name() == first), None)
        return found.node(rest) if rest and isinstance(found, Group) else found

    def maxInputs(self) -> int:
        return sum(node._class == "Input" for node in self._members)

    def _output(self) -> Node:
        return next(node for node in self._members if node._class == "Output")


class Root(Group):
    """The script."""

    def __enter__(self) -> Group:
        return super().__enter__()

    def proxy(self) -> bool:
        return bool(self["proxy"].value())

    def setProxy(self, on: bool) -> None:
        self["proxy"].setValue(on)

    def firstFrame(self) -> int:
        return int(self["first_frame"].value())

    def lastFrame(self) -> int:
        return int(self["last_frame"].value())

    def fullName(self) -> str:
        return "root"

    def modified(self) -> bool:
        return self._app.modified

    def setModified(self, modified: bool) -> None:
        self._app.modified = modified

    def format(self) -> Format:
        return Format(*self["format"].value())


def create(app: App, cls: str, **values: Any) -> Node:
    """A new node in the present group, as ``nuke.nodes`` makes it."""
    if cls not in catalogue.CATALOGUE or cls == "Root":
        raise AttributeError(f"there is no node of class {cls}")
    parent = app.groups[-1] if app.groups else app.root
    with app.one_step():
        node = (Group if cls == "Group" else Node)(app, cls, parent)
        node["name"]._value = _free(f"{cls}1", {n.name() for n in parent._members})
        parent._members.append(node)
        app.record(lambda: delete(node))
        _fill(node, values)
    app.call("onCreate", node)
    return node


def _fill(node: Node, values: dict[str, Any]) -> None:
    for i, source in enumerate(values.pop("inputs", ())):
        if source is not None and not node.setInput(i, source):
            raise ValueError(f"{node.name()} has no input {i}")
    if "name" in values:
        node.setName(values.pop("name"))
    for name, value in values.items():
        node[name].setValue(value)


def delete(node: Node) -> None:
    """Deletes a node; what it was connected to stays."""
    node._check()
    node._app.check_change()
    parent, after = node._parent, _users(node)
    assert parent is not None
    node._app.call("onDestroy", node)
    parent._members.remove(node)
    node._attached = False
    for user, i in after:
        user._inputs[i] = None

    def back() -> None:
        node._attached = True
        parent._members.append(node)
        for user, i in after:
            user._inputs[i] = node

    node._app.record(back)


def _users(node: Node) -> list[tuple[Node, int]]:
    assert node._parent is not None
    return [
        (user, i)
        for user in node._parent._members
        for i, source in enumerate(user._inputs)
        if source is node
    ]


def every(group: Group, *, inside: bool) -> Iterator[Node]:
    """Nodes of a group, and of the groups in it."""
    for node in group._members:
        yield node
        if inside and isinstance(node, Group):
            yield from every(node, inside=True)


def _free(name: str, taken: Any) -> str:
    stem, number = re.fullmatch(r"(.*?)(\d*)", name).groups()  # type: ignore[union-attr]
    count = int(number or 0)
    while name in taken:
        count += 1
        name = f"{stem}{count}"
    return name
