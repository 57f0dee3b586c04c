# SPDX-License-Identifier: Apache-2.0
"""Knobs: typed values with animation, as strict as Nuke's."""

from __future__ import annotations

import bisect
import re
from typing import Any

from .app import App
from .file_names import evaluated, numbered, plain_text

INVISIBLE, DISABLED, NO_ANIMATION, NO_UNDO = 0x400, 0x80, 0x100, 0x80000
DO_NOT_WRITE, STARTLINE, ENDLINE, READ_ONLY = 0x200, 0x1000, 0x2000, 0x10000000


class Knob:
    """Base of all knobs. ``user_type`` is the number of ``addUserKnob``."""

    user_type: int | None = None

    def __init__(self, name: str, label: str | None = None) -> None:
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise ValueError(f"'{name}' is no name for a knob")
        self._name, self._label, self._tip = name, label or "", ""
        self._node: Any = None
        self._value: Any = self._default()
        self._flags = 0
        self._visible = True
        self._keys: dict[float, Any] | None = None
        self._is_user = True

    def _default(self) -> Any:
        return ""

    def _checked(self, value: Any) -> Any:
        return value

    def _app(self) -> App | None:
        app = None if self._node is None else self._node._app
        if app is not None:
            app.check_thread()
            self._node._check_attached()
        return app

    def Class(self) -> str:
        return type(self).__name__

    def name(self) -> str:
        return self._name

    def label(self) -> str:
        return self._label

    def setLabel(self, label: str) -> None:
        self._label = label

    def tooltip(self) -> str:
        return self._tip

    def setTooltip(self, tooltip: str) -> None:
        self._tip = tooltip

    def node(self) -> Any:
        return self._node

    def setFlag(self, flag: int) -> None:
        self._flags |= flag

    def clearFlag(self, flag: int) -> None:
        self._flags &= ~flag

    def getFlag(self, flag: int) -> bool:
        return bool(self._flags & flag)

    def setEnabled(self, enabled: bool) -> None:
        (self.clearFlag if enabled else self.setFlag)(DISABLED)

    def enabled(self) -> bool:
        return not self.getFlag(DISABLED)

    def setVisible(self, visible: bool) -> None:
        self._visible = bool(visible)

    def visible(self) -> bool:
        return self._visible and not self.getFlag(INVISIBLE)

    def value(self) -> Any:
        self._app()
        return self._value

    def getValue(self) -> Any:
        return self.value()

    def setValue(self, val: Any) -> bool:
        value = self._checked(val)
        app, before = self._app(), self._value
        if app is not None and before != value:
            app.check_change()
            app.modified = True
        if app is not None and not self.getFlag(NO_UNDO) and before != value:
            app.record(lambda: setattr(self, "_value", before))
        self._value = value
        if app is not None and before != value and self._node._panel_open:
            app.call("knobChanged", self._node, self)
        return True

    # Animation

    def setAnimated(self) -> bool:
        if self.getFlag(NO_ANIMATION) or not isinstance(self, Array_Knob):
            return False
        app = self._app()
        if self._keys is None:  # whether the real one sets a key is not known: this one does
            self._keys = {} if app is None else {float(app.root["frame"].value()): self._value}
        return True

    def clearAnimated(self) -> bool:
        self._app()
        self._keys = None
        return True

    def isAnimated(self) -> bool:
        return self._keys is not None

    def setValueAt(self, val: Any, time: float) -> bool:
        self._app()
        if self._keys is None:
            return self.setValue(val)
        self._keys[float(time)] = self._checked(val)
        return True

    def getValueAt(self, frame: float) -> Any:
        if not self._keys:
            return self.value()
        times = sorted(self._keys)
        after = bisect.bisect_left(times, frame)
        if after in (0, len(times)):
            return self._keys[times[min(after, len(times) - 1)]]
        low, high = times[after - 1], times[after]
        part = (frame - low) / (high - low)
        return self._keys[low] * (1 - part) + self._keys[high] * part

    def getNumKeys(self) -> int:
        return len(self._keys or ())

    def getKeyList(self) -> list[float]:
        return sorted(self._keys or ())

    def isKeyAt(self, frame: float) -> bool:
        return float(frame) in (self._keys or {})

    def removeKeyAt(self, frame: float) -> bool:
        self._app()
        return (self._keys or {}).pop(float(frame), None) is not None

    # What is saved

    def toScript(self) -> str:
        if self._keys:
            keys = " ".join(f"x{time:g} {value:.9g}" for time, value in sorted(self._keys.items()))
            return f"{{curve {keys}}}"
        return plain_text(self._value)

    def fromScript(self, script: str) -> None:
        curve = re.fullmatch(r"\{?curve ((?:x\S+ \S+ ?)+)\}?", script.strip("{} "))
        if curve:
            words = curve[1].split()
            pairs = zip(words[::2], words[1::2], strict=True)
            self._keys = {float(time[1:]): float(value) for time, value in pairs}
        else:
            self._value = self._read(script)

    def _read(self, text: str) -> Any:
        return self._checked(text)


class String_Knob(Knob):
    user_type = 1

    def _checked(self, value: Any) -> Any:
        if not isinstance(value, str):
            raise TypeError(f"{self._name} takes a string, not {value!r}")
        return value

    def getText(self) -> str:
        return str(self.value())

    def setText(self, text: str) -> None:
        self.setValue(text)


