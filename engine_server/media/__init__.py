# SPDX-License-Identifier: Apache-2.0
"""Reading plates and masks, writing mattes and pictures."""

from engine_server.media.contact_sheet import draw_contact_sheet, write_contact_sheet
from engine_server.media.files import write_atomically
from engine_server.media.image import Image, read_image
from engine_server.media.masks import MaskSet, read_masks
from engine_server.media.overlay import draw_overlay
from engine_server.media.palette import DAVIS_PALETTE, Palette
from engine_server.media.plate import ImageSequence, Plate, open_plate
from engine_server.media.view import INPUT_SPACES, ViewTransform
from engine_server.media.write import (
    read_confidence,
    write_confidence,
    write_index_png,
    write_overlay,
    write_soft_png,
)

__all__ = [
    "DAVIS_PALETTE",
    "INPUT_SPACES",
    "Image",
    "ImageSequence",
    "MaskSet",
    "Palette",
    "Plate",
    "ViewTransform",
    "draw_contact_sheet",
    "draw_overlay",
    "open_plate",
    "read_confidence",
    "read_image",
    "read_masks",
    "write_atomically",
    "write_confidence",
    "write_contact_sheet",
    "write_index_png",
    "write_overlay",
    "write_soft_png",
]
