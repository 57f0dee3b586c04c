# SPDX-License-Identifier: Apache-2.0
"""The add-on in real Blender, installed from its zip, with a real engine."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its own manual uses
import pytest
from PIL import Image as PillowImage

from ..drawn import draw_shot, read_png, write_movie, write_plate
from .conftest import Blender, blenders

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not blenders(), reason="no Blender; XMEMPP_BLENDERS can name some"),
]


def test_the_artists_story(blender: Blender, archive: Path, tmp_path: Path) -> None:
    """Install, open a clip, paint, propagate, be told what to paint next, save, load."""
    shot = draw_shot(6)
    plate = write_plate(tmp_path / "plate", shot.pictures)
    outlines = {1001 + i: outline_of(label) for i, label in enumerate(shot.labels)}
    told = tmp_path / "outlines.json"
    told.write_text(json.dumps(outlines))
    folder = tmp_path / "project"
    folder.mkdir()
    blender.run("story.py", archive, plate, told, folder)
    mattes = sorted((folder / "mattes").rglob("*.png"))
    assert len(mattes) == 6
    fits = [
        overlap(read_png(path) / 65535 > 0.5, label == 1)
        for path, label in zip(mattes, shot.labels, strict=True)
    ]
    assert fits[0] > 0.9  # upside down it would be 0.3; the outline runs inside of the border
    assert min(fits[:5]) > 0.8
    assert fits[5] == 0  # said not to be visible there


def test_it_keeps_the_promises_of_a_host(blender: Blender, archive: Path, tmp_path: Path) -> None:
    plate = write_plate(tmp_path / "plate", draw_shot(10).pictures)
    blender.run("contract.py", archive, plate, tmp_path)


def test_what_goes_wrong_is_told(blender: Blender, archive: Path, tmp_path: Path) -> None:
    """An engine that is killed or absent, undo, a plate that moved, an add-on disabled in a job."""
    plate = write_plate(tmp_path / "plate", draw_shot(30).pictures)
    blender.run("faults.py", archive, plate, tmp_path)


def test_several_objects_scenes_and_clips(blender: Blender, archive: Path, tmp_path: Path) -> None:
    plate = write_plate(tmp_path / "plate", draw_shot(6).pictures)
    blender.run("several.py", archive, plate, tmp_path)


def test_a_movie(blender: Blender, archive: Path, tmp_path: Path) -> None:
    movie = write_movie(tmp_path / "plate.mkv", draw_shot(6).pictures)
    blender.run("movie.py", archive, movie, tmp_path)


def test_mattes_in_the_compositor(blender: Blender, archive: Path, tmp_path: Path) -> None:
    """They are the alpha of what is rendered, at their own frames; the artist's nodes stay."""
    shot = draw_shot(6)
    plate = write_plate(tmp_path / "plate", shot.pictures)
    movie = write_movie(tmp_path / "plate.mkv", shot.pictures)
    blender.run("layers.py", archive, plate, movie, tmp_path)


def test_mattes_as_splines(blender: Blender, archive: Path, tmp_path: Path) -> None:
    """Rings, islands, pieces that come and go: back from the splines within the tolerance."""
    plate = write_plate(tmp_path / "plate", draw_shot(6).pictures)
    blender.run("splines.py", archive, plate, tmp_path)


def test_every_panel_is_drawn(
    windowed: Blender, archive: Path, tmp_path: Path, display: str
) -> None:
    """In a window, in every state; an error while drawing ends the script."""
    plate = write_plate(tmp_path / "plate", draw_shot(10).pictures)
    picture = tmp_path / "panels.png"
    windowed.run("window.py", archive, plate, tmp_path, picture, display=display)
    assert picture.stat().st_size > 10_000


def test_layers_in_a_window(windowed: Blender, archive: Path, tmp_path: Path, display: str) -> None:
    """Splines are traced while Blender goes on; Esc ends that; a failed installation is told."""
    plate = write_plate(tmp_path / "plate", draw_shot(30).pictures)
    picture = tmp_path / "layers.png"
    windowed.run("layers_window.py", archive, plate, tmp_path, picture, display=display)
    assert picture.stat().st_size > 10_000


