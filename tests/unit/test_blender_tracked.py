# SPDX-License-Identifier: Apache-2.0
"""What is read of Blender's memory: only where it is what it should be."""

from __future__ import annotations

import ctypes
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from ..addon import addon_part

CLIP = 0x1234


@pytest.fixture
def tracked(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module; it needs Blender for names of types alone."""
    monkeypatch.setitem(sys.modules, "bpy", ModuleType("bpy"))
    return addon_part("tracked")


class Memory:
    """A point in memory as Blender has it, but for what a test changes."""

    def __init__(self, tracked: ModuleType, offset: int = 88, **changed: object) -> None:
        told = {"type": 0, "id": CLIP, "parent": b"Camera", "sub_parent": b"Track"}
        self._parent = tracked._Parent(**{**told, **changed})
        self._size = ctypes.sizeof(self._parent)
        self._bytes = ctypes.create_string_buffer(offset + self._size)
        ctypes.memmove(ctypes.addressof(self._bytes) + offset, bytes(self._parent), self._size)
        self._offset = offset

    def spline(self) -> SimpleNamespace:
        """What Python sees of it."""
        start = ctypes.addressof(self._bytes)
        parent = SimpleNamespace(
            type="POINT_TRACK",
            id=SimpleNamespace(as_pointer=lambda: CLIP),
            parent="Camera",
            sub_parent="Track",
            as_pointer=lambda: start + self._offset,
        )
        point = SimpleNamespace(
            parent=parent,
            as_pointer=lambda: start,
            handle_left_type="FREE",
            handle_right_type="FREE",
        )
        return SimpleNamespace(points=[point])


def test_what_a_point_follows_is_known(tracked: ModuleType) -> None:
    assert tracked.is_known(Memory(tracked).spline())


@pytest.mark.parametrize(
    "changed",
    [
        {"offset": 96},
        {"offset": 80},
        {"type": 1},
        {"id": CLIP + 8},
        {"parent": b"Camer"},
        {"sub_parent": b"\xff\xfe"},
    ],
)
def test_memory_of_another_form_is_left_to_blender(
    tracked: ModuleType, changed: dict[str, object]
) -> None:
    """The mask is rendered then."""
    assert not tracked.is_known(Memory(tracked, **changed).spline())


def test_nothing_is_read_where_the_place_is_another(tracked: ModuleType) -> None:
    """The address is that of no memory: reading it would end Python."""
    spline = Memory(tracked).spline()
    spline.points[0].parent.as_pointer = lambda: 8
    assert not tracked.is_known(spline)


def test_corners_on_a_line_move_nothing(tracked: ModuleType) -> None:
    line = np.linspace((0, 0), (1, 1), 4)
    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
    assert (tracked._between(line, square) == np.eye(3)).all()
    assert np.allclose(tracked._between(square, square * 2), np.diag([2, 2, 1]))


def test_a_clip_that_was_never_read_counts_as_square(tracked: ModuleType) -> None:
    assert tracked._high(SimpleNamespace(size=(0, 0))) == 1