class EvalString_Knob(String_Knob):
    def evaluate(self, frame: int | None = None) -> str:
        app = self._app()
        assert app is not None
        at = int(app.root["frame"].value()) if frame is None else frame
        return numbered(evaluated(self.value(), self._node), at)


class File_Knob(EvalString_Knob):
    user_type = 2

    def getEvaluatedValue(self) -> str:
        return evaluated(self.value(), self._node)

    def fromUserText(self, text: str) -> None:
        self.setValue(text)


class Multiline_Eval_String_Knob(EvalString_Knob):
    user_type = 43


class Array_Knob(Knob):
    def setRange(self, low: float, high: float) -> None:
        self._range = (low, high)

    def _default(self) -> Any:
        return 0.0


class Double_Knob(Array_Knob):
    user_type = 7

    def _checked(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"{self._name} takes a number, not {value!r}")
        return float(value)

    def _read(self, text: str) -> Any:
        return float(text)


class Int_Knob(Double_Knob):
    user_type = 3

    def _default(self) -> Any:
        return 0

    def _checked(self, value: Any) -> Any:
        return int(super()._checked(value))

    def _read(self, text: str) -> Any:
        return int(float(text))


class Boolean_Knob(Array_Knob):
    user_type = 6

    def _default(self) -> Any:
        return False

    def _checked(self, value: Any) -> Any:
        if not isinstance(value, (bool, int)):
            raise TypeError(f"{self._name} takes True or False, not {value!r}")
        return bool(value)

    def _read(self, text: str) -> Any:
        return text in ("true", "1")


class Enumeration_Knob(Array_Knob):
    user_type = 4

    def __init__(self, name: str, label: str | None = None, values: Any = ()) -> None:
        self._values = [str(value) for value in values]
        super().__init__(name, label)

    def _default(self) -> Any:
        return self._values[0] if self._values else ""

    def _checked(self, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return self._values[value]
        if value not in self._values:
            raise TypeError(f"{self._name} has no value {value!r}, but {self._values}")
        return value

    def getValue(self) -> Any:
        return float(self._values.index(self._value)) if self._value in self._values else 0.0

    def numValues(self) -> int:
        return len(self._values)

    def values(self) -> list[str]:
        return [*self._values]

    def setValues(self, values: Any) -> None:
        self._app()
        at = self._values.index(self._value) if self._value in self._values else 0
        self._values = [str(value) for value in values]
        if self._value not in self._values:
            self._value = self._values[min(at, len(self._values) - 1)] if self._values else ""

    def _read(self, text: str) -> Any:
        if text not in self._values:
            self._values.append(text)  # Nuke keeps what a script says
        return text


class Tab_Knob(Knob):
    user_type = 20

    def __init__(self, name: str, label: str | None = None, flag: int = 0) -> None:
        super().__init__(name, label)


class Link_Knob(Knob):
    """Shows a knob of a node inside of its group."""

    user_type = 41

    def makeLink(self, s: str, t: str) -> None:
        self.setLink(f"{s}.{t}")

    def setLink(self, s: str) -> None:
        self._value = s

    def getLink(self) -> str:
        return str(self._value)

    def getLinkedKnob(self) -> Any:
        self._app()
        inner, _, name = self._value.rpartition(".")
        return self._node.node(inner)[name]

    def value(self) -> Any:
        return self.getLinkedKnob().value()

    def setValue(self, val: Any) -> bool:
        return bool(self.getLinkedKnob().setValue(val))


class Text_Knob(Knob):
    user_type = 26

    def __init__(self, name: str, label: str | None = None, text: str = "") -> None:
        super().__init__(name, label)
        self._value = text


class Script_Knob(String_Knob):
    def command(self) -> str:
        return str(self.value())

    def setCommand(self, cmd: str) -> None:
        self.setValue(cmd)

    def execute(self) -> None:
        app = self._app()
        if app is not None and self._name == "reload":
            self._node._cache.clear()
        elif app is not None:
            app.press(self._node, self._name)


class PyScript_Knob(Script_Knob):
    user_type = 22

    def __init__(self, name: str, label: str | None = None, command: str = "") -> None:
        super().__init__(name, label)
        self._value = command


class Channel_Knob(Knob):
    """One channel; it must be registered."""

    def _checked(self, value: Any) -> Any:
        app = None if self._node is None else self._node._app
        if value != "none" and app is not None and not app.has_channel(value):
            raise ValueError(f"{self._name}: there is no channel {value!r}")
        return value


class ChannelMask_Knob(Channel_Knob):
    """Layers, channels, or ``all``."""

    def _checked(self, value: Any) -> Any:
        app = None if self._node is None else self._node._app
        words = ("all", "none", "rgb", "rgba", "alpha")
        if value in words or app is None or value in app.layers or app.has_channel(value):
            return value
        raise ValueError(f"{self._name}: there is no layer or channel {value!r}")


class Format_Knob(Knob):
    """Width and height; Nuke has objects of `Format` here."""

    def _checked(self, value: Any) -> Any:
        if isinstance(value, str):
            words = value.split()
            return int(words[0]), int(words[1])
        return value

    def toScript(self) -> str:
        return "{} {}".format(*self._value)
