# SPDX-License-Identifier: Apache-2.0
"""Writing results: index PNG, soft mattes, overlays, the confidence curve.

Every file is written whole or not at all. PNGs are packed lightly: a file a few percent
larger is worth an artist's wait of ten times less.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from engine_server.media.files import write_atomically
from engine_server.media.overlay import draw_overlay
from engine_server.media.palette import Palette

__all__ = [
    "encode_index_png",
    "encode_jpeg",
    "encode_png",
    "encode_soft_png",
    "read_confidence",
    "write_confidence",
    "write_index_png",
    "write_overlay",
    "write_soft_png",
]

_PNG_LEVEL = 1
_JPEG_QUALITY = 90
_CONFIDENCE_HEAD = ["frame", "stem"]
_RESERVED = "object:"


def encode_index_png(labels: NDArray[np.uint8], palette: Palette) -> bytes:
    """A palette PNG of a label map (H x W, uint8; 0 is background)."""
    picture = PillowImage.fromarray(np.ascontiguousarray(labels, np.uint8))
    picture.putpalette(palette.as_bytes())
    return _pack(picture)


def encode_soft_png(matte: NDArray[np.floating]) -> bytes:
    """A 16-bit grey PNG of a matte (H x W, 0..1); NaN is 0, what is out of range is clipped."""
    clipped = np.fmin(np.fmax(np.asarray(matte, np.float32), 0.0), 1.0)  # fmax drops NaN
    values = (clipped * np.float32(65535.0) + np.float32(0.5)).astype(np.uint16)
    return _pack(PillowImage.fromarray(values))


def encode_jpeg(picture: NDArray[np.uint8], *, quality: int = _JPEG_QUALITY) -> bytes:
    """A JPEG of a picture (H x W x 3, uint8, RGB)."""
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444  # halved colour would blur the outlines
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    return data.tobytes()


def encode_png(picture: NDArray[np.uint8]) -> bytes:
    """A PNG of a picture (H x W x 3, uint8, RGB)."""
    return _pack(PillowImage.fromarray(picture))


def _pack(picture: PillowImage.Image) -> bytes:
    """A PNG of any picture; Pillow is three times as fast here as OpenCV for 16 bits."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=_PNG_LEVEL)
    return buffer.getvalue()


def write_index_png(path: Path, labels: NDArray[np.uint8], palette: Palette) -> None:
    """Write a label map (H x W, uint8) in the colours of ``palette``.

    Raises:
        OutputUnwritable: the file can't be written; so for all writers here.
    """
    write_atomically(path, encode_index_png(labels, palette))


def write_soft_png(path: Path, matte: NDArray[np.floating]) -> None:
    """Write a matte (H x W, 0..1) as 16-bit grey PNG, 0..65535."""
    write_atomically(path, encode_soft_png(matte))


def write_overlay(
    path: Path, view: NDArray[np.uint8], labels: NDArray[np.uint8], palette: Palette
) -> None:
    """Write a JPEG of the model view with every object tinted and outlined."""
    write_atomically(path, encode_jpeg(draw_overlay(view, labels, palette)))


def write_confidence(
    path: Path,
    rows: Sequence[tuple[int, str, Mapping[int, float | None]]],
    names: Mapping[int, str],
) -> None:
    """Write the confidence curve as CSV: ``frame,stem`` and a column for each object.

    Args:
        path: the CSV file.
        rows: frame number, file stem, and label -> confidence (0..1); a label left out or
            None gives an empty field.
        names: label -> name of the object, the head of its column; ``object:frame`` for an
            object called ``frame``, and so for ``stem``, which are columns already.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*_CONFIDENCE_HEAD, *(_head(names[label]) for label in sorted(names))])
    for frame, stem, values in rows:
        fields = (values.get(label) for label in sorted(names))
        table.writerow([frame, stem, *("" if v is None else f"{v:.4f}" for v in fields)])
    write_atomically(path, text.getvalue().encode("utf-8"))


def read_confidence(path: Path) -> dict[int, dict[str, float]]:
    """A confidence curve as `write_confidence` makes it: frame -> name -> confidence.

    Raises:
        ValueError: the file is something else.
        OSError: it can't be read.
    """
    with path.open(encoding="utf-8", newline="") as file:
        try:
            head, *rows = csv.reader(file)
        except csv.Error as error:
            raise ValueError(f"{path} is not a table") from error
    if head[:2] != _CONFIDENCE_HEAD or any(len(row) != len(head) for row in rows):
        raise ValueError(f"{path} is not a confidence curve")
    names = [_name(column) for column in head[2:]]
    fields = {int(row[0]): zip(names, row[2:], strict=True) for row in rows}
    return {frame: {name: float(v) for name, v in row if v} for frame, row in fields.items()}


def _head(name: str) -> str:
    """The head of an object's column, never that of another column."""
    taken = name in _CONFIDENCE_HEAD or name.startswith(_RESERVED)
    return _RESERVED + name if taken else name


def _name(head: str) -> str:
    """The object of a column."""
    return head.removeprefix(_RESERVED)