def test_operators_in_any_order(blender: Blender, archive: Path, tmp_path: Path) -> None:
    """Each Blender has a seed of its own."""
    plate = write_plate(tmp_path / "plate", draw_shot(10).pictures)
    seed = 1 + blenders().index(blender.program)
    said = blender.run("random_calls.py", archive, plate, tmp_path, seed, 20)
    assert "Traceback" not in said, said[-6000:]


def test_masks_are_what_the_compositor_makes_of_them(
    blender: Blender, archive: Path, tmp_path: Path
) -> None:
    plate = write_plate(tmp_path / "plate", draw_shot(1).pictures)
    blender.run("masks.py", archive, plate, tmp_path)


def test_feather_and_tracks_are_what_the_compositor_makes_of_them(
    blender: Blender, archive: Path, tmp_path: Path
) -> None:
    """To the pixel, and without a render."""
    plate = write_plate(tmp_path / "plate", draw_shot(1, height=90, width=160).pictures)
    blender.run("feather.py", archive, plate, tmp_path)


def test_images_that_are_not_loaded_are_what_blender_loads(
    blender: Blender, archive: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    write_pngs(folder, height=90, width=160)
    write_others(folder, height=90, width=160)
    blender.run("images.py", archive, folder)


def write_pngs(folder: Path, *, height: int, width: int) -> None:
    """Soft discs as PNGs of all kinds, with every filter that the programs know."""
    y, x = np.mgrid[:height, :width]
    disc = np.clip((30 - np.hypot(x - 60, y - 40)) / 12, 0, 1)
    noise = np.random.default_rng(5).random((height, width, 3))
    for bits, dtype in ((8, np.uint8), (16, np.uint16)):
        ending, most = ("", 255) if bits == 8 else ("_16", 65535)
        grey, colours = (disc * most).astype(dtype), (noise * disc[..., None] * most).astype(dtype)
        opaque = np.full_like(grey, most)
        pictures = {
            "grey": grey,
            "black": grey * 0,
            "colours": colours,
            "opaque": np.dstack([colours, opaque]),
            "alpha": np.dstack([(noise * most).astype(dtype), grey]),
            "black_alpha": np.dstack([colours, grey * 0]),
        }
        for name, pixels in pictures.items():
            assert cv2.imwrite(str(folder / f"{name}{ending}.png"), pixels)
    eight = (disc * 255).astype(np.uint8)
    seen = PillowImage.fromarray(eight)
    PillowImage.merge("LA", [seen, seen]).save(folder / "grey_alpha.png")
    seen.save(folder / "transparent_colour.png", transparency=255)
    seen.convert("P").save(folder / "palette.png")
    (folder / "interlaced.png").write_bytes(interlaced(eight))


def write_others(folder: Path, *, height: int, width: int) -> None:
    """A soft disc in the formats that Blender loads itself."""
    y, x = np.mgrid[:height, :width]
    disc = np.clip((30 - np.hypot(x - 60, y - 40)) / 12, 0, 1).astype(np.float32)
    whole = (disc * 255).astype(np.uint8)
    assert cv2.imwrite(str(folder / "grey_8.jpg"), whole)
    assert cv2.imwrite(str(folder / "grey_8.tif"), whole)
    assert cv2.imwrite(str(folder / "grey_16.tif"), (disc * 65535).astype(np.uint16))
    premultiplied = disc[..., None] * np.array([0.5, 0.5, 0.5, 1], np.float32)
    for name, pixels in (("grey", disc[..., None]), ("premultiplied", premultiplied)):
        file = oiio.ImageBuf(pixels)
        assert file.write(str(folder / f"{name}.exr"), "half"), file.geterror()


def interlaced(pixels: np.ndarray) -> bytes:
    """A grey PNG that grows finer (Adam7), which Pillow does not write."""
    steps = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2))
    parts = [pixels[y::up, x::along] for y, x, up, along in (*steps, (1, 0, 2, 1))]
    lines = b"".join(b"\0" + line.tobytes() for part in parts if part.size for line in part)
    head = struct.pack(">IIBBBBB", *pixels.shape[::-1], 8, 0, 0, 0, 1)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union."""
    return float((one & other).sum() / (one | other).sum())


def outline_of(label: np.ndarray) -> list[list[float]]:
    """The disc's border as a polygon, in pixels from the top left."""
    found, _ = cv2.findContours(label, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [[float(x) + 0.5, float(y) + 0.5] for x, y in found[0][:, 0]]
