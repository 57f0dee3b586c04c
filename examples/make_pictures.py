# SPDX-License-Identifier: Apache-2.0
"""Makes the pictures of the README: the demo's contact sheet, as JPEG.

python examples/make_pictures.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

from engine_server.cli import main

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"


def make_demo_picture() -> None:
    """Runs the demo and keeps its contact sheet."""
    with tempfile.TemporaryDirectory() as folder:
        if main(["demo", "-o", folder]) != 0:
            raise SystemExit("the demo failed")
        sheet = Image.open(Path(folder) / "contact_sheet.png").convert("RGB")
        PICTURES.mkdir(parents=True, exist_ok=True)
        sheet.save(PICTURES / "demo.jpg", quality=88)


if __name__ == "__main__":
    make_demo_picture()
