# SPDX-License-Identifier: Apache-2.0
"""One running Nuke: its script, layers, frame, undo, callbacks, and what a test sees of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .nodes import Node

RGBA = ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha")
MOST_CHANNELS = 1023


class CancelledError(Exception):
    """The artist cancelled a render."""


class App:
    """A Nuke.

    Args:
        gui: whether it has windows; without, it is ``nuke -t``.

    Attributes:
        layers: channels by layer.
        messages: what was said to the artist.
        answers: what the artist will put into the next panels, by label; None cancels.
        tasks: progress bars that were shown.
        cancel_render_at: frame at which the artist cancels a render.
        cancelled: the error that says so.
        while_rendering: what timers do while a frame is rendered; no node may be changed then.
        background: calls that other threads left for the main one.
        rendered: names of files that were written.
    """

    def __init__(self, *, gui: bool = False) -> None:
        self.gui = gui
        self.main_thread = threading.get_ident()
        self.layers: dict[str, list[str]] = {}
        self.messages: list[str] = []
        self.answers: list[dict[str, Any] | None] = []
        self.tasks: list[Any] = []
        self.cancel_render_at: int | None = None
        self.cancelled: type[Exception] = CancelledError
        self.while_rendering: Callable[[], object] | None = None
        self.executing = self.modified = False
        self.background: list[Callable[[], object]] = []
        self.rendered: list[str] = []
        self.callbacks: dict[str, list[tuple[Callable[..., object], str]]] = {}
        self.menus: dict[str, Any] = {}
        self.clipboard = ""
        self.root: Any = None
        self.groups: list[Any] = []
        self.this: list[tuple[Node, Any]] = []
        self._undo: list[list[Callable[[], object]]] = []
        self._step: list[Callable[[], object]] | None = None
        self._quiet = 0
        self.reset_layers()

    def reset_layers(self) -> None:
        """Those that every script has."""
        self.layers.clear()
        self.layers["rgba"] = [*RGBA]
        for name, parts in (("depth", "Z"), ("forward", "uv"), ("backward", "uv"), ("mask", "a")):
            self.layers[name] = [f"{name}.{part}" for part in parts]

    def check_thread(self) -> None:
        """Nuke's nodes belong to its main thread."""
        if threading.get_ident() != self.main_thread:
            raise RuntimeError("a node was touched outside of the main thread")

    def check_change(self) -> None:
        """Nodes stay as they are while Nuke renders: it may crash otherwise."""
        self.check_thread()
        if self.executing:
            raise AssertionError("a node was changed while Nuke renders")

    # Channels

    def add_layer(self, name: str, channels: list[str]) -> None:
        """Registers a layer, as the script and ``nuke.Layer`` do."""
        for channel in channels:
            if channel.partition(".")[0] != name or not channel.partition(".")[2]:
                raise ValueError(f"{channel} is no channel of {name}")
        known = self.layers.setdefault(name, [])
        known.extend(channel for channel in channels if channel not in known)
        if sum(map(len, self.layers.values())) > MOST_CHANNELS:
            raise RuntimeError("too many channels")

    def has_channel(self, channel: str) -> bool:
        """Whether it is registered."""
        return any(channel in channels for channels in self.layers.values())

    # Undo

    def record(self, back: Callable[[], object]) -> None:
        """How to take back what is being done."""
        if self._quiet:
            return
        if self._step is not None:
            self._step.append(back)
        else:
            self._undo.append([back])

    @contextmanager
    def one_step(self) -> Iterator[None]:
        """All that is done in it is taken back at once."""
        if self._step is not None:
            yield
            return
        self._step = []
        try:
            yield
        finally:
            if self._step:
                self._undo.append(self._step)
            self._step = None

    def disable_undo(self) -> None:
        """What follows can't be taken back."""
        self._quiet += 1

    def enable_undo(self) -> None:
        """Ends `disable_undo`."""
        if not self._quiet:
            raise RuntimeError("undo was not disabled")
        self._quiet -= 1

    @property
    def undo_is_disabled(self) -> bool:
        """Whether it is."""
        return self._quiet > 0

    def undo(self) -> None:
        """Takes the last step back; ``RuntimeError`` if there is none."""
        if not self._undo:
            raise RuntimeError("nothing to undo")
        steps = self._undo.pop()
        self.disable_undo()
        try:
            for back in reversed(steps):
                back()
        finally:
            self.enable_undo()

    @property
    def undo_steps(self) -> int:
        """How many there are."""
        return len(self._undo)

    def forget_undo(self) -> None:
        """Another script is opened."""
        self._undo.clear()

    # Callbacks

    def call(self, name: str, node: Any, knob: Any = None) -> None:
        """Calls what was registered for an event of a node."""
        self.this.append((node, knob))
        try:
            for call, wanted in [*self.callbacks.get(name, [])]:
                if wanted in ("*", node.Class()):
                    call()
        finally:
            self.this.pop()

    def run_background(self) -> None:
        """Does what other threads left for the main one."""
        while self.background:
            self.background.pop(0)()

    def press(self, node: Any, button: str) -> None:
        """The artist presses a button of a panel."""
        knob = node[button]
        if knob.Class() != "PyScript_Knob":
            raise TypeError(f"{button} is no button")
        self.this.append((node, knob))
        try:
            with node.parent() or self.root:
                exec(knob.command(), {})
        finally:
            self.this.pop()

    def choose(self, node: Any, knob: str, value: Any) -> None:
        """The artist changes a knob in an open panel."""
        node[knob].setValue(value)
        self.call("knobChanged", node, node[knob])
