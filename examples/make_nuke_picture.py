# SPDX-License-Identifier: Apache-2.0
"""Draws the graph of docs/nuke.md from the group that the plugin really makes.

    python -m examples.make_nuke_picture

The group is made in the tests' stand-in for Nuke, by the plugin's own code; names, classes,
wires and places are read from it.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from tests.nuke_fake.plugin import Session, installed, running

PICTURE = Path(__file__).parent.parent / "docs" / "pictures" / "nuke_graph.png"
LAYERS = ("creature", "ball")
COLOURS = {"Read": "#9db38c", "Roto": "#8a6fb0", "Group": "#4a7ba6", "Copy": "#a6784a"}
SCALE, WIDE, HIGH, MARGIN = 1.6, 156, 40, 40
BACK, INK, WIRE = "#3b3b3b", "#101010", "#c8c8c8"


def main() -> None:
    """Makes the picture."""
    with tempfile.TemporaryDirectory() as folder, running(installed(Path(folder))) as session:
        node = _script(session)
        outside = _drawn("the script", [n for n in session.nuke.allNodes() if n is not None])
        inside = _drawn(f"inside {node.name()}", node.nodes())
    _beside(outside, inside).save(PICTURE, optimize=True)
    sys.stdout.write(f"{PICTURE} written\n")


def _script(session: Session) -> Any:
    """A plate, paint, the node with two objects, and something downstream."""
    nodes, graph = session.nuke.nodes, session.part("graph")
    plate = nodes.Read(name="Plate", xpos=0, ypos=0)
    paint = nodes.Roto(name="Paint", xpos=180, ypos=90, inputs=[plate])
    node = graph.build(plate, paint)
    node.setXYpos(0, 200)
    graph.show_layers(node, LAYERS)
    nodes.Grade(name="Grade1", inputs=[node], xpos=0, ypos=300)
    return node


def _drawn(title: str, nodes: Iterable[Any]) -> Image.Image:
    nodes = [*nodes]
    left, top = min(n.xpos() for n in nodes), min(n.ypos() for n in nodes)
    places = {n: (SCALE * (n.xpos() - left), 70 + SCALE * (n.ypos() - top)) for n in nodes}
    width = int(max(x for x, _ in places.values())) + WIDE + 2 * MARGIN
    height = int(max(y for _, y in places.values())) + HIGH + MARGIN
    picture = Image.new("RGB", (width, height), BACK)
    draw = ImageDraw.Draw(picture)
    draw.text((MARGIN, 18), title, fill="white", font=ImageFont.load_default(20))
    for node, at in places.items():
        for number in range(node.inputs()):
            _wire(draw, places, node.input(number), at, number)
    for node, (x, y) in places.items():
        _box(draw, node, x + MARGIN, y)
    return picture


def _wire(draw: Any, places: Any, source: Any, at: Any, number: int) -> None:
    if source not in places:
        return
    x, y = places[source]
    start = (x + MARGIN + WIDE / 2, y + HIGH)
    end = (at[0] + MARGIN + WIDE / 2 + 30 * number, at[1])
    draw.line([start, end], fill=WIRE, width=2)
    draw.polygon([end, (end[0] - 5, end[1] - 10), (end[0] + 5, end[1] - 10)], fill=WIRE)


def _box(draw: Any, node: Any, x: float, y: float) -> None:
    colour = COLOURS.get(node.Class(), "#b5b5b5")
    draw.rounded_rectangle([x, y, x + WIDE, y + HIGH], 5, fill=colour, outline=INK)
    font, name = ImageFont.load_default(13), node.name()
    draw.text((x + 8, y + 4), name[:20], fill=INK, font=font)
    draw.text((x + 8, y + 21), _told(node), fill=INK, font=ImageFont.load_default(11))


def _told(node: Any) -> str:
    """The class, or what a Copy copies."""
    if node.Class() != "Copy":
        return str(node.Class())
    targets = [node[f"to{slot}"].value() for slot in range(4)]
    return " ".join(target.replace(".alpha", ".a") for target in targets if target != "none")[:24]


def _beside(left: Image.Image, right: Image.Image) -> Image.Image:
    whole = Image.new("RGB", (left.width + right.width, max(left.height, right.height)), BACK)
    whole.paste(left, (0, 0))
    whole.paste(right, (left.width, 0))
    return whole


if __name__ == "__main__":
    main()
