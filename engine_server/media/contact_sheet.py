# SPDX-License-Identifier: Apache-2.0
"""A contact sheet: many frames of a shot on one page, each with its label."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from engine_server.media.files import write_atomically
from engine_server.media.write import encode_jpeg, encode_png

__all__ = ["draw_contact_sheet", "write_contact_sheet"]

_PAPER = (24, 24, 26)
_INK = (214, 214, 218)
_GAP = 10
_LABEL_SIZE = 15
_LABEL_HEIGHT = 24

Row = Sequence[tuple[str, NDArray[np.uint8]]]


def draw_contact_sheet(rows: Sequence[Row], *, width: int = 320) -> NDArray[np.uint8]:
    """Lay pictures out in rows, each with its label under it.

    Args:
        rows: rows of (label, picture), a picture being H x W x 3 uint8 RGB of any size. Rows
            may have different lengths.
        width: the width of every picture on the sheet, in pixels; its shape is kept.

    Returns:
        The sheet, H x W x 3, uint8, RGB.

    Raises:
        ValueError: no picture at all.
    """
    scaled = [[(label, _fit(picture, width)) for label, picture in row] for row in rows if row]
    if not scaled:
        raise ValueError("a contact sheet needs at least one picture")
    heights = [max(picture.shape[0] for _, picture in row) for row in scaled]
    columns = max(len(row) for row in scaled)
    total = sum(height + _LABEL_HEIGHT + _GAP for height in heights) + _GAP
    sheet = PillowImage.new("RGB", (columns * (width + _GAP) + _GAP, total), _PAPER)
    top = _GAP
    for row, height in zip(scaled, heights, strict=True):
        _draw_row(sheet, row, top, height)
        top += height + _LABEL_HEIGHT + _GAP
    return np.array(sheet, np.uint8)


def write_contact_sheet(path: Path, rows: Sequence[Row], *, width: int = 320) -> None:
    """Draw a contact sheet and write it, as PNG if the file ends so, else as JPEG.

    Raises:
        OutputUnwritable: the file can't be written.
        ValueError: no picture at all.
    """
    sheet = draw_contact_sheet(rows, width=width)
    encode = encode_png if path.suffix.lower() == ".png" else encode_jpeg
    write_atomically(path, encode(sheet))


def _draw_row(sheet: PillowImage.Image, row: Row, top: int, height: int) -> None:
    """Paste one row of pictures that are already scaled, and write their labels."""
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_LABEL_SIZE)
    left = _GAP
    for label, picture in row:
        sheet.paste(PillowImage.fromarray(picture), (left, top))
        text = _shorten(label, font, picture.shape[1])
        pen.text((left + 1, top + height + _LABEL_HEIGHT // 2), text, _INK, font, anchor="lm")
        left += picture.shape[1] + _GAP


def _fit(picture: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """A picture scaled to a width."""
    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    how = cv2.INTER_AREA if width < picture.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=how), np.uint8)


def _shorten(label: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """A label that fits a width; its middle goes first, as names differ at their ends."""
    if font.getlength(label) <= width:
        return label
    for kept in range(len(label) - 1, 1, -1):
        short = f"{label[: kept // 2]}…{label[len(label) - (kept - kept // 2) :]}"
        if font.getlength(short) <= width:
            return short
    return "…"
