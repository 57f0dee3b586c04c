# SPDX-License-Identifier: Apache-2.0
"""The view transform: from stored plate values to what the network sees.

The network was trained on sRGB pictures, so every plate is brought to display-referred
sRGB, uint8. For scene-linear light ``x`` (per channel, Rec.709 primaries):

1. ``x`` is multiplied by ``2 ** exposure``; NaN and everything below 0 become 0.
2. Below the knee ``k = 0.7`` light is unchanged. Above it ``y = k + (1 - k) * t / (t + 1 - k)``
   with ``t = x - k``: the slope is continuous at the knee and white is reached only in the
   limit, so that the edge of an object against a sky of 4 or a lamp of 16 stays visible.
   A plain clip would make both the same white and the network would lose that edge.
3. The sRGB curve (IEC 61966-2-1) and rounding to 0..255; +inf is 255.

Display-referred pictures (sRGB) are only rounded, and clipped where they are float: they
have no highlights to save, and an 8-bit frame must come through unchanged. Log film scans
(Cineon, Kodak 1995: 0.002 density a code value, black 95, white 685, gamma 0.6) and ACES
primaries are first brought to linear Rec.709.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.errors import UsageError

__all__ = ["INPUT_SPACES", "ViewTransform", "scene_to_display"]

INPUT_SPACES = ("auto", "linear", "srgb", "log", "acescg", "aces2065")
"""Names for ``ViewTransform.space``; ``auto`` takes what each file reports."""

KNEE = 0.7
_HALF_MAX = 65504.0
_CUT_BITS = 13
_MAX_EXPOSURE = 20.0
_CINEON_BLACK, _CINEON_WHITE = 95.0, 685.0
_CINEON_STOPS_PER_CODE = 0.002 / 0.6  # density per code value over the gamma of negative film

# Bradford-adapted D60 -> D65, from the Academy's primaries (SMPTE ST 2065-1, S-2014-004).
_TO_REC709 = {
    "acescg": np.array(
        [
            [1.7050510, -0.6217921, -0.0832589],
            [-0.1302564, 1.1408047, -0.0105483],
            [-0.0240034, -0.1289690, 1.1529724],
        ],
        np.float32,
    ),
    "aces2065": np.array(
        [
            [2.5216861, -1.1341310, -0.3875552],
            [-0.2764799, 1.3727191, -0.0962391],
            [-0.0153781, -0.1529754, 1.1683534],
        ],
        np.float32,
    ),
}


@dataclass(frozen=True)
class ViewTransform:
    """How stored plate values become the model view.

    Args:
        space: one of ``INPUT_SPACES``; anything but ``auto`` overrides what files report.
        exposure: stops added before viewing, -20 to 20.

    Raises:
        UsageError: unknown space, or an exposure out of range.
    """

    space: str = "auto"
    exposure: float = 0.0

    def __post_init__(self) -> None:
        if self.space not in INPUT_SPACES:
            raise UsageError(
                f"'{self.space}' is not a known input space.",
                hint=f"Choose one of {', '.join(INPUT_SPACES)}.",
            )
        if not abs(self.exposure) <= _MAX_EXPOSURE:
            raise UsageError(
                f"An exposure of {self.exposure} stops is out of range.",
                hint=f"Give a number from {-_MAX_EXPOSURE:g} to {_MAX_EXPOSURE:g}.",
            )

    def apply(self, pixels: NDArray[Any], encoding: str) -> NDArray[np.uint8]:
        """Turn stored values into the model view.

        Args:
            pixels: H x W x 3, uint8, uint16 or float; any value, NaN and infinities included.
            encoding: what the file reports, used when ``space`` is ``auto``.

        Returns:
            H x W x 3, uint8, sRGB. A view of ``pixels`` when nothing has to be done.
        """
        space = encoding if self.space == "auto" else self.space
        if space == "srgb" and pixels.dtype == np.uint8 and self.exposure == 0.0:
            return pixels
        if space in _TO_REC709:
            pixels, space = _change_primaries(pixels, _TO_REC709[space]), "linear"
        codes, kind = _codes(pixels)
        shown: NDArray[np.uint8] = _table(kind, space, self.exposure)[codes]
        return shown


def scene_to_display(light: NDArray[Any]) -> NDArray[np.float64]:
    """Steps 2 and 3 of the transform on scene-linear light of any shape, to 0..1 (sRGB)."""
    light = np.nan_to_num(np.asarray(light, np.float64), nan=0.0, posinf=1e300, neginf=0.0)
    over = np.maximum(light - KNEE, 0.0)
    rolled = KNEE + (1.0 - KNEE) * over / (over + 1.0 - KNEE)
    return _encode_srgb(np.where(light > KNEE, rolled, np.maximum(light, 0.0)))


def _encode_srgb(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sRGB curve on linear light in 0..1."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def _decode_srgb(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear light of sRGB values in 0..1."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _decode_cineon(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scene-linear light of a log scan, given as 0..1 of the full code range; 685 is 1.0."""
    code = np.clip(value, 0.0, 1.0) * 1023.0
    black = 10.0 ** ((_CINEON_BLACK - _CINEON_WHITE) * _CINEON_STOPS_PER_CODE)
    light = 10.0 ** ((code - _CINEON_WHITE) * _CINEON_STOPS_PER_CODE)
    return np.asarray((light - black) / (1.0 - black))


