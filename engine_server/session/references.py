# SPDX-License-Identifier: Apache-2.0
"""The painted frames of a session."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from shared.errors import BadMask, UnknownObject

__all__ = ["Matte", "checked_mattes", "without"]

Matte = NDArray[np.float32]


def checked_mattes(
    frame: int,
    mattes: Mapping[int, NDArray[np.generic]],
    *,
    size: tuple[int, int],
    objects: Mapping[int, str],
) -> Mapping[int, Matte]:
    """Painted mattes of one frame as read-only float32 copies, in a read-only mapping.

    Args:
        frame: for the messages.
        mattes: by object id, H x W; booleans, or floats in 0..1.
        size: (height, width) of the plate.
        objects: names of those that the session knows, by id.

    Raises:
        UnknownObject: an id that the session does not know.
        BadMask: no matte at all, a wrong size, or values that are not in 0..1.
    """
    if not mattes:
        raise BadMask(f"The reference at frame {frame} says nothing of any object.")
    checked = {}
    for obj, matte in mattes.items():
        if obj not in objects:
            raise UnknownObject(f"There is no object {obj}, painted at frame {frame}.")
        checked[obj] = _checked(f"The matte of {objects[obj]!r} at frame {frame}", matte, size)
    return MappingProxyType(checked)


def without(mattes: Mapping[int, Matte], obj: int) -> Mapping[int, Matte]:
    """The mattes of one frame without an object; the very same where it is not among them."""
    if obj not in mattes:
        return mattes
    return MappingProxyType({i: matte for i, matte in mattes.items() if i != obj})


def _checked(what: str, matte: NDArray[np.generic], size: tuple[int, int]) -> Matte:
    """A float32 copy that nobody can change, if it is a matte of that size."""
    if matte.shape != size:
        raise BadMask(
            f"{what} is {_size(matte.shape)}, the plate {_size(size)}.",
            hint="Paint at the plate's size, or resize the matte first.",
        )
    if matte.dtype.kind not in "bf":
        raise BadMask(f"{what} must be boolean or float in 0..1.")
    values = matte.astype(np.float32)
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise BadMask(f"{what} has values outside of 0..1.")
    values.setflags(write=False)
    return values


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape[::-1]))
