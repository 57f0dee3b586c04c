# SPDX-License-Identifier: GPL-3.0-or-later
"""What the brush painted: one packed Image for each object and frame, and copies at hand.

A thread makes the PNG that an Image carries and reads it back; the main thread packs it.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable

import bpy
import numpy as np
from numpy.typing import NDArray

from .png import decoded, encoded
from .shared.errors import XmemppError

__all__ = ["Paintings"]

Matte = NDArray[np.uint16]
Key = tuple[int, int]  # object and frame


class Paintings:
    """Those of one clip.

    Args:
        find: the clip; raises `NotFound` when it is gone.
        submit: does work in a thread, and what follows in the main one.
    """

    def __init__(
        self,
        find: Callable[[], bpy.types.MovieClip],
        submit: Callable[[Callable[[], object], Callable[[], object]], object],
    ) -> None:
        self._find = find
        self._submit = submit
        self._at_hand: dict[Key, Matte | XmemppError | None] = {}  # None while it is being read
        self._version: Counter[Key] = Counter()
        self._forgotten = 0  # how often Blender's data were replaced
        self._given: set[str] = set()  # stamps; Blender's undo forgets what the answer brought
        self._saving = 0

    @property
    def saving(self) -> bool:
        """Whether something painted is not in its Image yet."""
        return self._saving > 0

    def entry(self, obj: int, frame: int) -> bpy.types.PropertyGroup | None:
        """What the .blend keeps of a painting; None if there is none."""
        owner = self._object(obj)
        found = owner.painted if owner is not None else ()
        return next((one for one in found if one.frame == frame), None)

    def is_painted(self, obj: int, frame: int) -> bool:
        """Whether the brush painted the object at the frame."""
        return (obj, frame) in self._at_hand or self._packed(obj, frame) is not None

    def matte(self, obj: int, frame: int) -> Matte | None:
        """A painting; None while it is being read, or if there is none.

        Raises:
            BadMask: it can't be read.
        """
        key = obj, frame
        if key not in self._at_hand:
            data = self._packed(obj, frame)
            if data is None:
                return None
            self._read(key, data)
        found = self._at_hand[key]
        if isinstance(found, XmemppError):
            raise found
        return found

    def at_hand(self, obj: int, frame: int) -> Matte | None:
        """A painting, if it needs not be read."""
        found = self._at_hand.get((obj, frame))
        return found if isinstance(found, np.ndarray) else None

    def reader(self, obj: int, frame: int) -> Callable[[], Matte] | None:
        """What gets a painting in any thread; None if there is none."""
        found = self.at_hand(obj, frame)
        if found is not None:
            return lambda: found
        data = self._packed(obj, frame)
        return None if data is None else lambda: decoded(data)

    def store(self, obj: int, frame: int, matte: Matte) -> None:
        """Keeps a painting; the array may change afterwards."""
        key, copy, files = (obj, frame), matte.copy(), list[bytes]()
        self._at_hand[key] = copy
        version = self._next(key)
        self._saving += 1

        def pack() -> None:
            self._saving -= 1
            if self._version[key] == version:
                self._pack(obj, frame, files[0])

        self._submit(lambda: files.append(encoded(copy)), pack)

    def mark(self, obj: int, frame: int) -> Callable[[], str]:
        """What notes that the engine has the painting as it is now, unless that changed since.

        It returns the painting's stamp, for `take_back`; nothing if it noted nothing.
        """
        seen = self._forgotten, self._version[obj, frame]

        def given() -> str:
            entry = self.entry(obj, frame)
            if entry is None or (self._forgotten, self._version[obj, frame]) != seen:
                return ""
            entry.given = True
            if entry.stamp:  # files of before have none
                self._given.add(entry.stamp)
            return entry.stamp

        return given

    def take_back(self, stamps: Iterable[str]) -> None:
        """The engine has these paintings no more."""
        self._given.difference_update(stamps)

    def is_given(self, entry: bpy.types.PropertyGroup) -> bool:
        """Whether the engine was given a painting as it is."""
        return entry.given or entry.stamp in self._given

    def clear(self, obj: int, frame: int) -> None:
        """Forgets a painting and removes its Image."""
        self._next((obj, frame))
        self._at_hand.pop((obj, frame), None)
        owner = self._object(obj)
        for index, one in enumerate(owner.painted if owner is not None else ()):
            if one.frame == frame:
                image = one.image
                owner.painted.remove(index)
                if image is not None:
                    bpy.data.images.remove(image)
                return

    def forget(self) -> None:
        """Blender's data were replaced; what is at hand is read anew."""
        self._forgotten += 1
        for key in self._at_hand:
            self._next(key)
        self._at_hand.clear()

    def _next(self, key: Key) -> int:
        self._version[key] += 1
        return self._version[key]

    def _read(self, key: Key, data: bytes) -> None:
        found: list[Matte | XmemppError] = []
        self._at_hand[key] = None
        version = self._version[key]

        def read() -> None:
            try:
                found.append(decoded(data))
            except XmemppError as error:
                found.append(error)

        def keep() -> None:
            if self._version[key] == version:
                self._at_hand[key] = found[0]

        self._submit(read, keep)

    def _pack(self, obj: int, frame: int, data: bytes) -> None:
        owner = self._object(obj)
        if owner is None:  # the object was removed meanwhile
            return
        entry = self.entry(obj, frame) or owner.painted.add()
        entry.frame, entry.given, entry.stamp = frame, False, secrets.token_hex(8)
        if entry.image is None:
            entry.image = bpy.data.images.new(f"{owner.name} {frame}", 1, 1)
            entry.image.colorspace_settings.name = "Non-Color"
        entry.image.pack(data=data, data_len=len(data))
        entry.image.source = "FILE"

    def _packed(self, obj: int, frame: int) -> bytes | None:
        entry = self.entry(obj, frame)
        image = entry.image if entry is not None else None
        packed = image.packed_file if image is not None else None
        return packed.data if packed is not None else None

    def _object(self, obj: int) -> bpy.types.PropertyGroup | None:
        return next((one for one in self._find().xmempp.objects if one.object == obj), None)
