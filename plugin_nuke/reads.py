# SPDX-License-Identifier: Apache-2.0
"""Reads whose own files are just what comes out of them, frame by frame."""

from __future__ import annotations

import os
import re
from pathlib import Path

import nuke

from .values import flag, path, text, whole

__all__ = ["file_at", "plain_read", "shift", "span", "stem"]

_NUMBER = re.compile(r"%0?\d*d|#+")
_NUMBERS = re.compile(rf"{_NUMBER.pattern}|@+|\$F\d*")  # as other programs write them
_VIEWS = re.compile(r"%[vV]")


def plain_read(node: nuke.Node | None) -> nuke.Node | None:
    """The Read that a stream comes from, if nothing but Dots lies between.

    It is one of numbered files by their own numbers, or shifted by a constant; of movies,
    stereo pairs and frames that are computed there is None.
    """
    while node is not None and node.Class() == "Dot":
        node = node.input(0)
    return node if node is not None and _is_plain(node) else None


def _is_plain(read: nuke.Node) -> bool:
    if read.Class() != "Read" or flag(read, "disable") or shift(read) is None:
        return False
    file = path(read, "file")
    folder, name = os.path.split(file)
    one = len(_NUMBERS.findall(name)) == 1 and _NUMBER.search(name)
    elsewhere = _NUMBERS.search(folder) or _VIEWS.search(file)
    return bool(one and not elsewhere and os.path.isabs(file))  # noqa: PTH117


def shift(read: nuke.Node) -> int | None:
    """What is added to the numbers of a Read's files; None if that is no constant."""
    words = text(read, "frame").strip()
    if not words:
        return 0
    if text(read, "frame_mode") == "start at" and re.fullmatch(r"-?\d+", words):
        return int(words) - whole(read, "first")
    return None


def span(read: nuke.Node) -> tuple[int, int]:
    """First and last frame that a plain Read shows."""
    by = shift(read) or 0
    return whole(read, "first") + by, whole(read, "last") + by


def stem(read: nuke.Node) -> str:
    """The name of a Read's files without number and ending; letters, digits, ``_`` and ``-``."""
    name = _NUMBER.sub("", os.path.basename(path(read, "file"))).rpartition(".")[0]  # noqa: PTH119
    return re.sub(r"[^\w-]+", "_", name).strip("_-")


def file_at(read: nuke.Node, frame: int) -> Path:
    """The file of a frame; it need not be there.

    Args:
        read: a plain one.
        frame: within `span`.
    """
    number = frame - (shift(read) or 0)

    def filled(match: re.Match[str]) -> str:
        word = match[0]
        return word % number if word[0] == "%" else f"{number:0{len(word)}d}"

    file = Path(path(read, "file"))
    return file.with_name(_NUMBER.sub(filled, file.name))
