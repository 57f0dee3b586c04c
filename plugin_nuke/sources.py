# SPDX-License-Identifier: Apache-2.0
"""Where the matte of each object is painted: an input of the node and a channel of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

import nuke

from .graph import add_matte_input, input_names
from .shared.errors import UsageError
from .values import text

__all__ = ["NEW_INPUT", "Source", "choices", "read", "source_of", "store"]

NEW_INPUT = "new_input"


class Source(NamedTuple):
    """An input and a channel.

    Attributes:
        input: name of the input, such as ``matte``.
        channel: such as ``rgba.alpha`` or ``hero.alpha``.
    """

    input: str
    channel: str

    def __str__(self) -> str:
        return f"{self.input}:{self.channel}"  # no space: lists in panels are parted at spaces


def choices(node: nuke.Group) -> list[str]:
    """All that a matte can come from, for a list: alphas first."""
    found = []
    for number, name in enumerate(input_names(node), 1):
        connected = node.input(number)
        channels = connected.channels() if connected is not None else []
        channels = sorted(channels, key=lambda c: (not c.endswith((".alpha", ".a")), c))
        found += [str(Source(name, channel)) for channel in channels or ["rgba.alpha"]]
    return [*found, NEW_INPUT]


def source_of(node: nuke.Group, choice: str) -> Source:
    """The source that a choice means; a new input is made where that is chosen.

    Raises:
        UsageError: the node has no such input.
    """
    if choice == NEW_INPUT:
        return Source(add_matte_input(node), "rgba.alpha")
    name, _, channel = choice.partition(":")
    if name not in input_names(node):
        raise UsageError(f"{node.name()} has no input '{name}'.", hint="Choose another.")
    return Source(name, channel or "rgba.alpha")


def read(node: nuke.Node) -> dict[int, Source]:
    """What the node keeps, by object; nothing where that can't be read."""
    try:
        kept = json.loads(text(node, "sources") or "{}")
        return {int(obj): Source(str(one[0]), str(one[1])) for obj, one in kept.items()}
    except (ValueError, TypeError, IndexError, AttributeError):
        return {}


def store(node: nuke.Node, kept: Mapping[int, Source]) -> None:
    """Keeps it in the script."""
    node["sources"].setValue(json.dumps({str(obj): [*one] for obj, one in sorted(kept.items())}))
