# SPDX-License-Identifier: Apache-2.0
"""Values of knobs with their types, and changes that leave no trace in Nuke's undo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import nuke

from .shared.errors import UsageError

__all__ = [
    "NOTHING",
    "flag",
    "hidden_undo",
    "is_told",
    "number",
    "path",
    "put",
    "put_keys",
    "put_list",
    "text",
    "whole",
]

NOTHING = "-"
"""The only entry of a list that has none."""

_SAME = 1e-6
_told: list[bool] = []


def text(node: nuke.Node, name: str) -> str:
    """What stands in a knob of text or words."""
    return str(node[name].value() or "")


def whole(node: nuke.Node, name: str) -> int:
    """A whole number."""
    return int(node[name].value())


def number(node: nuke.Node, name: str) -> float:
    """A number."""
    return float(node[name].value())


def flag(node: nuke.Node, name: str) -> bool:
    """Whether a box is ticked."""
    return bool(node[name].value())


def path(node: nuke.Node, name: str) -> str:
    """A path, with Nuke's own expressions in it worked out.

    Raises:
        UsageError: they can't be.
    """
    knob = node[name]
    try:
        return str(knob.getEvaluatedValue() or "") if isinstance(knob, nuke.File_Knob) else ""
    except Exception as error:  # which class Nuke raises here is not known
        raise UsageError(
            f"'{knob.value()}' can't be worked out: {error}.",
            hint="Nuke takes what is in brackets for an expression.",
        ) from error


def put(node: nuke.Node, name: str, value: object) -> None:
    """Sets a knob, if that changes it."""
    if node[name].value() != value:
        node[name].setValue(value)


def put_list(node: nuke.Node, name: str, entries: Sequence[str]) -> None:
    """Sets what a list offers; the choice stays where it can."""
    knob = node[name]
    wanted = [*entries] or [NOTHING]
    if isinstance(knob, nuke.Enumeration_Knob) and [*knob.values()] != wanted:
        chosen = knob.value()
        knob.setValues(wanted)
        knob.setValue(chosen if chosen in wanted else wanted[0])


def put_keys(
    node: nuke.Node, name: str, keys: Mapping[int, float], among: range | None = None
) -> None:
    """Sets the keys of a curve; those of other frames are removed.

    Whether `setAnimated` leaves a key at the present frame is not known: it would be removed.

    Args:
        node: with the knob.
        name: of the knob.
        keys: values by frame.
        among: frames outside of it keep their keys; None for all frames.
    """
    curve = node[name]
    there = _keys(curve)
    kept = {} if among is None else {f: v for f, v in there.items() if f not in among}
    wanted = {**kept, **keys}
    if not wanted:
        if curve.isAnimated():
            curve.clearAnimated()
        return
    if not curve.isAnimated():
        curve.setAnimated()
    for frame, value in wanted.items():
        if abs(there.get(frame, value + 1) - value) > _SAME:  # a script keeps nine digits
            curve.setValueAt(value, frame)
    for frame in _keys(curve).keys() - wanted.keys():
        curve.removeKeyAt(frame)


def _keys(curve: nuke.Knob) -> dict[int, float]:
    frames = curve.getKeyList() if curve.isAnimated() else []
    return {int(frame): float(curve.getValueAt(frame)) for frame in frames}


@contextmanager
def hidden_undo() -> Iterator[None]:
    """What is done in it is no step of Nuke's undo: the artist did not do it."""
    undo = nuke.Undo()
    undo.disable()
    _told.append(True)
    try:
        yield
    finally:
        _told.pop()
        undo.enable()


def is_told() -> bool:
    """Whether knobs are being changed by the plugin, not by the artist."""
    return bool(_told)
