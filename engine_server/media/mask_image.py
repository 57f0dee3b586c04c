# SPDX-License-Identifier: Apache-2.0
"""One mask file as it is stored, before anything is decided about its meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from engine_server.media.image import Image, ImageUnreadableError, read_header, read_image

__all__ = ["LOSSY_ENDINGS", "MaskImage", "read_mask_image"]

LOSSY_ENDINGS = (".jpg", ".jpeg", ".jpe", ".webp")
"""Kinds that blur and ring: their colours are not to be trusted to the last bit."""

_PALETTE_ENDINGS = (".png", ".tif", ".tiff", ".bmp")
_LAYER = re.compile(r"(?P<name>.+)\.(a|alpha|matte)", re.IGNORECASE)
_GREY_TOLERANCE = 2
_LOSSY_NOISE = 12
_LOSSY_STEP = 64


@dataclass(frozen=True)
class MaskImage:
    """The planes of a mask file; exactly one of ``indexes``, ``grey``, ``rgb``, ``layers`` is set.

    Args:
        indexes: H x W uint8, of a palette picture.
        palette: 256 x 3 uint8, its colours.
        grey: H x W uint8, uint16 or float32 (finite).
        rgb: H x W x 3 uint8.
        alpha: H x W float32, 0..1, where ``grey`` or ``rgb`` comes with one.
        layers: name -> H x W float32, 0..1, of a layered OpenEXR (``hero.alpha``).
    """

    indexes: NDArray[np.uint8] | None = None
    palette: NDArray[np.uint8] | None = None
    grey: NDArray[Any] | None = None
    rgb: NDArray[np.uint8] | None = None
    alpha: NDArray[np.float32] | None = None
    layers: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        planes = (self.indexes, self.grey, self.rgb, *self.layers.values())
        height, width = next(plane.shape[:2] for plane in planes if plane is not None)
        return height, width

    def flattened(self) -> MaskImage:
        """A palette picture as the colours it shows; others as they are."""
        if self.indexes is None or self.palette is None:
            return self
        return _from_colour(self.palette[self.indexes])


def read_mask_image(path: Path) -> MaskImage:
    """Read a mask of any kind.

    Raises:
        ImageUnreadableError: damaged, missing or larger than allowed.
        OSError: the disk failed.
    """
    if path.suffix.lower() in _PALETTE_ENDINGS:
        read_header(path)  # refuses a decompression bomb before Pillow sees it
        found = _read_palette(path)
        if found is not None:
            return found
    image = read_image(path)
    layers = {m["name"]: name for name in image.channels if (m := _LAYER.fullmatch(name))}
    if layers:
        return MaskImage(layers={key: _unit(image.channel(layers[key])) for key in layers})
    return _from_image(image, lossy=path.suffix.lower() in LOSSY_ENDINGS)


def _read_palette(path: Path) -> MaskImage | None:
    """The indexes and colours of a palette picture; None for any other."""
    try:
        with PillowImage.open(path) as picture:
            if picture.mode != "P":
                return None
            indexes = np.array(picture, np.uint8)
            colours = picture.getpalette("RGB") or []
    except (OSError, SyntaxError, ValueError, PillowImage.DecompressionBombError) as error:
        raise ImageUnreadableError(str(error).splitlines()[0].rstrip(".")) from error
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colours) // 3] = np.reshape(colours, (-1, 3))
    if np.array_equal(palette[indexes.max()], [indexes.max()] * 3) and _is_ramp(palette):
        return MaskImage(grey=indexes)
    return MaskImage(indexes=indexes, palette=palette)


def _is_ramp(palette: NDArray[np.uint8]) -> bool:
    """Whether colour ``i`` is the grey ``i``: a grey picture stored with a palette."""
    stored = np.flatnonzero(palette.any(1))
    return bool(np.all(palette[stored] == stored[:, None]))


def _from_image(image: Image, *, lossy: bool) -> MaskImage:
    """Grey, colour or alpha of a decoded picture."""
    alpha = image.alpha()
    if alpha is not None and len(image.channels) == 1:
        return MaskImage(grey=_finite(alpha))
    matte = None if alpha is None else _unit(alpha)
    colour = image.rgb()
    if len(image.channels) - (alpha is not None) < 3:
        grey = _finite(colour[..., 0])
        return MaskImage(grey=_denoise(grey) if lossy else grey, alpha=matte)
    found = _from_colour(colour, tolerance=16 if lossy else _GREY_TOLERANCE)
    if lossy and found.rgb is not None:
        stepped = (found.rgb.astype(np.int32) + _LOSSY_STEP // 2) // _LOSSY_STEP * _LOSSY_STEP
        found = MaskImage(rgb=np.minimum(stepped, 255).astype(np.uint8))
    elif lossy and found.grey is not None:
        found = MaskImage(grey=_denoise(found.grey))
    return MaskImage(grey=found.grey, rgb=found.rgb, alpha=matte)


def _from_colour(colour: NDArray[Any], tolerance: int = _GREY_TOLERANCE) -> MaskImage:
    """RGB, or grey at full precision where there is no colour in it."""
    colour = _finite(colour)
    is_byte = colour.dtype == np.uint8
    rgb = colour if is_byte else np.rint(_unit(colour) * 255.0).astype(np.uint8)
    spread = rgb.max(axis=2).astype(np.int16) - rgb.min(axis=2)
    if spread.max(initial=0) <= tolerance:
        return MaskImage(grey=np.ascontiguousarray(colour[..., 0]))
    return MaskImage(rgb=rgb)


def _denoise(grey: NDArray[Any]) -> NDArray[Any]:
    """Undo the ringing that lossy packing leaves around black and white."""
    if grey.dtype != np.uint8:
        return grey
    table = np.arange(256, dtype=np.uint8)
    table[: _LOSSY_NOISE + 1], table[255 - _LOSSY_NOISE :] = 0, 255
    return np.asarray(table[grey])


def _finite(values: NDArray[Any]) -> NDArray[Any]:
    """Floats without NaN, infinities and negatives; integers as they are."""
    if values.dtype.kind == "u":
        return values
    clean = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    return np.maximum(clean, 0.0)


def _unit(values: NDArray[Any]) -> NDArray[np.float32]:
    """Any stored values as float32 in 0..1."""
    if values.dtype.kind == "u":
        return np.asarray(values / np.float32(np.iinfo(values.dtype).max), np.float32)
    return np.asarray(np.minimum(_finite(values), 1.0), np.float32)
