# SPDX-License-Identifier: Apache-2.0
"""What an edit was, in words for a menu: ``Undo paint frame 1001``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .edit_log import Edit

__all__ = ["in_words"]

_WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "add_object": lambda f: f"add object {f['name']}",
    "rename_object": lambda f: f"rename object {f['obj']} to {f['name']}",
    "colour_object": lambda f: f"colour object {f['obj']}",
    "remove_object": lambda f: f"remove object {f['obj']}",
    "reference": lambda f: f"paint frame {f['frame']}",
    "remove_reference": lambda f: f"take back the painting of frame {f['frame']}",
    "lock": lambda f: f"lock {_ranges(f)}",
    "unlock": lambda f: f"unlock {_ranges(f)}",
    "propagate": lambda f: "propagate",
    "undo": lambda f: "undo",
    "redo": lambda f: "redo",
}


def in_words(edit: Edit) -> str:
    """A few words, not a sentence; the kind itself for one that is not for people."""
    words = _WORDS.get(edit.do)
    return edit.do if words is None else words(edit.fields)[:255]


def _ranges(fields: Mapping[str, Any]) -> str:
    spelled = [str(a) if a == b else f"{a}-{b}" for a, b in fields["ranges"]]
    return ("frame " if len(spelled) == 1 else "frames ") + ", ".join(spelled)
