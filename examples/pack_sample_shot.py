# SPDX-License-Identifier: Apache-2.0
"""Turn what ``make_sample_shot.py`` rendered into the shipped sample shot.

``python examples/pack_sample_shot.py RENDERED examples/sample_shot``
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its own manual uses
from PIL import Image

OBJECTS = {1: "creature", 2: "ball"}
PALETTE = (0, 0, 0, 128, 0, 0, 0, 128, 0)
REFERENCE_FRAMES = (1001, 1022, 1048)


def main() -> None:
    """Pack every rendered frame, then copy the reference masks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rendered", type=Path, help="holds plate/ and cover/")
    parser.add_argument("shot", type=Path, help="the folder to fill")
    parser.add_argument("--level", type=int, default=700, help="DWAB level: higher is smaller")
    options = parser.parse_args()
    for plate in sorted((options.rendered / "plate").glob("plate.*.exr")):
        pack_plate(plate, options.shot / "plate" / plate.name, options.level)
        pack_truth(options.rendered / "cover" / plate.name, options.shot)
    for frame in REFERENCE_FRAMES:
        name = f"plate.{frame}.png"
        shutil.copyfile(options.shot / "truth" / name, _ready(options.shot / "references" / name))


def pack_plate(source: Path, target: Path, level: int) -> None:
    """Write the picture again as half float RGB with DWAB, the lossy codec of film plates."""
    pixels = _read(source)
    height, width, _ = pixels.shape
    spec = oiio.ImageSpec(width, height, 3, oiio.HALF)
    spec.attribute("compression", f"dwab:{level}")
    output = oiio.ImageOutput.create(str(_ready(target)))
    if not (output.open(str(target), spec) and output.write_image(pixels) and output.close()):
        raise OSError(f"{target} cannot be written: {output.geterror()}")


def pack_truth(source: Path, shot: Path) -> None:
    """Write 8-bit alpha per object, and the index mask of what covers half a pixel or more."""
    cover = np.clip(_read(source), 0.0, 1.0)
    index = np.zeros(cover.shape[:2], np.uint8)
    for label, name in OBJECTS.items():
        alpha = np.rint(cover[..., label - 1] * 255).astype(np.uint8)
        folder = shot / "truth_alpha" / name
        Image.fromarray(alpha).save(_ready(folder / f"{source.stem}.png"), optimize=True)
        index[(alpha >= 128) & (index == 0)] = label
    mask = Image.fromarray(index)
    mask.putpalette(PALETTE)
    mask.save(_ready(shot / "truth" / f"{source.stem}.png"), optimize=True)


def _read(path: Path) -> np.ndarray:
    """Pixels as float32, H x W x 3."""
    image = oiio.ImageInput.open(str(path))
    if image is None:
        raise OSError(f"{path} cannot be read: {oiio.geterror()}")
    pixels = image.read_image(0, 0, 0, 3, oiio.FLOAT)
    image.close()
    return np.asarray(pixels)


def _ready(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


if __name__ == "__main__":
    main()