def _change_primaries(pixels: NDArray[Any], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear Rec.709 of linear pixels; finite, so that inf - inf can't make a black hole."""
    light = np.minimum(_as_unit(pixels), _HALF_MAX).astype(np.float32)
    light[~(light >= -_HALF_MAX)] = 0.0  # NaN, and what would flood the other channels
    return np.asarray(cv2.transform(light, matrix), np.float32)


def _as_unit(pixels: NDArray[Any]) -> NDArray[Any]:
    """Integers to 0..1; floats as they are."""
    if pixels.dtype.kind == "u":
        return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    return pixels


def _codes(pixels: NDArray[Any]) -> tuple[NDArray[Any], str]:
    """Integers that index a table of every possible value, and the kind of that table.

    Floats are cut to their top 19 bits: ten of the fraction, finer than the 8 bits shown can
    tell, and sign and exponent in full. So one table holds every float there is, NaN and
    infinities included, and nothing can ever wrap.
    """
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels, pixels.dtype.name
    with np.errstate(over="ignore", invalid="ignore"):
        single = np.ascontiguousarray(pixels, np.float32)
    return single.view(np.uint32) >> _CUT_BITS, "float"


@lru_cache(maxsize=16)
def _table(kind: str, space: str, exposure: float) -> NDArray[np.uint8]:
    """The shown value of every code of a kind (256, 65536 or 524288 entries)."""
    if kind == "float":
        stored = _cut_floats()
    else:
        full = np.iinfo(kind).max
        stored = np.arange(full + 1, dtype=np.float64) / full
    return np.asarray(np.rint(_show(stored, space, exposure) * 255.0), np.uint8)


def _cut_floats() -> NDArray[np.float64]:
    """The finite float in the middle of those that share each code; NaN is 0."""
    bits = np.arange(2 ** (32 - _CUT_BITS), dtype=np.uint32) << _CUT_BITS
    start = bits.view(np.float32)
    middle = (bits | 1 << (_CUT_BITS - 1)).view(np.float32)
    chosen = np.where(np.isfinite(start), middle, start)
    return np.nan_to_num(chosen, nan=0.0).astype(np.float64)


def _show(stored: NDArray[np.float64], space: str, exposure: float) -> NDArray[np.float64]:
    """The formula at the top of this module; finite stored values to 0..1."""
    gain = 2.0**exposure
    if space == "srgb":
        value = np.clip(stored, 0.0, 1.0)
        if exposure == 0.0:
            return value
        return _encode_srgb(np.minimum(_decode_srgb(value) * gain, 1.0))
    light = _decode_cineon(stored) if space == "log" else stored
    return scene_to_display(light * gain)
