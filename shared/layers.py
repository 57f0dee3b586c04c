# SPDX-License-Identifier: Apache-2.0
"""Names of layers for objects, such that compositing programs accept them as they are.

Nuke makes a layer out of the name of an EXR channel: digits at the front are lost, what is
no letter or digit becomes ``_``, and two names that become one collide without a word. So
the names are made to be what they would become.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

__all__ = ["layer_names"]

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]+")
_TAKEN = ("rgba", "rgb", "alpha", "mask", "all", "none", "other", "depth", "deep", "motion")
_TAKEN_ALSO = ("forward", "backward", "disparity", "disparityl", "disparityr")
_VIEWS = ("main", "left", "right")  # of a stereo EXR the first part of a name may be the view
_LONGEST = 48


def layer_names(objects: Mapping[int, str]) -> dict[int, str]:
    """A layer for each object: a letter, then letters, digits and ``_``; no two the same.

    Args:
        objects: names by id. Of two that become the same, the later id gets a number.
    """
    taken = {*_TAKEN, *_TAKEN_ALSO, *_VIEWS}
    found = {}
    for obj, name in sorted(objects.items()):
        found[obj] = layer = _free(_plain(name) or f"object_{obj}", taken)
        taken.add(layer.lower())
    return found


def _plain(name: str) -> str:
    """A name without accents, and without what no layer may have in its name."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = _NOT_PLAIN.sub("_", letters).strip("_")[:_LONGEST]
    return f"object_{plain}" if plain[:1].isdigit() else plain


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free.lower() in taken:
        number += 1
        free = f"{name}_{number}"
    return free
